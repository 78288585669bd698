"""Pages of real applications on real servers get the snippet once; whatever else they answer stays what it was."""

import asyncio
import gzip
import http.client
import io
import socket
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from eventsink.client.asgi_snippet import AsgiSnippet
from eventsink.client.html import Insertion
from eventsink.client.html_pages import Pages
from eventsink.client.wsgi_snippet import WsgiSnippet
from tests.client.apps.pages import FILE, HTML, PAGE, PIECE, SNIPPET
from tests.servers.process import Server, free_ports

ROOT = Path(__file__).parents[2]
TAG = SNIPPET.encode()
WHOLE = PAGE.replace("@", SNIPPET).encode()
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Encoding": "gzip, deflate, br, zstd"}
NONCED = PAGE.replace("@", SNIPPET.replace("></script>", ' nonce="r4nd0m"></script>')).encode()


class App(Server):
    """An application on its server."""

    def __init__(self, folder: Path, *words: str) -> None:
        super().__init__(words[-1].rpartition(".")[2], folder)
        (self.port,) = free_ports(1)
        self._words = words

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """The server."""
        words = [word.replace("PORT", str(self.port)) for word in self._words]
        return [sys.executable, "-m", *words], {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}

    def answers(self) -> bool:
        """Whether it answers."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


APPS = {
    "flask": ("gunicorn", "--worker-class", "gthread", "--threads", "4", "--bind", "127.0.0.1:PORT", "flask_pages:app"),
    "fastapi": ("uvicorn", "--port", "PORT", "--log-level", "critical", "fast_pages:app"),
    "django": ("gunicorn", "--bind", "127.0.0.1:PORT", "django_pages:app"),
}


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The applications, all of them started at once."""
    made = {
        name: App(tmp_path_factory.mktemp(name), *words[:-1], f"tests.client.apps.{words[-1]}")
        for name, words in APPS.items()
    }
    try:
        for app in made.values():
            app.launch()
        for app in made.values():
            app.wait()
        yield {name: app.port for name, app in made.items()}
    finally:
        for app in made.values():
            app.close()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


every_app = pytest.mark.parametrize("app", APPS)


@every_app
def test_a_page_has_the_snippet_once(ports: dict[str, int], app: str) -> None:
    status, headers, body = ask(ports[app], "/page")
    assert (status, body) == (200, WHOLE)
    assert headers.get("Content-Length", str(len(WHOLE))) == str(len(WHOLE))
    assert headers.get("ETag", "W/").startswith("W/")
    assert not {"content-md5", "digest", "accept-ranges"}.intersection(name.lower() for name in headers)
    if app != "fastapi":
        assert headers["Set-Cookie"] == "session=1; Path=/"


@every_app
def test_a_compressed_page_has_it_too(ports: dict[str, int], app: str) -> None:
    status, headers, body = ask(ports[app], "/page", **BROWSER)
    assert status == 200
    if app != "flask":
        assert headers["Content-Encoding"] == "gzip" and len(body) < 2000
        body = gzip.decompress(body)
    assert body == WHOLE
    assert headers.get("Content-Length") in {None, str(len(ask(ports[app], "/page", **BROWSER)[2]))}


@every_app
def test_a_page_that_streams_has_it(ports: dict[str, int], app: str) -> None:
    expected = b"<html><head><title></title>" + TAG + b"</head><body>"
    for pieces in (0, 100):
        status, headers, body = ask(ports[app], f"/stream/{pieces}")
        assert status == 200 and body == expected + PIECE * pieces and "Content-Length" not in headers
        status, headers, body = ask(ports[app], f"/stream/{pieces}", **BROWSER)
        body = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
        assert status == 200 and body == expected + PIECE * pieces


