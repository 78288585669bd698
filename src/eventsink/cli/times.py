"""Times as people type them."""

import itertools
import re
from datetime import UTC, datetime, timedelta

import typer

from eventsink.errors import InvalidEvent
from eventsink.event import parse_time

__all__ = ["age", "clock", "moment", "span"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,5})\s*([smhdw])")


def moment(text: str, now: datetime | None = None) -> str:
    """A time as RFC 3339 in UTC: `2h` and `7d` ago, `today`, `yesterday`, `now`, or any form that events have.

    Raises:
        BadParameter: it is none of these.
    """
    now = now or datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    ago = _AGO.fullmatch(text.strip().lower())
    try:
        if ago:
            time = max(now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}), EPOCH)
        else:
            time = named.get(text.strip().lower()) or parse_time(text)
    except (InvalidEvent, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time: give one as 2h, 7d, today or 2026-11-23T10:00 (UTC).") from None
    return time.isoformat().replace("+00:00", "Z")


def clock(time: str) -> str:
    """An RFC 3339 time of the API, as tables show it: UTC, to the second."""
    return time[:19].replace("T", " ")


def age(seconds: float) -> str:
    """A duration in its largest unit: 12s, 5m, 3h, 2d."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s" if seconds >= 10 or not seconds else f"{seconds:.1f}s"


def span(seconds: float) -> str:
    """A duration in its two largest units: 42s, 12m 5s, 3h 10m, 2d 4h."""
    for (unit, length), (less, short) in itertools.pairwise(_LENGTHS):
        if seconds >= length:
            rest = int(seconds % length // short)
            return f"{int(seconds // length)}{unit}" + (f" {rest}{less}" if rest else "")
    return f"{seconds:.0f}s" if seconds >= 10 or not seconds else f"{seconds:.1f}s"


_LENGTHS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
