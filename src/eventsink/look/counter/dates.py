"""The days of months."""

import calendar
from datetime import date

__all__ = ["first_day", "heading", "last_day"]

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in no locale


def first_day(month: str) -> date:
    """The first day of a month as "2026-01"."""
    return date(int(month[:4]), int(month[5:]), 1)


def last_day(month: str) -> date:
    """The last day of a month."""
    first = first_day(month)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def heading(month: str) -> str:
    """A month as tables head its column: mmm-yyyy."""
    return f"{_NAMES[int(month[5:]) - 1]}-{month[:4]}"
