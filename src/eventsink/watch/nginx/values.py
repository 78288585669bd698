"""Values of NGINX's variables as numbers. What is none is passed over: NGINX writes `-` where there is nothing."""

import re
from calendar import timegm
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

__all__ = ["LATEST", "Clock", "milliseconds", "text", "total", "whole"]

_LOCAL = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", re.ASCII)
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_LIST = re.compile(r"[,:\s]+")  # of one try after the other: `0.001, 0.002 : 0.3`
MOST_TIMES = 1 << 14
LATEST = 253_402_300_800.0  # the year 10000


class Clock(dict[Any, float | None]):
    """Seconds since 1970 of times as NGINX writes them, each of which is read once; None for what is no time."""

    def __missing__(self, written: Any) -> float | None:
        if len(self) >= MOST_TIMES:
            self.clear()
        seconds = self[written] = _seconds(written)
        return seconds


def _seconds(written: Any) -> float | None:
    try:
        value = float(written)  # $msec
    except (ValueError, TypeError):
        value = _calendar(text(written))
    return value if 0 <= value < LATEST else None


def _calendar(written: str) -> float:
    """Of $time_local or $time_iso8601; -1 for what is neither."""
    found = _LOCAL.fullmatch(written)
    try:
        if found is None:
            time = datetime.fromisoformat(written)
            return time.timestamp() if time.tzinfo else -1
        day, month, year, hour, minute, second = (found[1], found[2], *found.group(3, 4, 5, 6))
        date = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), min(int(second), 59))  # noqa: DTZ001 - it is given below
    except (ValueError, KeyError, OverflowError):
        return -1
    offset = 60 * (60 * int(found[8]) + int(found[9]))
    return timegm(date.timetuple()) - (offset if found[7] == "+" else -offset)


def text(value: Any) -> str:
    """A value as text, whatever bytes are in it."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def whole(value: Any) -> int:
    """A whole number; 0 for what is none."""
    try:
        return max(0, int(value))
    except (ValueError, TypeError, OverflowError):
        return 0


def total(column: Iterable[Any]) -> int:
    """The sum of a column."""
    column = list(column)
    try:
        return sum(map(int, column))
    except (ValueError, TypeError, OverflowError):
        return sum(map(whole, column))


@lru_cache(1 << 14)  # most come again
def milliseconds(value: Any) -> int | None:
    """A duration, which NGINX writes in seconds; of several tries their sum, and None where there was none."""
    try:
        return round(float(value) * 1000)
    except (ValueError, TypeError, OverflowError):
        parts = [part for part in _LIST.split(text(value)) if part[:1].isdigit()]
    try:
        return round(sum(map(float, parts)) * 1000) if parts else None
    except (ValueError, OverflowError):
        return None
