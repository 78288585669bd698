"""The routes of the status page. They need no key: there is nothing in them but what is public."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from litestar import HttpMethod, Request, Response, route
from litestar.handlers import BaseRouteHandler
from litestar.params import Parameter

from eventsink.look.status.contract import Said
from eventsink.look.status.editions import FEED, JSON, PAGE, Editions
from eventsink.store.uptime import UptimeBook

__all__ = ["status_routes"]

_METHODS = [HttpMethod.GET, HttpMethod.HEAD]
_SECURITY = {
    # Its styles stand in the page; besides them and its icon it loads nothing.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
    "vary": "accept-encoding",
}
_FOR_ALL = {"access-control-allow-origin": "*"}  # whoever may read it may show it on a page of his own


def status_routes(uptime: UptimeBook, said: Callable[[], Awaitable[Said]]) -> list[BaseRouteHandler]:
    """All routes of the status page.

    Args:
        uptime: what is known of every check.
        said: gives what settings and operators say for the page.
    """
    editions = Editions(uptime, said)

    @route("/status", http_method=_METHODS, include_in_schema=False)
    async def get_status_page(request: Request[Any, Any, Any]) -> Response[bytes]:
        """The page."""
        if request.scope["raw_path"].endswith(b"/"):  # from there its links would lead nowhere
            return Response(b"", status_code=308, headers={**_SECURITY, "location": "../status"})
        return await _answer(editions, request, PAGE)

    @route("/status.json", http_method=_METHODS, include_in_schema=False)
    async def get_status_json(request: Request[Any, Any, Any]) -> Response[bytes]:
        """The same for programs."""
        return await _answer(editions, request, JSON, _FOR_ALL)

    @route("/status/feed.atom", http_method=_METHODS, include_in_schema=False)
    async def get_status_feed(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Incidents as a feed."""
        return await _answer(editions, request, FEED, _FOR_ALL)

    @route("/status/badge/{name:str}", http_method=_METHODS, include_in_schema=False)
    async def get_badge(request: Request[Any, Any, Any], name: Annotated[str, Parameter()]) -> Response[bytes]:
        """The badge of a check."""
        return await _answer(editions, request, f"badge/{name}", _FOR_ALL)

    return [get_status_page, get_status_json, get_status_feed, get_badge]


async def _answer(
    editions: Editions, request: Request[Any, Any, Any], name: str, more: dict[str, str] | None = None
) -> Response[bytes]:
    headers = {**_SECURITY, **(more or {})}
    file = await editions.file(name)
    if file is None:
        sentence = "There is no public check of this name: the status page at /status shows those there are."
        return Response(sentence.encode(), status_code=404, headers=headers, media_type="text/plain")
    headers["etag"] = f"W/{file.etag}"
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers, media_type=file.media_type)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, headers={**headers, "content-encoding": "gzip"}, media_type=file.media_type)
    return Response(file.plain, headers=headers, media_type=file.media_type)
