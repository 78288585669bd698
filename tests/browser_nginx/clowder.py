"""A server that behaves like a Clowder 1.23, as far as an NGINX in front of it can see, and one that records."""

import contextlib
import gzip
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["ALICE", "BOB", "Clowder", "Recorder", "serving"]

ALICE = "5f3b1a2c9d8e7f6a5b4c3d2e"
BOB = "5f3b1a2c9d8e7f6a5b4c3d2f"
USERS = {
    "alice": ALICE,
    "bob": BOB,
    "nobody": "0" * 24,
    "evil": '"><script>alert(1)</script>',
    "capital": ALICE.upper(),
    "long": ALICE + "0",
}


class Clowder(ThreadingHTTPServer):
    """Knows who is logged in by the cookie `id`; `mood` is how /api/me behaves.

    `asked` are the requests that came, `uploaded` the sizes of what was uploaded.
    """

    daemon_threads = True
    mood = "well"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.seen: list[dict[str, str]] = []
        self.uploaded: list[int] = []
        super().__init__(("127.0.0.1", 0), _Clowder)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 100:
            body, headers = gzip.compress(body), headers | {"Content_Encoding": "gzip"}
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Clowder(_Handler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        self.server.seen.append(dict(self.headers))
        if path == "/api/me":
            self._tell_who()
        elif path.startswith("/api/files") or path.endswith(("/blob", "/download")):
            self.answer(200, _page("an HTML file that somebody uploaded"), "text/html")
        elif path.startswith("/api/"):
            self.answer(200, json.dumps({"html": "<html><head></head></html>" * 9}).encode(), "application/json")
        elif path.startswith("/assets/"):
            self.answer(200, b"// </head>\n" * 99, "application/javascript", Cache_Control="public, max-age=3600")
        elif path == "/missing":
            self.answer(404, _page("Clowder does not have it"), "text/html; charset=utf-8")
        elif path == "/broken":
            self.answer(500, _page("Clowder is ill"), "text/html; charset=utf-8")
        elif path == "/moved":
            self.answer(303, b"", "text/html", Location="/login")
        elif path == "/secret":
            self.answer(200, _page("x"), "text/html", Cache_Control="no-store", ETag='"x"')
        else:
            self.answer(200, _page(path), "text/html; charset=utf-8", Set_Cookie="PLAY_SESSION=x; Path=/")

    do_HEAD = do_GET  # noqa: N815 - as the standard library calls it

    def do_POST(self) -> None:
        left = size = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 65_536)))
        self.server.asked.append(self.path)
        self.server.uploaded.append(size)
        if self.path == "/authenticate/userpass":
            self.answer(200, _page("a form with mistakes"), "text/html")
        else:
            self.answer(200, json.dumps({"size": size}).encode(), "application/json")

    def _tell_who(self) -> None:
        mood = self.server.mood
        if mood == "slow":
            time.sleep(2)
        elif mood == "silent":
            self.close_connection = True
            return
        elif mood == "moved":
            self.answer(302, b"", "text/html", Location="/login")
            return
        elif mood == "broken":
            self.answer(500, _page("broken"), "text/html")
            return
        cookies = dict(pair.strip().split("=", 1) for pair in self.headers.get("Cookie", "").split(";") if "=" in pair)
        user = USERS.get(cookies.get("id", "").partition(".")[0])
        if user is None:
            self.answer(401, b"Not authorized", "text/plain", WWW_Authenticate='Basic realm="clowder"')
            return
        body = json.dumps({"id": user, "email": "alice@example.org"}).encode()
        self.answer(200, body, "application/json", X_User_ID=user, Set_Cookie="id=new; Path=/", Vary="Cookie")


class Recorder(ThreadingHTTPServer):
    """Writes down what comes to the sink."""

    daemon_threads = True

    def __init__(self) -> None:
        self.received: list[tuple[str, str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Recorder)


class _Recorder(_Handler):
    def do_GET(self) -> None:
        self._record(b"")
        self.answer(200, b"/* the tracker */", "text/javascript", Set_Cookie="x=y")

    def do_POST(self) -> None:
        self._record(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(202, b"", "application/json")

    def _record(self, body: bytes) -> None:
        self.server.received.append((self.command, self.path, dict(self.headers), body))


def _page(text: str) -> bytes:
    rows = "<p>a row of the page</p>\n" * 40
    return (
        f"<!DOCTYPE html>\n<html>\n<head>\n<title>{text}</title>\n</head>\n<body>\n{rows}"
        "<script>var x = '</head>';</script></body>\n</html>\n"
    ).encode()


@contextlib.contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[int]:
    """Have it serve while in the context; its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
