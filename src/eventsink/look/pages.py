"""The routes of the pages: the first page, the API documentation, and the files that they load."""

import asyncio
import gzip
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from litestar import HttpMethod, Request, Response, route
from litestar.handlers import BaseRouteHandler
from litestar.params import Parameter

from eventsink.errors import PluginError
from eventsink.look.assets import find
from eventsink.settings import Settings

__all__ = ["pages"]

MOST_PLAIN = 256 << 10  # bytes of a file that is sent without compression

_METHODS = [HttpMethod.GET, HttpMethod.HEAD]
_MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_SECURITY = {
    # Plotly and Swagger UI write styles into elements; scripts come from our own files alone.
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    "referrer-policy": "no-referrer",
}


def pages(_: Settings, more: Sequence[BaseRouteHandler] = ()) -> list[BaseRouteHandler]:
    """All routes of this room.

    Args:
        more: of pages that need more than the settings, as the status page.
    """
    files = _Files()

    @route("/", http_method=_METHODS, include_in_schema=False)
    async def get_first_page(request: Request[Any, Any, Any]) -> Response[bytes]:
        """The first page."""
        return await files.answer(request, "index.html")

    @route("/docs", http_method=_METHODS, include_in_schema=False)
    async def get_docs(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Swagger UI on the OpenAPI document."""
        return await files.answer(request, "docs.html")

    @route("/static/{name:str}", http_method=_METHODS, include_in_schema=False)
    async def get_static(request: Request[Any, Any, Any], name: Annotated[str, Parameter()]) -> Response[bytes]:
        """A file that a page loads."""
        return await files.answer(request, name)

    return [get_first_page, get_docs, get_static, *more]


class _File(NamedTuple):
    """What is kept of a file, compressed and as it is: neither is made for a request."""

    packed: bytes
    plain: bytes
    etag: str
    media_type: str


class _Files:
    """The files that may be served, read and compressed when they are first asked for."""

    def __init__(self) -> None:
        self._kept: dict[str, _File] = {}
        self._reading = asyncio.Lock()

    async def answer(self, request: Request[Any, Any, Any], name: str) -> Response[bytes]:
        """A file, or that the browser has it already, or that there is none."""
        try:
            file = self._kept.get(name) or await self._read(name)
        except PluginError as error:
            return _missing(str(error))
        if file is None:
            return _missing("There is no such file.")
        headers = {**_SECURITY, "etag": f"W/{file.etag}", "cache-control": "no-cache", "vary": "accept-encoding"}
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers, media_type=file.media_type)
        if "gzip" in request.headers.get("accept-encoding", ""):
            packed = {**headers, "content-encoding": "gzip"}
            return Response(file.packed, headers=packed, media_type=file.media_type)
        if len(file.plain) > MOST_PLAIN:
            # Whoever asks and never reads keeps a copy in memory, and needs no key for it.
            sentence = f"This file has {len(file.plain)} bytes: ask for it with `Accept-Encoding: gzip`."
            return Response(sentence.encode(), status_code=406, headers=headers, media_type="text/plain")
        return Response(file.plain, headers=headers, media_type=file.media_type)

    async def _read(self, name: str) -> _File | None:
        """A file, read once, however many ask for it at the same time.

        On a thread: Plotly takes a quarter of a second to compress, and events come in meanwhile.
        """
        async with self._reading:
            file = self._kept.get(name) or await asyncio.to_thread(_read, name)
            if file is not None:
                self._kept[name] = file
            return file


def _read(name: str) -> _File | None:
    path = find(name)
    if path is None:
        return None
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    return _File(gzip.compress(body, 6), body, etag, _MEDIA_TYPES.get(path.suffix, "application/octet-stream"))


def _missing(sentence: str) -> Response[bytes]:
    return Response(sentence.encode(), status_code=404, headers=_SECURITY, media_type="text/plain")
