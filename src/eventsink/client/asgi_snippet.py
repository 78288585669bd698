"""Puts a snippet into the pages of an ASGI application (FastAPI, Starlette, Litestar, …). It touches nothing else."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from eventsink.client.html_page import Headers, Page
from eventsink.client.html_pages import METHODS, Pages

__all__ = ["AsgiSnippet"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_FILES = frozenset({"http.response.pathsend", "http.response.zerocopysend"})  # the server sends what we do not see


class AsgiSnippet:
    """Middleware: `app.add_middleware(AsgiSnippet, snippet=text)`, or `AsgiSnippet(app, text)`.

    Args:
        app: what answers.
        snippet: what `eventsink snippet` prints.

    Raises:
        ValueError: it is no snippet.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], snippet: str) -> None:
        self._app = app
        self._pages = Pages(snippet)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] not in METHODS:
            await self._app(scope, receive, send)
            return
        self._narrow(scope)
        answer = _Answer(self._pages, scope, send)
        await self._app(scope, receive, answer.send)
        await answer.finish()

    def _narrow(self, scope: Scope) -> None:
        """Have the application answer a browser in what we can read.

        In the scope itself, for what an application leaves there (the route) must be found by who stands before us.
        """
        headers = scope["headers"] = list(scope["headers"])
        asked = _joined(headers, b"accept-encoding")
        if not asked:
            return
        accepts, destination = _joined(headers, b"accept"), _joined(headers, b"sec-fetch-dest")
        narrowed = self._pages.narrow(asked, accepts=accepts, destination=destination)
        if narrowed != asked:
            others = [(name, value) for name, value in headers if name != b"accept-encoding"]
            scope["headers"] = [*others, (b"accept-encoding", narrowed.encode("latin-1"))]


class _Answer:
    """What passes by of one answer."""

    def __init__(self, pages: Pages, scope: Scope, send: Send) -> None:
        self._pages = pages
        self._scope = scope
        self._send = send
        self._page: Page | None = None
        self._start: Message | None = None  # of a page whose length is known with its body

    async def send(self, message: Message) -> None:
        """Pass a message on; of a page, changed."""
        kind = message["type"]
        if kind == "http.response.start":
            await self._begin(message)
        elif kind == "http.response.body" and self._page is not None:
            await self._pass(self._page, message)
        else:
            if kind in _FILES:
                await self._leave()
            await self._send(message)

    async def finish(self) -> None:
        """The application has said all it says: what it began is begun."""
        if self._start is not None:
            await self._send(self._start)

    async def _begin(self, start: Message) -> None:
        if not isinstance(start.get("headers", ()), (list, tuple)):  # of an iterator there is one look only
            start = {**start, "headers": list(start["headers"])}
        page = self._open(start)
        if page is None:
            await self._send(start)
        elif self._scope["method"] == "HEAD":
            await self._send(_with_headers(start, page.begin()))
        else:
            self._page, self._start = page, start

    def _open(self, start: Message) -> Page | None:
        raw = start.get("headers", ())
        if not any(name.lower() == b"content-type" and b"html" in value.lower() for name, value in raw):
            return None  # most answers: nothing more of them is looked at
        if start.get("trailers"):  # they may be a digest of the bytes
            return None
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
        return self._pages.open(start["status"], headers)

    async def _pass(self, page: Page, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            start, self._start = self._start, None
            if not more or (body and len(body) == page.length):
                self._page = None
                headers, body = page.change_whole(body)
                await self._send(start if headers is page.headers else _with_headers(start, headers))
                await self._send({**message, "body": body})
                return
            await self._send(_with_headers(start, page.begin()))
        body = page.feed(body, last=not more)
        if not more:
            self._page = None
        if body or not more:
            await self._send({**message, "body": body})

    async def _leave(self) -> None:
        """The rest of an answer comes from elsewhere: what was taken of it goes before."""
        if self._start is not None:
            start, self._start = self._start, None
            await self._send(start)
        elif self._page is not None:
            await self._send({"type": "http.response.body", "body": self._page.end(), "more_body": True})
        self._page = None


def _joined(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str:
    return b",".join([value for name, value in headers if name == wanted]).decode("latin-1")


def _with_headers(start: Message, headers: Headers) -> Message:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {**start, "headers": raw}