def test_pieces_go_on_at_once(ports: dict[str, int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ports["fastapi"], timeout=30)
    connection.request("GET", "/held")
    answer = connection.getresponse()
    assert answer.read1(1000) == b"<html><head>", "the rest is not even made"
    assert ask(ports["fastapi"], "/go-on")[0] == 200
    assert answer.read() == b"<title></title>" + TAG + b"</head><body>"
    connection.close()


@every_app
def test_a_nonce_of_the_policy_is_on_the_tag(ports: dict[str, int], app: str) -> None:
    _, headers, body = ask(ports[app], "/nonce")
    assert body == NONCED and headers["Content-Security-Policy"] == "script-src 'nonce-r4nd0m'; object-src 'none'"


@every_app
def test_head_says_what_get_does(ports: dict[str, int], app: str) -> None:
    status, headers, body = ask(ports[app], "/page", "HEAD")
    assert (status, body) == (200, b"") and "Content-Length" not in headers
    assert headers.get("ETag", "W/").startswith("W/")
    if app != "fastapi":  # which has HEAD only where it is written
        assert ask(ports[app], "/json", "HEAD")[1]["Content-Length"] == ask(ports[app], "/json")[1]["Content-Length"]


@every_app
def test_what_is_no_page_is_left_alone(ports: dict[str, int], app: str) -> None:
    status, headers, body = ask(ports[app], "/json")
    assert status == 200 and TAG not in body and headers["Content-Length"] == str(len(body))
    status, headers, body = ask(ports[app], "/download")
    assert body == FILE.read_bytes() and headers["Content-Length"] == str(len(body))
    assert ask(ports[app], "/nowhere")[0] == 404
    assert ask(ports[app], "/page", "POST")[0] in {200, 405}
    status, _, body = ask(ports[app], "/error")
    assert status == 500 and TAG not in body


@every_app
def test_a_page_in_a_file_has_it_and_its_parts_have_not(ports: dict[str, int], app: str) -> None:
    _, headers, body = ask(ports[app], "/file")
    assert body == FILE.read_bytes().replace(b"</head>", TAG + b"</head>")
    assert headers.get("Content-Length") in {None, str(len(body))} and "Accept-Ranges" not in headers
    if app == "fastapi":
        status, headers, body = ask(ports[app], "/file", Range="bytes=0-79")
        assert (status, body) == (206, FILE.read_bytes()[:80]) and "Accept-Ranges" in headers


def test_a_page_that_is_still_good_is_not_sent_again(ports: dict[str, int]) -> None:
    for app, path in (("flask", "/conditional"), ("django", "/page")):
        _, headers, _ = ask(ports[app], path)
        assert headers["ETag"].startswith("W/")
        assert ask(ports[app], path, If_None_Match=headers["ETag"])[0] == 304
    status, _, body = ask(ports["flask"], "/conditional", Range="bytes=0-99")
    assert (status, body) == (206, HTML.encode()[:100])


def test_what_breaks_in_the_middle_breaks_for_the_browser_too(ports: dict[str, int]) -> None:
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(ports["flask"], "/broken")
    assert caught.value.partial in {b"", WHOLE}
    assert ask(ports["fastapi"], "/broken")[2] == WHOLE, "which Starlette ends as if nothing had been"
    for port in ports.values():
        assert ask(port, "/page")[0] == 200


def test_a_client_that_hangs_up_harms_nobody(ports: dict[str, int]) -> None:
    for port in ports.values():
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(b"GET /stream/1000 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(1000)
        assert ask(port, "/page")[0] == 200


# --- WSGI, call by call ----------------------------------------------------------------------------------------------

PLAIN = [("Content-Type", "text/html; charset=utf-8")]
SHORT = b"<head></head>"
CHANGED = b"<head>" + TAG + b"</head>"


class Wsgi:
    """What a server sees of an answer."""

    def __init__(self, app: Callable[..., Iterable[bytes]], method: str = "GET", **environ: Any) -> None:
        self.begun: list[tuple[str, list[tuple[str, str]]]] = []
        self.written = b""
        self.environ = {"REQUEST_METHOD": method, "PATH_INFO": "/", "SCRIPT_NAME": "", "QUERY_STRING": "", **environ}
        self.answer: Any = WsgiSnippet(app, SNIPPET)(self.environ, self.start)

    def start(self, status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], None]:
        if any(error) and self.written:
            raise error[0][1]
        assert any(error) or not self.begun
        self.begun.append((status, headers))
        return self.write

    def write(self, piece: bytes) -> None:
        self.written += piece

    def read(self) -> bytes:
        for piece in self.answer:
            assert self.begun or not piece
            self.write(piece)
        getattr(self.answer, "close", lambda: None)()
        return self.written

    def headers(self) -> dict[str, str]:
        return dict(self.begun[-1][1])


def answering(answer: Any, *headers: tuple[str, str], status: str = "200 OK") -> Callable[..., Any]:
    def app(environ: Any, start: Any) -> Any:
        start(status, [*PLAIN, *headers])
        return answer

    return app


def test_wsgi_a_whole_page_has_its_new_length() -> None:
    for answer in ([SHORT], (SHORT,)):
        seen = Wsgi(answering(answer, ("Content-Length", "13")))
        assert (
            len(seen.answer) == 1 and seen.read() == CHANGED and seen.headers()["Content-Length"] == str(len(CHANGED))
        )
    seen = Wsgi(answering(iter([SHORT]), ("Content-Length", "13")))
    assert seen.read() == CHANGED and seen.headers()["Content-Length"] == str(len(CHANGED))
    seen = Wsgi(answering([b"<head>", b"</he", b"ad>"], ("Content-Length", "13")))
    assert len(seen.answer) == 3 and seen.read() == CHANGED and "Content-Length" not in seen.headers()


def test_wsgi_what_has_no_place_for_it_is_as_it_was() -> None:
    headers = [("Content-Length", "8"), ("ETag", '"x"'), ("Accept-Ranges", "bytes"), ("Content-MD5", "x")]
    seen = Wsgi(answering([b"<p>x</p>"], *headers))
    assert seen.read() == b"<p>x</p>" and seen.begun[0][1] == [*PLAIN, *headers]
    assert Wsgi(answering([])).read() == Wsgi(answering(iter([]))).read() == b""


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("206 Partial Content", []),
        ("404 Not Found", []),
        ("204 No Content", []),
        ("302 Found", []),
        ("odd", []),
        ("200 OK", [("Content-Disposition", "attachment")]),
        ("200 OK", [("Content-Range", "bytes 0-12/13")]),
        ("200 OK", [("Content-Encoding", "br")]),
        ("200 OK", [("Content-Encoding", "gzip, gzip")]),
        ("200 OK", [("Content-Type", "text/plain")]),
        ("200 OK", [("Content-Type", "text/html; charset=utf-16")]),
        ("200 OK", [("Content-Type", "text/html;charset=ISO-2022-JP")]),
        ("200 OK", [("Content-Type", "text/html; charset=cp037")]),
        ("200 OK", [("Content-Type", 'text/html; charset="utf-7"')]),
    ],
)
def test_wsgi_what_is_not_to_be_changed_is_the_very_same(status: str, headers: list[tuple[str, str]]) -> None:
    answer = [SHORT]
    given = headers if any(name == "Content-Type" for name, _ in headers) else [*PLAIN, *headers]

    def app(environ: Any, start: Any) -> Any:
        start(status, given)
        return answer

    seen = Wsgi(app)
    assert seen.answer is answer and seen.begun == [(status, given)] and seen.begun[0][1] is given
    assert Wsgi(app, "POST").answer is answer


