"""A site with pages for a browser, whose sink writes down what trackers send and answers as it is told."""

import contextlib
import functools
import http.server
import json
import secrets
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["TRACKER", "Answer", "Site", "late", "serving"]

TRACKER = Path(__file__).parents[2] / "src/eventsink/collect/tracker/t.1.js"
QUIET = 0.2  # seconds in which nothing more must come
PATIENCE = 60.0  # seconds; a loaded machine is slow


@dataclass(frozen=True)
class Answer:
    """What a request is answered with."""

    status: int = 200
    body: str | bytes = ""
    headers: dict[str, str] = field(default_factory=dict)
    type: str = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Received:
    """A request that came to the sink."""

    method: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


class Site:
    """What the server serves and what it got. Paths that it does not know are answered with an empty page."""

    def __init__(self) -> None:
        self.address = ""
        self.pages: dict[str, Answer | Callable[[str, dict[str, str]], Answer]] = {}
        self.answers: list[Answer] = []  # of the sink, in this order; then ACCEPTED
        self.usual = Answer(202)
        self.received: list[Received] = []
        self.asked: list[str] = []  # all requests that are not the sink's
        self.turned_away: list[Any] = []  # what came while it was down
        self.changed = threading.Condition()
        self.down = False
        self.key = ""
        self.clear()

    def clear(self) -> None:
        """A new test begins. What pages of the one before still send has another key, and is nobody's."""
        self.key = f"clw_{secrets.token_hex(8)}"
        self.pages, self.answers, self.usual, self.down = {}, [], Answer(202), False
        self.received, self.asked, self.turned_away = [], [], []

    def script(self, origin: str | None = None, **attributes: str | bool) -> str:
        """The tag of the tracker."""
        named = {"key": self.key} | attributes
        more = "".join(
            f" data-{name}" + ("" if value is True else f'="{value}"') for name, value in named.items() if value
        )
        return f'<script defer src="{origin or self.address}/insights/t.1.js"{more}></script>'

    def page(self, path: str, body: str = "", *, title: str = "A page", head: str = "", **attributes: Any) -> str:
        """Put a page with the tracker at a path; its address."""
        headers = attributes.pop("headers", {})
        html = f"<!doctype html><title>{title}</title>{head}{self.script(**attributes)}<body>{body}"
        self.pages[path] = Answer(200, html, headers)
        return self.address + path

    # --- what came ---

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event, once, in the order in which they happened."""
        found = {event["id"]: event for one in list(self.received) for event in one.body["events"]}
        return sorted(found.values(), key=lambda event: event["time"])

    def of_type(self, name: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == name]

    def wait(self, *types: str, quiet: float = QUIET) -> list[dict[str, Any]]:
        """The events when all of these have come, and no other than them."""
        self.until(lambda: len(self.events) >= len(types))
        time.sleep(quiet)
        events = self.events
        assert sorted(event["type"] for event in events) == sorted(types), events
        return events

    def until(self, happened: Callable[[], object]) -> None:
        """Wait for what requests bring about."""
        with self.changed:
            assert self.changed.wait_for(happened, PATIENCE), self.events


def late(seconds: float, answer: Answer) -> Callable[[str, dict[str, str]], Answer]:
    """A page that takes its time."""

    def page(path: str, headers: dict[str, str]) -> Answer:
        time.sleep(seconds)
        return answer

    return page


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, site: Site, *arguments: Any) -> None:
        self.site = site
        super().__init__(*arguments)

    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        self._note(self.site.asked, self.command + " " + self.path)
        if path == "/insights/t.1.js":
            self._answer(Answer(200, TRACKER.read_bytes(), type="text/javascript"))
            return
        page = self.site.pages.get(path, Answer())
        self._answer(page if isinstance(page, Answer) else page(self.path, dict(self.headers)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path != "/insights/v1/browser":
            self.do_GET()
            return
        sent = json.loads(body)
        if sent.get("key") != self.site.key:
            self._answer(Answer(202))
            return
        if self.site.down:
            self._note(self.site.turned_away, sent)
            self.close_connection = True
            return
        answer = self.site.answers.pop(0) if self.site.answers else self.site.usual
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._note(self.site.received, Received(self.command, headers, sent, time.monotonic()))
        self._answer(answer)

    do_OPTIONS = do_POST  # noqa: N815

    def _note(self, where: list[Any], what: Any) -> None:
        with self.site.changed:
            where.append(what)
            self.site.changed.notify_all()

    def _answer(self, answer: Answer) -> None:
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        more = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
        with contextlib.suppress(OSError):  # the page may be gone
            self.send_response(answer.status)
            for name, value in (more | answer.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Type", answer.type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser closes what it needs no more."""


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    """A site while in the context."""
    site = Site()
    with _Server(("127.0.0.1", 0), functools.partial(_Handler, site)) as server:
        site.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
