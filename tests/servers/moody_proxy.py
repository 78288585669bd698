"""An HTTP proxy before a real server, which answers in its stead when it is told to."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

__all__ = ["MoodyProxy", "moody_proxy"]

_OWN_HEADERS = ("content-length", "transfer-encoding", "connection", "date", "server")


class MoodyProxy(ThreadingHTTPServer):
    """Hands requests on to a server, or answers itself.

    Args:
        target: address of the server.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target).netloc
        self.refused = 0
        self.answer: tuple[int, dict[str, str], bytes] | None = None
        self.url = f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def answering(self, status: int, body: bytes = b"", **headers: str) -> Iterator[None]:
        """Answer every request so while in the context. Underscores in names of headers stand for dashes."""
        self.answer = status, {name.replace("_", "-"): value for name, value in headers.items()}, body
        try:
            yield
        finally:
            self.answer = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: MoodyProxy

    def do_POST(self) -> None:
        """Answer a POST."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.server.answer is not None:
            self.server.refused += 1
            self._reply(*self.server.answer)
        else:
            self._reply(*self._ask(body))

    do_GET = do_POST  # noqa: N815 - the name that http.server looks for

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.target, timeout=30)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except OSError:
            return 502, {}, b""
        finally:
            connection.close()

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _OWN_HEADERS:
                self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def moody_proxy(target: str) -> Iterator[MoodyProxy]:
    """Run a proxy before a server while in the context."""
    with MoodyProxy(target) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join(10)
