"""A period in whole months of a time zone, as the Code of Practice reports it (10: date ranges in months)."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from eventsink.errors import InvalidQuestion
from eventsink.event import EPOCH
from eventsink.store.month_names import month_before

__all__ = ["InvalidPeriod", "Period", "bounds", "microseconds"]

MOST_MONTHS = 120
_MONTH = re.compile(r"(?:19[7-9]\d|[2-9]\d{3})-(?:0[1-9]|1[0-2])")


class InvalidPeriod(InvalidQuestion):
    """A period is none: a month that does not exist, or the last before the first; the message says which."""


class Period(msgspec.Struct, frozen=True):
    """Whole months, both included.

    Args:
        first: as "2026-01"; `last` likewise.

    Raises:
        InvalidPeriod: one is no month, the last comes before the first, or they are more than ten years.
    """

    first: str
    last: str

    def __post_init__(self) -> None:
        for month in (self.first, self.last):
            if not _MONTH.fullmatch(month) or month > "9998-12":
                raise InvalidPeriod(f"{month[:40]!r} is no month: write it as 2026-01.")
        if self.last < self.first:
            raise InvalidPeriod(f"The period ends ({self.last}) before it begins ({self.first}): exchange the two.")
        if _number(self.last) - _number(self.first) >= MOST_MONTHS:
            raise InvalidPeriod(f"The period has more than {MOST_MONTHS} months: ask for fewer at once.")

    @classmethod
    def latest(cls, today: date) -> "Period":
        """The latest month that is over: what the Code reports where nobody asks for another."""
        month = month_before(f"{today.year:04}-{today.month:02}")
        return cls(month, month)

    @property
    def months(self) -> Iterator[str]:
        """Its months in order."""
        month = self.first
        while month <= self.last:
            yield month
            month = month_before(month, -1)


def _number(month: str) -> int:
    """A month as a number, which the next one is one more than."""
    return int(month[:4]) * 12 + int(month[5:])


def bounds(month: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a month begins and ends in a zone, in UTC."""
    first, after = (datetime(int(name[:4]), int(name[5:]), 1, tzinfo=zone) for name in (month, month_before(month, -1)))
    return first.astimezone(UTC), after.astimezone(UTC)


def microseconds(time: datetime) -> int:
    """A time as microseconds since 1970."""
    return (time - EPOCH) // timedelta(microseconds=1)
