"""A sink of a few lines that answers what a test tells it to: for failures that a real one does not show on demand."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["Answer", "FakeSink", "accept"]

Answer = tuple[int, dict[str, str], Any]


def accept(lines: list[bytes]) -> Answer:
    return 202, {}, {"accepted": len(lines), "rejected": []}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that went away is what some tests are about."""


class FakeSink:
    """Answers every request by `answer`, which gets the lines of its body."""

    def __init__(self, answer: Callable[[list[bytes]], Answer] = accept) -> None:
        self.answer = answer
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.accepted: list[bytes] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, handler: BaseHTTPRequestHandler) -> Answer:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        lines = body.splitlines()
        with self._lock:
            self.paths.append(handler.path)
            self.headers.append(dict(handler.headers.items()))
            status, headers, content = self.answer(lines)
            if status == 202:
                self.accepted += lines
        return status, headers, content

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                fake.connections += 1
                super().setup()

            def do_GET(self) -> None:
                status, headers, content = fake.take(self)
                raw = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in ({"content-length": str(len(raw))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)
                self.close_connection = headers.get("connection") == "close" or "drop" in headers

            do_POST = do_GET  # noqa: N815 - the name that http.server asks for

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
