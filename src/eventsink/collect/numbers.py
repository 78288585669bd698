"""What the routes of numbers ask for: pages, panels and reports live in another room, and are handed in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from eventsink.store.uptime import Uptime

__all__ = ["Numbers", "Rendered"]


class Rendered(Protocol):
    """What is sent."""

    @property
    def body(self) -> bytes:
        """All of it."""

    @property
    def media_type(self) -> str:
        """Its form."""

    @property
    def filename(self) -> str:
        """Under which a browser keeps it; empty: it is shown."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of it and does not stand in it, as in CSV."""


class Numbers(Protocol):
    """Numbers of the process that has the store. What stands in an address is handed on as it is."""

    def pages(self) -> list[dict[str, Any]]:
        """All pages, with their panels."""

    async def page(self, name: str, given: Mapping[str, list[str]]) -> Rendered:
        """All panels of a page."""

    async def panel(self, page: str, name: str, given: Mapping[str, list[str]]) -> Rendered:
        """One panel, as JSON with the query behind it, or as CSV."""

    def reports(self) -> list[dict[str, Any]]:
        """All reports: their names, what they say, and by what."""

    async def report(self, name: str, given: Mapping[str, list[str]]) -> Rendered:
        """A report as JSON, CSV or HTML."""

    def uptime_span(self, given: Mapping[str, list[str]]) -> tuple[datetime, datetime]:
        """The period that the report of uptime is asked for."""

    async def uptime(self, found: Uptime, given: Mapping[str, list[str]]) -> Rendered:
        """What is known of checks as a report in one of its forms."""
