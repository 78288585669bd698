"""Tracks the requests of an ASGI application (FastAPI, Starlette, Litestar, …). It touches nothing of an answer."""

import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from eventsink.client.tracking import Capturing, Request, Tracking

__all__ = ["AsgiTracker"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

GONE = 499  # as NGINX calls it: the client went away before there was an answer


class AsgiTracker:
    """Middleware: `app.add_middleware(AsgiTracker, sink=sink)`, or `AsgiTracker(app, sink)`.

    Args:
        app: what answers.
        sink: a `SinkService`.
        options: of `Tracking`: skip, sample, identify, meanings, prefix.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], sink: Capturing, **options: Any) -> None:
        self._app = app
        self._tracking = Tracking(sink, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        seen = _Seen(scope, receive, send)
        try:
            await self._app(scope, seen.receive, seen.send)
        except BaseException:
            seen.failed = True
            raise
        finally:
            self._tell(seen)

    def _tell(self, seen: "_Seen") -> None:
        try:
            self._tracking.note(seen.request())
        except Exception as error:  # noqa: BLE001 - the program has answered, and must not notice
            self._tracking.say_failed(error)


class _Seen:
    """What passes by of one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._begun = time.perf_counter()
        self._status = 0
        self._bytes = self._received = 0
        self._gone = False
        self._has_body = scope.get("method") != "HEAD"
        self.failed = False

    async def receive(self) -> Message:
        """The next message of the client."""
        message = await self._receive()
        if message["type"] in {"http.disconnect", "websocket.disconnect"}:
            self._gone = True
        self._received += len(message.get("body") or b"")
        return message

    async def send(self, message: Message) -> None:
        """Pass a message on as it is, and count what has got through."""
        kind = message["type"]
        if kind == "http.response.start":
            self._status = self._status or message["status"]
            self._has_body = self._has_body and self._status not in {204, 304}
        elif kind == "websocket.accept":
            self._status = 101
        elif kind == "websocket.close" and not self._status:
            self._status = 403
        await self._send(message)
        if not self._gone and self._has_body:  # servers take what is sent to nobody without a word
            self._bytes += _size(kind, message)

    def request(self) -> Request:
        """All of it, when it is over."""
        scope = self._scope
        path = scope.get("path", "")
        status = self._status or (GONE if self._gone else 500 if self.failed else 200)
        method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
        headers = _Headers(scope.get("headers", ()))
        parameters: Mapping[str, Any] = scope.get("path_params") or {}
        seconds = time.perf_counter() - self._begun
        return Request(method, path, _route(scope), parameters, status, seconds, self._bytes, self._received, headers)


class _Headers(Mapping[str, str]):
    """Headers as they came: few of them are looked at."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._raw = raw

    def get(self, name: str, default: Any = None) -> Any:
        """The last one of a name in small letters, as servers give them."""
        wanted, found = name.encode("latin-1"), None
        for key, value in self._raw:
            if key == wanted:
                found = value
        return default if found is None else found.decode("latin-1")

    def __getitem__(self, name: str) -> str:
        found: str | None = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter({key.decode("latin-1"): None for key, _ in self._raw})

    def __len__(self) -> int:
        return len({key for key, _ in self._raw})


def _route(scope: Scope) -> str:
    """The template of the route: Starlette and FastAPI leave the route in the scope, Litestar its template.

    Since FastAPI 0.140 a route of a router does not know the prefix under which it was included; what does stands in
    the scope as well.
    """
    context = scope.get("fastapi")
    effective = context.get("effective_route_context") if isinstance(context, dict) else None
    route = scope.get("route")
    found = (
        getattr(effective, "path_format", None)
        or getattr(route, "path_format", None)
        or getattr(route, "path", None)
        or scope.get("path_template")
    )
    if not isinstance(found, str):
        return ""
    root = scope.get("app_root_path") or scope.get("root_path") or ""
    return found if not root or found.startswith(f"{root.rstrip('/')}/") else f"{root}{found}"


def _size(kind: str, message: Message) -> int:
    if kind == "http.response.body":
        return len(message.get("body", b""))
    if kind == "websocket.send":
        return len(message.get("bytes") or (message.get("text") or "").encode(errors="replace"))
    if kind == "http.response.pathsend":  # a server that sends files itself
        try:
            return os.stat(message["path"]).st_size  # noqa: PTH116
        except OSError:  # it is gone by now
            return 0
    if kind == "http.response.zerocopysend":
        return int(message.get("count") or 0)
    return 0
