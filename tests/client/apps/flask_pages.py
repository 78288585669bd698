"""Flask, with pages."""

from collections.abc import Iterator

from flask import Flask, Response, abort, request, send_file

from eventsink.client.wsgi_snippet import WsgiSnippet
from tests.client.apps.pages import COOKIE, FILE, HTML, PIECE, SNIPPET

app = Flask(__name__)
app.wsgi_app = WsgiSnippet(app.wsgi_app, SNIPPET)  # type: ignore[method-assign]


@app.get("/page")
def page() -> Response:
    answer = Response(HTML, headers={"Set-Cookie": COOKIE, "Content-MD5": "x"})
    answer.set_etag("v1")
    return answer


@app.get("/conditional")
def conditional() -> Response:
    answer = Response(HTML)
    answer.set_etag("v1")
    answer.make_conditional(request, accept_ranges=True, complete_length=len(HTML.encode()))
    return answer


@app.get("/json")
def data() -> dict[str, str]:
    return {"html": HTML}


@app.get("/stream/<int:pieces>")
def stream(pieces: int) -> Response:
    def made() -> Iterator[bytes]:
        yield b"<html><head>"
        yield b"<title></title></he"
        yield b"ad><body>"
        for _ in range(pieces):
            yield PIECE

    return Response(made(), mimetype="text/html")


@app.get("/broken")
def broken() -> Response:
    def made() -> Iterator[bytes]:
        yield HTML.encode()
        raise RuntimeError("a bug in the middle")

    return Response(made(), mimetype="text/html")


@app.get("/error")
def error() -> Response:
    raise RuntimeError("a bug")


@app.get("/missing")
def missing() -> Response:
    abort(404)


@app.get("/file")
def file() -> Response:
    return send_file(FILE)


@app.get("/download")
def download() -> Response:
    return send_file(FILE, as_attachment=True)


@app.get("/nonce")
def nonce() -> Response:
    return Response(HTML, headers={"Content-Security-Policy": "script-src 'nonce-r4nd0m'; object-src 'none'"})
