"""Time zones of questions: their names, and the offsets that one has in a span."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from eventsink.errors import SettingsError

__all__ = ["Offset", "offsets", "zone_of"]

_STEP = timedelta(hours=12)  # no zone changes its clock twice within it
_SECOND = timedelta(seconds=1)


class Offset(NamedTuple):
    """A time in which a zone has one offset; the end is excluded.

    Args:
        shift: of local time before UTC, microseconds; `seconds` the same in seconds.
    """

    begin: datetime
    until: datetime
    shift: int
    seconds: int


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        SettingsError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a KeyError
        raise SettingsError(f"{name[:60]!r} is no time zone: write one as UTC or America/Chicago.") from None


def offsets(begin: datetime, until: datetime, zone: ZoneInfo) -> Iterator[Offset]:
    """The offsets of a zone in a span: one, or two where clocks change."""
    at = begin
    if zone.key == "UTC" and at < until:  # it never changes
        yield Offset(begin, until, 0, 0)
        return
    while at < until:
        change = _next_change(at, until, zone)
        shift = _offset(at, zone) // timedelta(microseconds=1)
        yield Offset(at, change, shift, shift // 1_000_000)
        at = change


def _next_change(begin: datetime, until: datetime, zone: ZoneInfo) -> datetime:
    """When the offset of a moment ends, to the second; `until` where it lasts as long."""
    offset, last = _offset(begin, zone), begin
    while last + _STEP < until and _offset(last + _STEP, zone) == offset:
        last += _STEP
    after = min(last + _STEP, until)
    if _offset(after, zone) == offset:
        return until
    while after - last > _SECOND:  # between the two it changes once
        middle = last + (after - last) // _SECOND // 2 * _SECOND
        last, after = (middle, after) if _offset(middle, zone) == offset else (last, middle)
    return after


def _offset(time: datetime, zone: ZoneInfo) -> timedelta:
    return time.astimezone(zone).utcoffset() or timedelta()
