"""What an extractor asks of Clowder, answered as Clowder 1 answers; what was posted is remembered."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["StubClowder", "stub_clowder"]


class StubClowder:
    """Its address, and what came.

    Args:
        url: where it listens.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.posted: list[tuple[str, dict[str, Any]]] = []
        """Path and body of each POST."""
        self.answers = threading.Event()
        """Whether it does. As long as not, whoever asks it for something waits."""
        self.answers.set()


@contextmanager
def stub_clowder() -> Iterator[StubClowder]:
    """A stub on a free port of this machine."""
    stub = StubClowder("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stub.answers.wait(60)
            part = self.path.partition("?")[0].strip("/").split("/")
            if part[:2] == ["api", "files"] and part[-1] != "metadata":
                self._answer(b"one\ntwo\nthree\n", "text/plain")
            elif part[-1] == "files":
                self._answer(json.dumps([{"id": "f1", "filename": "notes.txt"}]).encode())
            else:
                self._answer(json.dumps({"id": part[2], "filename": "notes.txt", "name": "Data"}).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            stub.posted.append((self.path.partition("?")[0], json.loads(body)))
            self._answer(b'{"id": "m1", "status": "success"}')

        def _answer(self, body: bytes, kind: str = "application/json") -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name of the base class
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
