"""COUNTER's report in whatever form somebody asks for: usage is counted in the store, and rendered beside the loop."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Literal, NamedTuple, Protocol

from eventsink.look.counter.about import About, Platform
from eventsink.look.counter.as_json import render_json
from eventsink.look.counter.as_rows import render_rows
from eventsink.look.counter.as_table import render_csv, render_tsv
from eventsink.look.counter.asked import filters_of, period_of
from eventsink.look.counter.chosen import platform_of, rules_of
from eventsink.look.counter.filters import Filters
from eventsink.settings import Counter
from eventsink.store import Store
from eventsink.store.counter import Period, Usage
from eventsink.store.zones import zone_of

__all__ = ["CounterReports", "Form", "Rendered"]

Form = Literal["json", "tsv", "csv", "rows"]


class Rendered(NamedTuple):
    """A report that can be sent.

    Args:
        media_type: what is text is UTF-8.
        filename: under which it may be kept; it names the months.
    """

    body: bytes
    media_type: str
    filename: str


class _Render(Protocol):
    def __call__(
        self, usage: Usage, platform: Platform, about: About, /, *, created: date, filters: Filters | None = None
    ) -> bytes:
        """The bytes of a report."""


class _Kind(NamedTuple):
    render: _Render
    media_type: str
    ending: str


_KINDS: dict[Form, _Kind] = {
    "json": _Kind(render_json, "application/json", "json"),
    "tsv": _Kind(render_tsv, "text/tab-separated-values", "tsv"),
    "csv": _Kind(render_csv, "text/csv", "csv"),
    "rows": _Kind(render_rows, "application/json", "rows.json"),
}


class CounterReports:
    """Makes reports.

    Args:
        store: that has the events.
        chosen: who publishes, and how usage is counted.
        about: what is known of datasets beside their usage.
        now: the time; what tells which month is over.

    Raises:
        SettingsError: a setting of the section `counter` is wrong.
    """

    def __init__(
        self,
        store: Store,
        chosen: Counter,
        about: About | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._rules, self._platform = rules_of(chosen), platform_of(chosen)
        self._about, self._now = about or About(), now
        self._one = asyncio.Lock()

    async def render(  # noqa: PLR0913 - what a person can choose of a report
        self,
        first: str | None = None,
        last: str | None = None,
        form: Form = "json",
        *,
        metric_type: str | None = None,
        access_method: str | None = None,
        yop: str | None = None,
    ) -> Rendered:
        """A report of whole months, both included; by default of the latest that is over.

        Of several months, JSON is one report with the usage of each month in it; DataCite takes those of one alone.

        Args:
            first: as "2026-01", or "2026-01-01".
            last: as "2026-01", "2026-01-31", or the day after.
            form: `json` as DataCite takes it; `tsv` the Code's table, `csv` the same for spreadsheets; `rows` rows as
                JSON, with footnotes.
            metric_type: of these metrics alone, with `|` between several; `access_method` likewise.
            yop: of datasets published in this year, or these: 2010-2015.

        Raises:
            InvalidPeriod: the months are none.
            InvalidFilter: a filter has a value that there is not.
            StoreUnavailable: the store cannot answer now.
        """
        today = self._now().astimezone(zone_of(self._rules.zone)).date()
        period = period_of(first, last, today)
        filters = filters_of(metric_type, access_method, yop)
        async with self._one:  # one at a time: each may hold all datasets of ten years
            usage = await self._store.counter(period, self._rules)
            kind = _KINDS[form]
            rendering = partial(kind.render, usage, self._platform, self._about, created=today, filters=filters)
            body = await asyncio.to_thread(rendering)
        return Rendered(body, kind.media_type, f"dsr-{_named(period)}.{kind.ending}")


def _named(period: Period) -> str:
    return period.first if period.first == period.last else f"{period.first}-to-{period.last}"