def test_wsgi_pages_of_other_charsets_are_changed() -> None:
    for charset in ("latin-1", "Shift_JIS", "gb18030", "big5", "euc-kr", "windows-1252", "x-nobody-knows", "utf-8"):
        app = answering([SHORT])
        headers = [("Content-Type", f"text/html; charset={charset}")]
        assert Wsgi(lambda environ, start, h=headers, app=app: app(environ, lambda s, _: start(s, h))).read() == CHANGED


def test_wsgi_the_files_of_a_server_stay_with_it() -> None:
    def app(environ: Any, start: Any) -> Any:
        start("200 OK", [("Content-Type", environ["kind"])])
        return environ["wsgi.file_wrapper"](io.BytesIO(SHORT))

    seen = Wsgi(app, kind="text/plain", **{"wsgi.file_wrapper": FileWrapper})
    assert type(seen.answer) is FileWrapper
    assert Wsgi(app, kind="text/html", **{"wsgi.file_wrapper": FileWrapper}).read() == CHANGED


def test_wsgi_what_is_written_is_changed_too() -> None:
    def app(environ: Any, start: Any) -> Any:
        write = start("200 OK", [*PLAIN, ("Content-Length", "26")])
        write(b"<head></he")
        write(b"")
        write(b"ad>")
        return [b"</hea", b"d><x></"]

    seen = Wsgi(app)
    assert seen.read() == CHANGED + b"</head><x></" and "Content-Length" not in seen.headers()

    def empty(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)(b"<p></he")
        return []

    assert Wsgi(empty).read() == b"<p></he", "what was held back comes when it is over"


