"""Exceptions of a report: what its reader must know of the numbers."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec

from eventsink.look.counter.dates import first_day, last_day
from eventsink.store.counter import MonthUsage, Usage

__all__ = ["Note", "notes"]

Severity = Literal["Error", "Warning", "Info"]


class Note(msgspec.Struct, frozen=True):
    """One exception, as the Code names it.

    Args:
        code: 0 says something, up to 999 are warnings of our own, above are those of table B.1.
        message: for codes above 999 that of the table.
        data: about what it is.
    """

    code: int
    severity: Severity
    message: str
    data: str = ""


def notes(usage: Usage, created: date, *, is_empty: bool, volume: bool) -> list[Note]:
    """The exceptions of a report, in the order of their codes.

    Args:
        created: day on which the report is made, in the zone of the usage.
        is_empty: whether no row is left.
        volume: whether the report has bytes.
    """
    found = [*_about_time(usage, created, is_empty=is_empty), *_about_quality(usage.months, volume=volume)]
    if unknown := [month.month for month in usage.months if usage.first is not None and month.end <= usage.first]:
        found.append(Note(104, "Warning", "Usage not known: the first event is of later", ", ".join(unknown)))
    return sorted(found, key=lambda note: note.code)


def _about_time(usage: Usage, created: date, *, is_empty: bool) -> Iterator[Note]:
    future = [month.month for month in usage.months if first_day(month.month) > created]
    partial = [month.month for month in usage.months if first_day(month.month) <= created <= last_day(month.month)]
    if is_empty and len(future) < len(usage.months):
        yield Note(3030, "Error", "No Usage Available for Requested Dates")
    if future:
        severity: Severity = "Error" if len(future) == len(usage.months) else "Warning"
        yield Note(3031, severity, "Usage Not Ready for Requested Dates", ", ".join(future))
    if partial and not is_empty:
        yield Note(3040, "Warning", "Partial Data Returned", f"processed up to {created.isoformat()}")


def _about_quality(months: list[MonthUsage], *, volume: bool) -> Iterator[Note]:
    def total(name: str) -> int:
        return sum(getattr(month.noted, name) for month in months)

    if number := total("unclassified"):
        data = f"{number} of {total('counted')} events: counted as Regular"
        yield Note(0, "Info", "Access method unknown", data)
    excluded = [
        f"{name}: {number}"
        for name in (months[0].excluded.__struct_fields__ if months else ())
        if (number := sum(getattr(month.excluded, name) for month in months))
    ]
    if excluded:
        yield Note(0, "Info", "Events that were not counted", ", ".join(excluded))
    if number := total("nobody"):
        data = f"{number} of {total('counted')} events"
        yield Note(101, "Warning", "Usage without user, session or address: unique counts are lower bounds", data)
    if number := sum(month.excluded.no_dataset for month in months):
        yield Note(102, "Warning", "Usage not attributable to a dataset, not counted", f"{number} events")
    if volume and (number := total("sizes_unknown")):
        yield Note(103, "Warning", "Volume is a lower bound", f"{number} requests of unknown size")
