"""Months of event time, as "2026-11", and which file keeps the events of each.

A month has a file of its own from ten years back to a year ahead of now. What lies beyond shares two files, one for the
far past and one for the far future: a wild clock, or whoever makes up times, must not make a thousand files. The limits
move with the clock, so an event may come again when its month has got, or has lost, the right to a file of its own.
Therefore a file that is there stays the home of its month, and the writer looks into the two shared files as well
before it takes an event for new.
"""

from collections.abc import Container
from datetime import UTC, datetime

__all__ = ["FAR_FUTURE", "FAR_PAST", "SHARED", "home_of", "month_before", "month_of", "this_month"]

FAR_PAST, FAR_FUTURE = "1999-12", "2100-01"  # names of the shared files, as they were before the limits moved
SHARED = frozenset((FAR_PAST, FAR_FUTURE))
MONTHS_BACK = 120
MONTHS_AHEAD = 12


def month_of(time: datetime) -> str:
    """The month of a time, in UTC."""
    time = time.astimezone(UTC)
    return f"{time.year:04}-{time.month:02}"


def month_before(month: str, count: int = 1) -> str:
    """The month `count` months before; after, when it is negative."""
    months = int(month[:4]) * 12 + int(month[5:]) - 1 - count
    return f"{months // 12:04}-{months % 12 + 1:02}"


def this_month() -> str:
    """The present month."""
    return month_of(datetime.now(UTC))


def home_of(month: str, present: Container[str], now: str) -> str:
    """The file for new events of a month.

    Args:
        month: of the events.
        present: the files that are there.
        now: the present month.
    """
    if month in present:
        return month
    if month < month_before(now, MONTHS_BACK):
        return FAR_PAST
    return FAR_FUTURE if month > month_before(now, -MONTHS_AHEAD) else month