def test_wsgi_an_answer_may_begin_late_and_change_its_mind() -> None:
    def late(environ: Any, start: Any) -> Any:
        yield b""
        start("200 OK", PLAIN)
        yield SHORT

    assert Wsgi(late).read() == CHANGED

    def fails(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        try:
            raise ValueError("a bug")
        except ValueError:
            start("500 No", [("Content-Type", "text/plain")], sys.exc_info())
        return [SHORT]

    seen = Wsgi(fails)
    assert seen.read() == SHORT and [status for status, _ in seen.begun] == ["500 No"]

    def fails_late(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        yield b"<head>"
        try:
            raise ValueError("a bug")
        except ValueError:
            start("500 No", PLAIN, sys.exc_info())
        yield b"never"

    with pytest.raises(ValueError, match="a bug"):
        Wsgi(fails_late).read()

    def twice(environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        start("200 OK", PLAIN)
        return [SHORT]

    with pytest.raises(AssertionError):
        Wsgi(twice)


def test_wsgi_an_answer_is_closed_and_its_exceptions_are_its_own() -> None:
    class Answer:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            yield b"<head></he"
            raise ValueError("a bug")

        def close(self) -> None:
            self.closed += 1

    answer = Answer()
    seen = Wsgi(answering(answer))
    with pytest.raises(ValueError, match="a bug"):
        seen.read()
    seen.answer.close()
    assert answer.closed == 1 and seen.written == b"<head>"


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "Deflate "])
def test_wsgi_pieces_of_compressed_pages_can_be_read_at_once(coding: str) -> None:
    wrapped = 31 if "gzip" in coding else -15 if coding == "deflate" else 15
    out = zlib.compressobj(wbits=wrapped)
    pieces = [out.compress(b"<head></head><p>") + out.flush(zlib.Z_SYNC_FLUSH), out.compress(b"x") + out.flush()]
    seen, reader = Wsgi(answering(iter(pieces), ("Content-Encoding", coding))), zlib.decompressobj(wrapped)
    assert reader.decompress(next(seen.answer)) == CHANGED + b"<p>"
    assert reader.decompress(b"".join(seen.answer)) == b"x" and reader.eof


def test_wsgi_it_keeps_to_the_specification() -> None:
    def page(environ: Any, start: Any) -> Any:
        start("200 OK", [*PLAIN])
        return [SHORT]

    def pieces(environ: Any, start: Any) -> Any:
        start("200 OK", [*PLAIN])
        yield b"<head></he"
        yield b"ad>"

    for app, method in ((page, "GET"), (pieces, "GET"), (page, "HEAD")):
        environ: dict[str, Any] = {"REQUEST_METHOD": method, "HTTP_ACCEPT_ENCODING": "br", "HTTP_ACCEPT": "text/html"}
        setup_testing_defaults(environ)
        environ["QUERY_STRING"] = ""
        answer: Any = validator(WsgiSnippet(validator(app), SNIPPET))(environ, lambda *_: lambda _: None)
        if method == "GET":
            assert b"".join(answer) == CHANGED
        answer.close()


# --- both ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepts", "codings", "left"),
    [
        ("text/html", "gzip, deflate, br, zstd", "gzip, deflate"),
        ("text/html", "br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip;q=0.8"),
        ("text/html", "br", "identity"),
        ("text/html", "*", "identity"),
        ("text/html", "br, *;q=0", "*;q=0"),
        ("application/xhtml+xml", "GZIP, br", "GZIP"),
        ("*/*", "gzip, br", "gzip"),
        ("", "gzip, br", "gzip"),
        ("text/css,*/*;q=0.1", "br", "br"),
        ("application/json", "gzip, br", "gzip, br"),
    ],
)
def test_only_pages_are_asked_for_in_what_can_be_read(accepts: str, codings: str, left: str) -> None:
    for destination in ("", "document", "Iframe", "empty"):
        assert Pages(SNIPPET).narrow(codings, accepts=accepts, destination=destination) == left
    assert Pages(SNIPPET).narrow(codings, accepts=accepts, destination="script") == codings
    scripts = Wsgi(answering([SHORT]), HTTP_ACCEPT_ENCODING=codings, HTTP_SEC_FETCH_DEST="script")
    assert scripts.environ["HTTP_ACCEPT_ENCODING"] == codings
    app = answering([SHORT])
    assert Wsgi(app, HTTP_ACCEPT=accepts, HTTP_ACCEPT_ENCODING=codings).environ["HTTP_ACCEPT_ENCODING"] == left
    headers = [(b"accept", accepts.encode()), (b"x", b"y"), (b"accept-encoding", codings.encode())]
    scope = asgi([*BODY], headers=headers)[1]
    assert dict(scope["headers"]) == {b"accept": accepts.encode(), b"x": b"y", b"accept-encoding": left.encode()}


