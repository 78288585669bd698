"""Servers of a few lines: Grafana as its HTTP API is documented, and one whose clock is wrong."""

import email.utils
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["answering", "grafana"]

Answers = Mapping[str, tuple[int, Any]]


@contextmanager
def answering(answers: Answers, *, ahead: float = 0.0, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that answers GET by path, all else with 404.

    Args:
        ahead: seconds that its clock is ahead of ours.
        tls: where it speaks https.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = answers.get(self.path, (404, {"message": "Not found"}))
            raw = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return email.utils.formatdate(time.time() + ahead, usegmt=True)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Who does not believe the certificate hangs up."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def grafana(*, datasource: tuple[int, Any] | None = None, health: tuple[int, Any] | None = None) -> Answers:
    """What Grafana answers: its own health, and as given the datasource and what that answers."""
    place = "/api/datasources/uid/eventsink-influxdb"
    answers: dict[str, tuple[int, Any]] = {
        "/api/health": (200, {"commit": "087143285", "database": "ok", "version": "13.2.0"}),
    }
    found = {
        "id": 1,
        "uid": "eventsink-influxdb",
        "orgId": 1,
        "name": "InfluxDB",
        "type": "influxdb",
        "access": "proxy",
    }
    if datasource is not None:
        answers[place] = (datasource[0], found | datasource[1])
    if health is not None:
        answers[f"{place}/health"] = health
    return answers
