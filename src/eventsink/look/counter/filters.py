"""Filters and attributes of a report: what is shown of what was counted."""

import re
from collections.abc import Iterator

import msgspec

from eventsink.errors import InvalidQuestion
from eventsink.look.counter.metrics import METRICS, Metric, MetricName
from eventsink.store.counter import Method

__all__ = ["Filters", "InvalidFilter", "OptionalColumn"]

OptionalColumn = str
OPTIONAL: tuple[OptionalColumn, ...] = ("Creators", "Publication_Date", "Dataset_Version", "YOP", "Access_Method")
_YEARS = re.compile(r"(\d{4})(?:-(\d{4}))?")


class InvalidFilter(InvalidQuestion):
    """A filter has a value that COUNTER does not know (its exception 3060); the message says which are."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What of the usage is shown. A filter on a column that is not shown still restricts.

    Args:
        metrics: of these types.
        methods: by these access methods.
        years: of publication: "2010", "2010-2015", "0001" for unknown; empty for all.
        columns: those of the table that may be left out; without Access_Method both are summed up.
        monthly: a column a month, in tables.

    Raises:
        InvalidFilter: the years are none, or a column or metric is unknown.
    """

    metrics: tuple[MetricName, ...] = tuple(metric.name for metric in METRICS)
    methods: tuple[Method, ...] = ("regular", "machine")
    years: str = ""
    columns: tuple[OptionalColumn, ...] = OPTIONAL
    monthly: bool = True

    def __post_init__(self) -> None:
        _check("metric type", self.metrics, tuple(metric.name for metric in METRICS))
        _check("access method", self.methods, ("regular", "machine"))
        _check("column", self.columns, OPTIONAL)
        found = _YEARS.fullmatch(self.years)
        if self.years and (not found or (found[2] and found[2] < found[1])):
            raise InvalidFilter(f"{self.years[:40]!r} are no years: write 2010, 2010-2015, or 0001 for unknown.")

    @property
    def shown(self) -> Iterator[Metric]:
        """The metrics that are asked for, in the order of the Code."""
        return (metric for metric in METRICS if metric.name in self.metrics)

    def has_year(self, year: str) -> bool:
        """Whether datasets of a year are asked for."""
        first, _, last = self.years.partition("-")
        return not self.years or first <= year <= (last or first)

    def named(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Name and values of each filter that restricts, metric types aside: they have a row of their own."""
        if len(self.methods) == 1:
            yield "Access_Method", tuple(method.capitalize() for method in self.methods)
        if self.years:
            yield "YOP", (self.years,)


def _check(what: str, values: tuple[str, ...], known: tuple[str, ...]) -> None:
    for value in values:
        if value not in known:
            raise InvalidFilter(f"{value[:60]!r} is no {what}: there are {', '.join(known)}.")