def test_a_policy_that_blocks_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    app = WsgiSnippet(answering([SHORT], ("Content-Security-Policy", "default-src https://x.org")), SNIPPET)
    for _ in range(3):
        assert b"".join(app({"REQUEST_METHOD": "GET"}, lambda *_: None)) == CHANGED
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.endswith("blocks the snippet: add script-src 'self', connect-src 'self' to it")


def test_xhtml_gets_xml() -> None:
    body = b'<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head></html>'

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", [("Content-Type", "application/xhtml+xml")])
        return [body]

    assert b' defer="" src=' in Wsgi(app).read()


@pytest.mark.parametrize("place", ["_scan", "_read_text"])
def test_a_bug_of_ours_breaks_no_page(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Insertion, place, lambda *_: 1 / 0)
    headers = [("Content-Length", "13"), ("ETag", '"x"')]
    seen = Wsgi(answering([SHORT], *headers))
    assert seen.read() == SHORT and seen.begun[0][1] == [*PLAIN, *headers]
    assert Wsgi(answering(iter([b"<head></he", b"ad>"]))).read() == SHORT
    sent, _ = asgi([*BODY])
    assert sent == [*BODY]
    packed = Wsgi(answering(iter([gzip.compress(SHORT)]), ("Content-Encoding", "gzip"))).read()
    assert gzip.decompress(packed) == SHORT
    monkeypatch.setattr(Pages, "_open", lambda *_: 1 / 0)
    assert Wsgi(answering([SHORT])).read() == SHORT and asgi([*BODY])[0] == [*BODY]
    assert "the page goes on without it" in caplog.text and "could not be looked at" in caplog.text


# --- ASGI, message by message ----------------------------------------------------------------------------------------

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]}
BODY = (START, {"type": "http.response.body", "body": SHORT})


