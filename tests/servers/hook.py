"""Somebody who is told of alerts: a real HTTP server that notes what it gets."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Hook"]


class Hook:
    """A webhook in this process, on a port of its own.

    Args:
        host: address to listen on.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.notices: list[dict[str, Any]] = []
        self.status = 200
        """What is answered; what gets another answer than 200 is not noted."""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if hook.status == 200:
                    hook.notices += body["notices"]
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://{host}:{self._server.server_port}/"

    def told(self, alert: str) -> list[str]:
        """The kinds of what was told of an alert, in order; what came again under the same id counts once.

        Only what says itself that it may have come before may come again.
        """
        seen: set[str] = set()
        kinds = []
        for notice in [one for one in self.notices if one["alert"] == alert]:
            assert notice["id"] not in seen or notice["again"], f"it came twice, and does not say so: {notice}"
            kinds += [notice["kind"]] if notice["id"] not in seen else []
            seen.add(notice["id"])
        return kinds

    def wait_for(self, true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"not so: {what}; told: {self.notices}"
            time.sleep(0.02)

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
