"""What a report is: a name, columns, and how its rows are made out of the events of a period."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal

import msgspec

from eventsink.look.numbers.asked import Asked
from eventsink.look.numbers.known import Known
from eventsink.look.numbers.units import Unit
from eventsink.store import Store

__all__ = ["Column", "Form", "Plot", "Report", "Sources", "Table", "Wanted"]

Form = Literal["json", "csv", "html"]


class Column(msgspec.Struct, frozen=True):
    """A column of a report.

    Args:
        name: in CSV and JSON.
        title: for people.
        unit: of its values. `time` is a moment of UTC, a `month` its first seven letters.
    """

    name: str
    title: str
    unit: Unit = "text"


class Plot(msgspec.Struct, frozen=True):
    """Bars of a page: one for each row.

    Args:
        title: above it.
        label: the column that says what a bar is.
        value: the column of its length.
        adds: whether values of one label may be added up; medians and distinct users may not.
    """

    title: str
    label: str
    value: str
    adds: bool = True


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A report as it was made.

    Args:
        rows: a value for each column; None where there is none.
        totals: of all rows; None for a report that has none.
        footnotes: what is left out, and where events are missing: sentences.
        quoted: whether all of its CSV stands in quotes, also numbers and the names of columns.
        timeless: whether its rows are made of all events, of whatever time: those of what exists.
    """

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    totals: tuple[Any, ...] | None = None
    footnotes: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    quoted: bool = False
    timeless: bool = False


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks of a report.

    Args:
        asked: its period, zone and filters.
        by: what has a row.
        limit: rows at most.
        whole: nobody named a period: it is all time, and a report of what exists leaves nothing out.
    """

    asked: Asked
    by: tuple[str, ...]
    limit: int
    whole: bool = False


class Sources(msgspec.Struct, frozen=True):
    """What reports are made of.

    Args:
        store: has the events.
        committed: the number of the last event that counts: the parts of a report are all of one moment.
        known: what ids are called.
        first: the time of the first event; `newest`: of the newest. None where there is none. Where all time is asked
            for, of those in it.
        runs: held while runs of extractors are kept for one report: there is one table of them.
    """

    store: Store
    committed: int
    known: Known
    first: datetime | None
    newest: datetime | None
    runs: asyncio.Lock


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report that can be asked for by its name.

    Args:
        about: how it counts, for readers: sentences.
        make: gives its rows.
        by: what may have a row; several of them where `combined`.
        default_by: what has one where nobody says.
        period: where nobody names one; "all" is all time.
        filters: the columns that it can be narrowed by.
        columns: those of the default.
    """

    name: str
    title: str
    about: str
    make: Callable[[Sources, Wanted], Awaitable[Table]]
    by: tuple[str, ...] = ()
    default_by: tuple[str, ...] = ()
    combined: bool = False
    period: str = "12m"
    filters: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()

    def described(self) -> dict[str, Any]:
        """What a list of reports says of it."""
        return {
            "name": self.name,
            "title": self.title,
            "about": self.about,
            "by": list(self.by),
            "filters": list(self.filters),
            "columns": [column.name for column in self.columns],
        }