def asgi(messages: list[Any], error: Exception | None = None, **scope: Any) -> tuple[list[Any], dict[str, Any]]:
    """What a server gets of these messages, and the scope as it is left."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if error is not None:
            raise error

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"type": "http", "method": "GET", "path": "/", "headers": []} | scope
    if error is None:
        asyncio.run(AsgiSnippet(app, SNIPPET)(given, send, send))
    else:
        with pytest.raises(type(error)):
            asyncio.run(AsgiSnippet(app, SNIPPET)(given, send, send))
    return sent, given


def test_asgi_a_whole_page_has_its_new_length() -> None:
    untrue = ("accept-ranges", "content-md5", "content-digest", "digest", "repr-digest")
    given = [(b"content-type", b"text/html"), (b"content-length", b"13"), (b"etag", b'"x"')]
    start = START | {"headers": [*given, *((name.encode(), b"x") for name in untrue)]}
    changed = start | {
        "headers": [
            (b"content-type", b"text/html"),
            (b"etag", b'W/"x"'),
            (b"content-length", str(len(CHANGED)).encode()),
        ]
    }
    assert asgi([start, BODY[1]])[0] == [changed, {"type": "http.response.body", "body": CHANGED}]
    pieces = [start, BODY[1] | {"more_body": True}, {"type": "http.response.body"}]
    assert asgi(pieces)[0] == [changed, BODY[1] | {"body": CHANGED, "more_body": True}, pieces[2]]
    plain = [start, {"type": "http.response.body", "body": b"<p>x</p>"}]
    assert asgi(plain)[0] == plain


def test_asgi_only_a_strong_etag_becomes_weak() -> None:
    for tag in (b'W/"x"', b"x"):
        start = START | {"headers": [(b"content-type", b"text/html"), (b"etag", tag)]}
        assert (b"etag", tag) in asgi([start, BODY[1]])[0][0]["headers"]


def test_asgi_headers_may_be_an_iterator() -> None:
    sent, _ = asgi([START | {"headers": iter([(b"content-type", b"text/plain")])}, BODY[1]])
    assert sent == [START | {"headers": [(b"content-type", b"text/plain")]}, BODY[1]]


def test_asgi_pieces_go_on_at_once() -> None:
    pieces = [{"type": "http.response.body", "body": SHORT[i : i + 1], "more_body": True} for i in range(13)]
    sent = asgi([START, *pieces, {"type": "http.response.body"}])[0]
    assert sent[0] == START and sent[1]["body"] == b"<head>", "what may be a tag is held back until it is none"
    assert b"".join(one["body"] for one in sent[1:]) == CHANGED and not sent[-1].get("more_body")


FOREIGN = [
    ("html as a file", [START, {"type": "http.response.pathsend", "path": "/x"}]),
    ("html from a descriptor", [START, {"type": "http.response.zerocopysend", "file": 3}]),
    ("trailers", [START | {"trailers": True}, BODY[1], {"type": "http.response.trailers", "headers": []}]),
    ("debug", [{"type": "http.response.debug", "info": {}}]),
    ("push", [{"type": "http.response.push", "path": "/x", "headers": []}]),
    ("no body", [START]),
    ("other", [START | {"headers": [(b"content-type", b"text/plain")]}, BODY[1]]),
    ("none", [START | {"headers": []}, BODY[1]]),
    ("error", [START | {"status": 500}, BODY[1]]),
]


@pytest.mark.parametrize("messages", [case[1] for case in FOREIGN], ids=[case[0] for case in FOREIGN])
def test_asgi_what_is_not_to_be_changed_is_the_very_same(messages: list[Any]) -> None:
    sent, _ = asgi(messages)
    assert len(sent) == len(messages) and all(one is other for one, other in zip(sent, messages, strict=True))


def test_asgi_other_messages_pass_by() -> None:
    debug = {"type": "http.response.debug", "info": {}}
    sent, _ = asgi([debug, *BODY])
    assert sent[0] is debug and sent[2]["body"] == CHANGED
    file = {"type": "http.response.zerocopysend", "file": 3}
    sent, _ = asgi([START, BODY[1] | {"body": b"<p></he", "more_body": True}, file])
    assert b"".join(one.get("body", b"") for one in sent) == b"<p></he" and sent[-1] is file
    for kind in ("websocket", "lifespan"):
        messages = [{"type": f"{kind}.send", "text": "</head>"}]
        assert asgi(messages, type=kind)[0] == messages


def test_asgi_an_exception_leaves_the_answer_to_the_server() -> None:
    assert asgi([START], ValueError("a bug"))[0] == [], "it was not begun: the server can say that it failed"
    sent, _ = asgi([START, BODY[1] | {"body": b"<head></he", "more_body": True}], ValueError("a bug"))
    assert [one.get("body") for one in sent] == [None, b"<head>"]


def test_asgi_head_has_no_length() -> None:
    start = START | {"headers": [(b"content-type", b"text/html"), (b"content-length", b"13")]}
    sent, _ = asgi([start, BODY[1]], method="HEAD")
    assert sent == [START, BODY[1]]


def test_what_is_no_snippet_is_refused_at_the_start() -> None:
    for made in (AsgiSnippet, WsgiSnippet):
        with pytest.raises(ValueError, match="eventsink snippet"):
            made(answering([]), "<p>no</p>")
