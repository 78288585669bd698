"""Django."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from eventsink import SinkService
from eventsink.client.wsgi import WsgiTracker


def thing(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse("thing", status=404 if number == 13 else 200)


settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="test")
urlpatterns = [path("things/<int:number>/", thing)]
app = WsgiTracker(get_wsgi_application(), SinkService(source="django"))
