"""A question about numbers, as panels and reports declare it, without the words of any database."""

from datetime import datetime
from typing import Any, Literal

import msgspec

__all__ = ["COLUMNS", "MEASURED", "RUN_COLUMNS", "Answer", "Every", "Filter", "Measure", "Question"]

Every = Literal["hour", "day", "week", "month"]

# What facts may be grouped and chosen by, and what may be measured: `facts_tables.sql` has them all.
COLUMNS = (
    "source", "type", "user", "resource_type", "resource", "dataset", "collection", "space", "mime_type", "extractor",
    "job", "status", "method", "route", "http_status", "status_class", "succeeded",
    "identity", "page", "referrer", "session", "visitor", "country",
    "device", "browser", "access_method", "robot",
)  # fmt: skip
MEASURED = ("bytes", "items", "queue_ms", "run_ms", "duration_ms")
# What runs of extractors may be grouped and chosen by: `report_runs.sql` makes them of their events.
RUN_COLUMNS = ("user", "source", "resource_type", "resource", "dataset", "space", "extractor", "job", "status")


class Filter(msgspec.Struct, frozen=True):
    """A column whose value is one of these; none given: that has any value at all.

    Args:
        wanted: False turns it around. What has no value is never one of these.
    """

    column: str
    values: tuple[Any, ...] = ()
    wanted: bool = True


class Measure(msgspec.Struct, frozen=True):
    """One number of the events of a group.

    Args:
        name: of it in the answer.
        how: "count" of events, "distinct" values of a column, "sum", "mean", "median", "p95" or "highest" of a number.
        of: the column; nothing for a count.
        where: of these events alone.
        minus: sums of these are taken off: what went from what came.
    """

    name: str
    how: Literal["count", "distinct", "sum", "mean", "median", "p95", "highest"] = "count"
    of: str = ""
    where: tuple[Filter, ...] = ()
    minus: tuple[Filter, ...] = ()


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of a span of event time, by groups.

    Args:
        since: `until` is excluded.
        by: columns, one row for each combination that occurs; a value may be missing (None).
        every: also by intervals of time; the first column of the answer is then `time`, when the interval begins: days,
            weeks and months by the clocks of `zone`, hours in UTC. It has no zone of its own.
        zone: an IANA name.
        order: of the rows: by this measure, the highest first; nothing: by time and groups.
        limit: rows.
    """

    measures: tuple[Measure, ...]
    since: datetime
    until: datetime
    where: tuple[Filter, ...] = ()
    by: tuple[str, ...] = ()
    every: Every | None = None
    zone: str = "UTC"
    order: str = ""
    limit: int = 10_000


class Answer(msgspec.Struct, frozen=True):
    """Rows of numbers.

    Args:
        columns: their names: `time` where intervals were asked for, the groups, the measures.
        rows: in order; a number of nothing is None, a count of nothing 0.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
