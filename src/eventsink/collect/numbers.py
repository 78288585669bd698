"""What the routes of numbers ask for: pages, panels and reports live in another room, and are handed in."""

from collections.abc import Mapping
from typing import Any, Protocol

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


class Numbers(Protocol):
    """Numbers of the process that has the store. What stands in an address is handed on as it is."""

    def pages(self) -> list[dict[str, Any]]:
        """All pages, with their panels."""

    async def page(self, name: str, given: Mapping[str, list[str]]) -> Rendered:
        """All panels of a page."""

    async def panel(self, page: str, name: str, given: Mapping[str, list[str]]) -> Rendered:
        """One panel, as JSON with the query behind it, or as CSV."""
