"""API requests of real applications on real servers: each is counted once, with what was really sent."""

import asyncio
import base64
import contextlib
import http.client
import json
import os
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from eventsink.client.asgi import AsgiTracker
from eventsink.client.clowder2 import CLOWDER2
from eventsink.client.identity_of import ANONYMOUS, Identity, identity_of
from eventsink.client.tracking import Meaning, Request, Tracking
from eventsink.client.wsgi import WsgiTracker
from eventsink.testing import RecordingSink
from tests import processes
from tests.client.apps import __file__ as apps
from tests.servers.process import free_ports
from tests.sink_process import SinkProcess

ROOT = Path(apps).parents[3]
PIECE = 65_536


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    made = SinkProcess(tmp_path_factory.mktemp("tracking") / "var")
    yield made.start()
    made.close()


@contextlib.contextmanager
def serving(sink: SinkProcess, folder: Path, *command: str) -> Iterator[int]:
    """An application on a server, until it is told to end."""
    (port,) = free_ports(1)
    variables = {**os.environ, "EVENTSINK_URL": sink.url, "EVENTSINK_KEY": sink.key, "XDG_STATE_HOME": str(folder)}
    log = (folder / "server.log").open("wb")
    words = [sys.executable, "-m", *(word.replace("PORT", str(port)) for word in command)]
    server = processes.start(words, env=variables, cwd=ROOT, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            assert server.poll() is None and time.monotonic() < deadline, (folder / "server.log").read_text()
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        processes.end(server)
        log.close()


def ask(port: int, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def abort(port: int, path: str, after: int) -> None:
    """Ask for something, read so many bytes of it, and hang up hard."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        read = 0
        while read < after:
            read += len(connection.recv(4096))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def found(sink: SinkProcess, source: str, kind: str, least: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while True:
        _, answer = sink.request("GET", f"/v1/events?source={source}&type={kind}&limit=10000&order=asc")
        if len(answer["events"]) >= least:
            return list(answer["events"])
        assert time.monotonic() < deadline, f"{len(answer['events'])} of {least}"
        time.sleep(0.1)


def flood(port: int, path: str, each: int, clients: int = 4) -> None:
    def run() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for number in range(each):
            connection.request("GET", path.replace("N", str(number % 10)))
            connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def token(**claims: Any) -> str:
    """A token as Keycloak's; nobody verifies it here."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "x"}, claims)
    ]
    return ".".join([*parts, "hush"])


# --- servers ---------------------------------------------------------------------------------------------------------


def test_requests_to_fastapi_are_counted_with_their_meaning(sink: SinkProcess, tmp_path: Path) -> None:
    with serving(
        sink, tmp_path, "uvicorn", "tests.client.apps.fast:app", "--port", "PORT", "--log-level", "error"
    ) as port:
        bearer = {"Authorization": f"Bearer {token(email='alice@example.org')}"}
        assert ask(port, "/api/v2/datasets/64d?key=hush", **bearer)[0] == 200
        assert ask(port, "/api/v2/datasets/forbidden", **bearer)[0] == 403
        assert ask(port, "/api/v2/datasets/broken")[0] == 500
        assert ask(port, "/nowhere")[0] == 404
        assert len(ask(port, "/api/v2/files/3")[1]) == 3 * PIECE
        assert ask(port, "/range", Range="bytes=0-99")[0] == 206
        assert ask(port, "/healthz")[0] == 200
        form = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"y" * 5000 + b"\r\n--b--\r\n"
        )
        uploaded = ask(port, "/api/v2/datasets/64d/files", "POST", form, Content_Type="multipart/form-data; boundary=b")
        assert json.loads(uploaded[1]) == {"bytes": len(form)}
        abort(port, "/api/v2/files/1000", 3 * PIECE)
        flood(port, "/api/v2/datasets/N", 100)
        requests = found(sink, "fast", "traffic.api_request", 408)  # at its end it waits a second at most for a sink
        views = found(sink, "fast", "traffic.resource_viewed", 401)
        downloads = found(sink, "fast", "traffic.resource_downloaded", 2)
        (upload,) = found(sink, "fast", "storage.file_uploaded", 1)
    assert len(requests) == 408
    seen = {(e["data"]["route"], e["data"]["status"]): e for e in requests}
    alice = seen["/api/v2/datasets/{dataset_id}", 200]
    assert (seen["", 404]["data"]["method"], seen["/range", 206]["data"]["bytes"]) == ("GET", 100)
    assert seen["/api/v2/datasets/{dataset_id}", 500]["data"]["identity"] == "anonymous"
    forbidden = seen["/api/v2/datasets/{dataset_id}", 403]
    assert "user" not in forbidden and forbidden["data"]["identity"] == "anonymous"
    assert alice["data"]["duration_ms"] > 0
    sent = [e["data"]["bytes"] for e in requests if e["data"]["route"] == "/api/v2/files/{file_id}"]
    assert sent[0] == 3 * PIECE and 3 * PIECE <= sent[1] < 200 * PIECE, "of what was broken off, what was sent"
    assert len(views) == 401 and views[0]["user"] == "alice@example.org"
    assert views[0]["data"] == {"resource_type": "dataset", "resource_id": "64d"}
    assert downloads[0]["data"] == {"resource_type": "file", "resource_id": "3", "bytes": 3 * PIECE}
    assert 5000 < upload["data"]["bytes"] == len(form)
    _, everything = sink.request("GET", "/v1/events?source=fast&limit=10000")
    assert "hush" not in json.dumps(everything)


