"""Django, with pages and its own compression."""

from collections.abc import Iterator

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from eventsink.client.wsgi_snippet import WsgiSnippet
from tests.client.apps.pages import COOKIE, FILE, HTML, PIECE, SNIPPET


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(HTML, headers={"Set-Cookie": COOKIE})


def data(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"html": HTML})


def stream(request: HttpRequest, pieces: int) -> StreamingHttpResponse:
    def made() -> Iterator[bytes]:
        yield from (b"<html><head>", b"<title></title></he", b"ad><body>")
        for _ in range(pieces):
            yield PIECE

    return StreamingHttpResponse(made())


def error(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a bug")


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(FILE.open("rb"))


def download(request: HttpRequest) -> FileResponse:
    return FileResponse(FILE.open("rb"), as_attachment=True)


def nonce(request: HttpRequest) -> HttpResponse:
    return HttpResponse(HTML, headers={"Content-Security-Policy": "script-src 'nonce-r4nd0m'; object-src 'none'"})


settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="test",
    MIDDLEWARE=[
        "django.middleware.gzip.GZipMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
)
urlpatterns = [
    path("page", page),
    path("json", data),
    path("stream/<int:pieces>", stream),
    path("error", error),
    path("file", file),
    path("download", download),
    path("nonce", nonce),
]
app = WsgiSnippet(get_wsgi_application(), SNIPPET)
