"""The report as plain rows, for programs that print it: a row a month, dataset and access method, and what to say."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from eventsink.look.counter.about import About, Platform
from eventsink.look.counter.filters import Filters
from eventsink.look.counter.footnotes import footnotes
from eventsink.look.counter.report import Report, compose
from eventsink.store.counter import Usage

__all__ = ["render_rows"]


def render_rows(
    usage: Usage, platform: Platform, about: About, *, created: date, filters: Filters | None = None
) -> bytes:
    """The rows as JSON, in the order of month, dataset and access method, with exceptions and footnotes.

    Args:
        created: the day on which it is made, in the zone of the usage.
    """
    report = compose(usage, platform, about, created=created, filters=filters or Filters())
    return msgspec.json.encode(
        {
            "created": created,
            "begin": report.begin,
            "end": report.end,
            "zone": usage.rules.zone,
            "months": report.months,
            "columns": list(_columns(report)),
            "rows": sorted(_rows(report), key=lambda row: row["month"]),
            "exceptions": report.exceptions,
            "footnotes": list(footnotes(usage)),
        }
    )


def _columns(report: Report) -> Iterator[str]:
    """Names of the counts that the rows have."""
    yield from (metric.field for metric in report.filters.shown)
    if report.platform.volume:
        yield from (metric.volume for metric in report.filters.shown if metric.volume)


def _rows(report: Report) -> Iterator[dict[str, Any]]:
    columns = list(_columns(report))
    for dataset in report.datasets:
        for month, rows in dataset.months.items():
            for row in rows:
                known = {"month": month, "dataset": dataset.id, "title": dataset.title, "doi": dataset.about.doi}
                counts = {name: getattr(row.counts, name) for name in columns}
                yield {**known, "uri": dataset.uri, "access_method": row.method, **counts}