@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_requests_to_flask_on_gunicorn_with_preload_are_counted(sink: SinkProcess, tmp_path: Path, kind: str) -> None:
    before = Counter(e["data"]["route"] for e in found(sink, "flask", "traffic.api_request", 0))
    command = ["gunicorn", "--preload", "--workers", "2", "--worker-class", kind, "--threads", "2"]
    with serving(sink, tmp_path, *command, "--bind", "127.0.0.1:PORT", "tests.client.apps.flasks:app") as port:
        flood(port, "/things/N", 100)
        assert ask(port, "/things/13")[0] == 404
        assert ask(port, "/things/99")[0] == 500
        assert len(ask(port, "/stream/3")[1]) == 3 * PIECE
        assert len(ask(port, "/file")[1]) == (Path(apps).parent / "flasks.py").stat().st_size
        assert ask(port, "/healthz")[0] == 200
        abort(port, "/stream/1000", 2 * PIECE)
        requests = found(sink, "flask", "traffic.api_request", before.total() + 405)[before.total() :]
        loaded = found(sink, "flask", "demo.loaded", 1)
    routes = Counter(e["data"]["route"] for e in requests)
    assert routes == {"/things/<int:number>": 402, "/stream/<int:pieces>": 2, "/file": 1}
    by_route = {(e["data"]["route"], e["data"]["status"]): e["data"] for e in requests}
    assert by_route["/things/<int:number>", 404] and by_route["/things/<int:number>", 500]
    assert by_route["/file", 200]["bytes"] == (Path(apps).parent / "flasks.py").stat().st_size
    streams = sorted(e["data"]["bytes"] for e in requests if e["data"]["route"] == "/stream/<int:pieces>")
    assert streams[0] == 3 * PIECE and 2 * PIECE <= streams[1] < 1000 * PIECE
    assert len({event["id"] for event in loaded}) == len(loaded) and len(loaded) in {1, 2}, "once a start, not a worker"


def test_requests_to_django_are_counted(sink: SinkProcess, tmp_path: Path) -> None:
    with serving(sink, tmp_path, "gunicorn", "--bind", "127.0.0.1:PORT", "tests.client.apps.djangos:app") as port:
        flood(port, "/things/N/", 25)
        assert ask(port, "/things/13/")[0] == ask(port, "/nowhere/")[0] == 404
        requests = found(sink, "django", "traffic.api_request", 102)
    assert Counter((e["data"]["route"], e["data"]["status"]) for e in requests) == {
        ("/things/<int:number>/", 200): 100,
        ("/things/<int:number>/", 404): 1,
        ("", 404): 1,
    }


# --- who asks --------------------------------------------------------------------------------------------------------


