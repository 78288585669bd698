"""Flask."""

from collections.abc import Iterator

from flask import Flask, Response, abort, send_file

from eventsink import SinkService
from eventsink.client.wsgi import WsgiTracker

sink = SinkService(source="flask")
sink.capture("demo.loaded")
app = Flask(__name__)
app.wsgi_app = WsgiTracker(app.wsgi_app, sink)  # type: ignore[method-assign]


@app.get("/things/<int:number>")
def thing(number: int) -> str:
    if number == 13:
        abort(404)
    if number == 99:
        raise RuntimeError("a bug")
    return "thing"


@app.get("/stream/<int:pieces>")
def stream(pieces: int) -> Response:
    def made() -> Iterator[bytes]:
        for _ in range(pieces):
            yield b"x" * 65_536

    return Response(made())


@app.get("/file")
def file() -> Response:
    return send_file(__file__)


@app.get("/healthz")
def healthz() -> str:
    return "ok"
