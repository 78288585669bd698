"""What a panel is: a name, a question, a unit and the form in which it is drawn."""

from typing import Literal

import msgspec

from eventsink.store.facts import Filter, Measure

__all__ = ["Chart", "Page", "Panel", "Unit", "of", "of_type", "people"]

Unit = Literal["count", "bytes", "ms", "percent", "text", "time"]
Chart = Literal["figures", "bars", "lines", "ranking", "table"]


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel of a page.

    Args:
        name: within its page; with that of the page it is the panel's address.
        title: above it, a few words.
        chart: "figures" are single numbers with those of the period before; "bars" and "lines" are over time, one for
            each measure or for each value of the group; a "ranking" is the highest of a group; a "table" has several
            numbers a row.
        measures: what is counted; titles of them are in `titles`, or their names are.
        units: of measures, by name; `count` is understood.
        by: columns that make groups.
        where: of these events alone.
        below: measures of bars that stand below zero, by name: what goes away, beside what comes.
        order: the measure that rows are ranked by.
        limit: rows of a ranking or table, lines of a chart.
        about: what a reader should know of how it is counted, a sentence; may be empty.
    """

    name: str
    title: str
    chart: Chart
    measures: tuple[Measure, ...]
    titles: dict[str, str] = {}
    units: dict[str, Unit] = {}
    by: tuple[str, ...] = ()
    where: tuple[Filter, ...] = ()
    below: tuple[str, ...] = ()
    order: str = ""
    limit: int = 10
    about: str = ""

    @property
    def over_time(self) -> bool:
        """Whether its numbers are those of intervals."""
        return self.chart in ("bars", "lines")


class Page(msgspec.Struct, frozen=True):
    """A page of panels."""

    name: str
    title: str
    panels: tuple[Panel, ...]


def of(column: str, *values: str | int | bool) -> tuple[Filter, ...]:
    """The events whose column is one of these values."""
    return (Filter(column, values),)


def of_type(*types: str) -> tuple[Filter, ...]:
    """The events of these types."""
    return (Filter("type", types),)


def people() -> tuple[Filter, ...]:
    """The events of people and their programs: robots are neither."""
    return (Filter("robot", (False,)),)