def signed(**payload: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode() + ".hush.hush"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"authorization": f"Bearer {token(email='a@b.org')}"}, Identity("a@b.org", "user")),
        ({"authorization": f"bearer {token(sub='123')}"}, Identity("123", "user")),
        ({"cookie": f"x=1; Authorization=Bearer%20{token(email='a@b.org')}"}, Identity("a@b.org", "user")),
        ({"x-api-key": signed(user="a@b.org", key="k")}, Identity("a@b.org", "key")),
        ({"authorization": "Bearer a.b.c"}, ANONYMOUS),
        ({"authorization": "Bearer " + "a" * 10**6}, ANONYMOUS),
        ({"authorization": "Basic dTpw"}, ANONYMOUS),
        ({"x-api-key": ".eJx"}, ANONYMOUS),
        ({"x-api-key": "\udc80"}, ANONYMOUS),
        ({"cookie": "Authorization"}, ANONYMOUS),
        ({}, ANONYMOUS),
    ],
)
def test_who_asks_is_read_as_clowder_reads_it(headers: dict[str, str], expected: Identity) -> None:
    assert identity_of(headers) == expected


# --- which requests --------------------------------------------------------------------------------------------------


class _Kept:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def capture(self, type: str, /, *, user: str | None = None, **data: Any) -> None:  # noqa: A002
        self.events.append((type, data | ({"user": user} if user else {})))


def _request(**given: Any) -> Request:
    known = {"method": "GET", "path": "/x/1", "route": "/x/{id}", "parameters": {"id": 1}, "status": 200}
    return Request(**(known | {"seconds": 0.1, "bytes": 5, "received": 0, "headers": {}} | given))


def test_who_asks_may_be_read_from_any_header() -> None:
    """As where a proxy in front says who it is."""
    sink, seen = RecordingSink(), []

    def identify(headers: Mapping[str, str]) -> Identity:
        seen.append(dict(headers))
        return Identity(headers.get("x-forwarded-user"), "user")

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def take(message: Any) -> None:
        """It is gone."""

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-forwarded-user", b"alice"), (b"te", b"x")]}
    asyncio.run(AsgiTracker(answer, sink, identify=identify)(scope, take, take))

    def plain(_: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        return [b"x"]

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_X_FORWARDED_USER": "bob", "HTTP_TE": "x"}
    WsgiTracker(plain, sink, identify=identify)(environ, lambda *_: None).close()  # type: ignore[attr-defined]
    assert [event["user"] for event in sink.events] == ["alice", "bob"]
    assert seen == [{"x-forwarded-user": user, "te": "x"} for user in ("alice", "bob")]


def test_what_is_left_out_and_what_has_a_meaning() -> None:
    kept, meaning = _Kept(), Meaning("GET", "/x/<int:whatever>", "demo.x", {"a": "{id}", "b": "{c}", "d": 1}, "size")
    tracking = Tracking(kept, skip=("/health*",), sample=0.0, meanings=[meaning])
    for request in (_request(), _request(status=404), _request(path="/healthz"), _request(method="POST")):
        tracking.note(request)
    assert kept.events == [("demo.x", {"a": "1", "d": 1, "size": 5})]


def test_a_sample_is_a_share() -> None:
    kept = _Kept()
    tracking = Tracking(kept, sample=0.5)
    for _ in range(1000):
        tracking.note(_request())
    assert 400 < len(kept.events) < 600


def test_who_cannot_be_identified_is_counted_all_the_same() -> None:
    kept = _Kept()
    identify: Callable[..., Any] = lambda headers: 1 / 0  # noqa: E731
    Tracking(kept, identify=identify).note(_request())
    ((kind, data),) = kept.events
    assert kind == "traffic.api_request" and data["route"] == "/x/{id}" and data["identity"] == "anonymous"


@pytest.mark.parametrize(
    "claims", [{"email": "a" * 5000}, {"email": "a\0b"}, b'{"x":' + b"[" * 9000], ids=["long", "odd", "deep"]
)
def test_nobody_hides_behind_what_is_said_of_him(claims: Any) -> None:
    sink = RecordingSink()
    middle = base64.urlsafe_b64encode(claims if isinstance(claims, bytes) else json.dumps(claims).encode()).decode()
    meanings = [Meaning("GET", "/f/{id}", "traffic.resource_downloaded", {"resource_type": "file"}, "bytes")]
    headers = {"authorization": f"Bearer a.{middle}.c"}
    Tracking(sink, meanings=meanings).note(Request("GET", "/f/1", "/f/{id}", {}, 200, 0.1, 5, 0, headers))
    assert [event["type"] for event in sink.events] == ["traffic.api_request", "traffic.resource_downloaded"]
    assert not any(event.get("user") for event in sink.events)


def test_what_has_no_body_has_no_bytes() -> None:
    sink = RecordingSink()

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 5000})  # servers leave it out

    async def take(message: Any) -> None:
        """It is gone."""

    asyncio.run(AsgiTracker(answer, sink)({"type": "http", "method": "HEAD", "path": "/", "headers": []}, take, take))
    assert sink.events[0]["data"]["bytes"] == 0


