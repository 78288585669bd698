"""Pages of panels with their numbers, as JSON and CSV."""

import asyncio
import difflib
from collections.abc import Iterable
from typing import Any

from eventsink.errors import InvalidQuestion
from eventsink.look.numbers.answers import ask, question
from eventsink.look.numbers.as_csv import to_csv
from eventsink.look.numbers.asked import Asked
from eventsink.look.numbers.names import find_names
from eventsink.look.numbers.pages import PAGES
from eventsink.look.numbers.panel import Page, Panel
from eventsink.store import Store
from eventsink.store.facts.compile import readable

__all__ = ["Dashboard"]


class Dashboard:
    """Answers for pages and panels.

    Args:
        store: has the events.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def index(self) -> list[dict[str, Any]]:
        """The pages, with the names and titles of their panels."""
        return [
            {
                "name": page.name,
                "title": page.title,
                "panels": [{"name": panel.name, "title": panel.title, "chart": panel.chart} for panel in page.panels],
            }
            for page in PAGES.values()
        ]

    async def page(self, name: str, asked: Asked) -> dict[str, Any]:
        """All panels of a page.

        Raises:
            InvalidQuestion: there is no such page.
            StoreUnavailable: they cannot be given now.
        """
        page = _page(name)
        panels = [await self._panel(panel, asked) for panel in page.panels]
        first = (await self._store.stats()).first
        return {"name": page.name, "title": page.title, **_said(asked), "first": first, "panels": panels}

    async def panel(self, page: str, name: str, asked: Asked) -> dict[str, Any]:
        """One panel, with the query behind it.

        Raises:
            InvalidQuestion, StoreUnavailable: as `page`.
        """
        panel = _panel(_page(page), name)
        shown = question(panel, asked, every=panel.over_time, by=panel.by)
        query = await asyncio.to_thread(readable, shown)  # of sixty years the offsets of a zone take a while
        return {**_said(asked), **await self._panel(panel, asked), "query": query}

    async def panel_csv(self, page: str, name: str, asked: Asked) -> bytes:
        """The rows of a panel as CSV, with names beside ids.

        Raises:
            InvalidQuestion, StoreUnavailable: as `page`.
        """
        panel = _panel(_page(page), name)
        numbers = await ask(self._store, panel, asked)
        names = await find_names(self._store, numbers.columns, numbers.rows, asked.period)
        columns = [
            part for column in numbers.columns for part in (column, *([f"{column}_name"] if column in names else []))
        ]
        rows = (
            [
                part
                for column, value in zip(numbers.columns, row, strict=True)
                for part in (value, *([names[column].get(value)] if column in names else []))
            ]
            for row in numbers.rows
        )
        return to_csv(columns, rows)

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _panel(self, panel: Panel, asked: Asked) -> dict[str, Any]:
        numbers = await ask(self._store, panel, asked)
        previous = asked.previous if panel.chart == "figures" else None
        before = await ask(self._store, panel, previous) if previous else None
        names = await find_names(self._store, numbers.columns, numbers.rows, asked.period)
        return {
            "name": panel.name,
            "title": panel.title,
            "chart": panel.chart,
            "about": panel.about,
            "below": panel.below,
            "columns": [_column(panel, name) for name in numbers.columns],
            "rows": numbers.rows,
            "before": before.rows[0] if before else None,
            "names": names,
        }


def _column(panel: Panel, name: str) -> dict[str, str]:
    measures = [measure.name for measure in panel.measures]
    if name in measures:
        return {"name": name, "title": panel.titles.get(name, name), "unit": panel.units.get(name, "count")}
    return {"name": name, "title": _GROUPS.get(name, name.replace("_", " ").capitalize()), "unit": _kind(name)}


_GROUPS = {"mime_type": "Kind of file", "resource_type": "Kind", "referrer": "Site", "http_status": "Status"}


def _kind(name: str) -> str:
    return "time" if name == "time" else "text"


def _said(asked: Asked) -> dict[str, Any]:
    previous = asked.previous
    return {
        "since": asked.period.since.isoformat(),
        "until": asked.period.until.isoformat(),
        "every": asked.period.every,
        "zone": asked.zone,
        "compared_with": {"since": previous.period.since.isoformat(), "until": previous.period.until.isoformat()}
        if previous
        else None,
        "filters": {chosen.column: chosen.values for chosen in asked.filters},
    }


def _page(name: str) -> Page:
    if name not in PAGES:
        raise InvalidQuestion(_unknown("page", name, PAGES))
    return PAGES[name]


def _panel(page: Page, name: str) -> Panel:
    panels = {panel.name: panel for panel in page.panels}
    if name not in panels:
        raise InvalidQuestion(_unknown(f"panel of {page.name}", name, panels))
    return panels[name]


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name[:60], names, 1)
    hint = f": did you mean {near[0]!r}?" if near else "."
    return f"There is no {what} {name[:60]!r}{hint} There are {', '.join(names)}."
