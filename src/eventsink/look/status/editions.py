"""The page as it is served: put together once in a while, and rendered once, however many ask for it."""

import asyncio
import gzip
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from eventsink.errors import EventSinkError
from eventsink.look.status import feed as atom
from eventsink.look.status.badge import badge, file_name
from eventsink.look.status.contract import Said, StatusPage
from eventsink.look.status.html import html
from eventsink.look.status.page import DAYS, compose
from eventsink.store.uptime import Overview, UptimeBook

__all__ = ["FEED", "JSON", "PAGE", "Editions", "File"]

EVERY = 5.0  # seconds
PAGE, JSON, FEED = "index.html", "status.json", "feed.atom"


class File(NamedTuple):
    """One form of the page, compressed and as it is."""

    packed: bytes
    plain: bytes
    etag: str
    media_type: str


class _Edition(NamedTuple):
    """What was put together at one moment, or why it could not be; and what was rendered of it."""

    at: float
    page: StatusPage | EventSinkError
    files: dict[str, File]


class Editions:
    """Makes a new edition when somebody asks and the last one is some seconds old.

    Args:
        uptime: what is known of every check.
        said: gives what settings and operators say.
    """

    def __init__(self, uptime: UptimeBook, said: Callable[[], Awaitable[Said]]) -> None:
        self._uptime = uptime
        self._said = said
        self._one = asyncio.Lock()
        self._edition: _Edition | None = None
        self._last_said: Said | None = None
        self._last_seen: tuple[Sequence[str], Overview] | None = None

    async def file(self, name: str) -> File | None:
        """One form of the page by its file name, as `badge/clowder.svg`; None where there is none.

        Raises:
            EventSinkError: the page could not be put together, and never was.
        """
        async with self._one:
            if self._edition is None or time.monotonic() - self._edition.at >= EVERY:
                self._edition = await self._make()
            _, page, files = self._edition
            if isinstance(page, EventSinkError):
                raise page
            if name not in files and (file := await asyncio.to_thread(_render, page, name)):
                files[name] = file
            return files.get(name)

    async def _make(self) -> _Edition:
        try:
            page: StatusPage | EventSinkError = await self._compose()
        except EventSinkError as error:
            page = error
        return _Edition(time.monotonic(), page, {})

    async def _compose(self) -> StatusPage:
        now = datetime.now(UTC)
        try:
            self._last_said = await self._said()
        except EventSinkError:
            if self._last_said is None:
                raise
        said = self._last_said
        try:
            self._last_seen = said.public, await self._uptime.overview(said.public, now, DAYS)
        except EventSinkError:  # the page says how old it is
            if self._last_seen is None or self._last_seen[0] != said.public:
                raise
        return compose(said, self._last_seen[1], now)


def _render(page: StatusPage, name: str) -> File | None:
    """On a thread: a page of many checks takes some hundredths of a second, and events come in meanwhile."""
    if name == PAGE:
        return _file(html(page, base="status/", reload_s=page.every_s), "text/html")
    if name == JSON:
        return _file(msgspec.json.encode(page), "application/json")
    if name == FEED:
        return _file(atom.feed(page, home="../status"), atom.MEDIA_TYPE)
    found = next((check for check in page.checks if name == f"badge/{file_name(check.name)}.svg"), None)
    return _file(badge(found), "image/svg+xml") if found else None


def _file(content: str | bytes, media_type: str) -> File:
    plain = content.encode() if isinstance(content, str) else content
    return File(gzip.compress(plain, 4), plain, f'"{hashlib.sha256(plain).hexdigest()[:16]}"', media_type)