def test_wsgi_servers_see_how_many_pieces_an_answer_has() -> None:
    """Of one piece they know the length, and say it (PEP 3333)."""

    def plain(_: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        return [b"x"]

    def flowing(_: Any, start: Any) -> Any:
        start("200 OK", [])
        yield b"x"

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    sized: Any = WsgiTracker(plain, RecordingSink())(environ, lambda *_: None)
    assert len(sized) == 1 and list(sized) == [b"x"]
    assert not hasattr(WsgiTracker(flowing, RecordingSink())(environ, lambda *_: None), "__len__")


def test_a_router_that_is_included_under_a_prefix_is_told_with_it() -> None:
    router, inner = APIRouter(), APIRouter()
    router.add_api_route("/{dataset_id}", lambda dataset_id: dataset_id)
    inner.include_router(router, prefix="/datasets")
    app, sink = FastAPI(), RecordingSink()
    app.include_router(inner, prefix="/api/v2")
    app.add_middleware(AsgiTracker, sink=sink, meanings=CLOWDER2, prefix="/api/v2")

    async def receive() -> Any:
        return {"type": "http.request"}

    async def take(message: Any) -> None:
        """It is gone."""

    scope = {"type": "http", "method": "GET", "path": "/api/v2/datasets/7", "headers": [], "query_string": b""}
    asyncio.run(app(scope, receive, take))
    assert [event["type"] for event in sink.events] == ["traffic.api_request", "traffic.resource_viewed"]
    assert sink.events[0]["data"]["route"] == "/api/v2/datasets/{dataset_id}"


@pytest.mark.parametrize(
    ("found", "user", "kind"),
    [
        (Identity(7, "user"), "7", "user"),
        (Identity("a", "admin"), "a", "user"),
        (Identity(None, "user"), None, "anonymous"),
        (None, None, "anonymous"),
        ("nonsense", None, "anonymous"),
    ],
    ids=["number", "kind", "nobody", "nothing", "text"],
)
def test_whatever_identify_gives_a_request_is_told_once_and_whole(found: Any, user: str | None, kind: str) -> None:
    sink = RecordingSink()
    Tracking(sink, identify=lambda _: found).note(_request())
    (event,) = sink.events
    assert (event.get("user"), event["data"]["identity"], event["data"]["route"]) == (user, kind, "/x/{id}")


def test_a_meaning_may_name_its_user() -> None:
    kept, meaning = _Kept(), Meaning("get", "/x/{id}", "users.login", {"user": "{id}"})
    Tracking(kept, sample=0.0, meanings=[meaning]).note(_request())
    assert kept.events == [("users.login", {"user": "1"})]


@pytest.mark.parametrize("length", ["9" * 5000, "²", "-1", "x"])
def test_a_length_that_is_none_harms_nobody(length: str) -> None:
    sink = RecordingSink()

    def plain(_: Any, start: Any) -> list[bytes]:
        start("200 OK", [("Content-Length", length)])
        return [b"x"]

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "CONTENT_LENGTH": length}
    answer: Any = WsgiTracker(plain, sink)(environ, lambda *_: None)
    assert list(answer) == [b"x"]
    answer.close()
    assert sink.events[0]["data"]["bytes"] == 1


def test_a_file_that_the_server_sends_itself_may_be_of_any_kind() -> None:
    class File:
        __slots__ = ()

    sink = RecordingSink()

    def plain(environ: Any, start: Any) -> Any:
        start("200 OK", [("Content-Length", "7")])
        return environ["wsgi.file_wrapper"]()

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.file_wrapper": File}
    assert isinstance(WsgiTracker(plain, sink)(environ, lambda *_: None), File)
    assert sink.events[0]["data"]["bytes"] == 7


def test_a_route_that_fails_when_it_is_looked_at_breaks_no_request() -> None:
    class Odd:
        @property
        def path_format(self) -> str:
            raise RuntimeError("odd")

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "route": Odd()}
    asyncio.run(AsgiTracker(app, RecordingSink())(scope, None, send))
    assert len(sent) == 1
