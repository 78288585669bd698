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

_NAMES = ("month", "dataset", "title", "access_method")


def render_rows(
    usage: Usage, platform: Platform, about: About, *, created: date, filters: Filters | None = None
) -> bytes:
    """The rows as JSON, in the order of month, dataset and access method, with exceptions and footnotes.

    Args:
        created: the day on which it is made, in the zone of the usage.
    """
    report = compose(usage, platform, about, created=created, filters=filters or Filters())
    rows = sorted(_rows(report), key=lambda row: row["month"])
    columns = [*_NAMES, *_columns(report)]
    return msgspec.json.encode(
        {
            "report": "counter",
            "title": "Usage of datasets by COUNTER",
            "created": created,
            "since": usage.months[0].begin,
            "until": usage.months[-1].end,
            "zone": usage.rules.zone,
            "columns": [_column(name) for name in columns],
            "rows": [[row[name] for name in columns] for row in rows],
            "totals": None,  # of unique counts over datasets there are none
            "exceptions": report.exceptions,
            "footnotes": [
                *(f"{one.message}: {one.data}".rstrip(": ") for one in report.exceptions if one.code >= 1000),
                *footnotes(usage, volume=report.platform.volume),
            ],
        }
    )


def _column(name: str) -> dict[str, str]:
    unit = "text" if name in _NAMES else "bytes" if name.endswith("volume") else "count"
    return {"name": name, "title": name.replace("_", " ").capitalize(), "unit": unit}


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
