"""The period of a report as it stands in an address: whole months and years by name, or from one time to another."""

import difflib
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from eventsink.errors import InvalidQuestion
from eventsink.look.numbers.asked import PERIODS, Named, Period, read_period

__all__ = ["ALL", "MONTHS", "read_report_period"]

# Months, and how many of them lie before the present one: the present month is the last of some.
MONTHS = {"month": (1, 1), "this-month": (0, 1), "12m": (11, 12)}
YEARS = {"year": 1, "this-year": 0}
ALL = "all"
NAMES = (*PERIODS, "day", "week", *MONTHS, *YEARS, ALL)
# All time: one event of a wild clock must not make thousands of months of it.
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # of now: a clock may be that wrong, as one that says local time is


def read_report_period(named: Named, zone: ZoneInfo, now: datetime, default: str) -> Period:
    """A period by its name or by its times. One that is still to come is none of our business: it has no events.

    Where `until` is left out, it is the end of the present day, so that a report asked for twice is the same.

    Raises:
        InvalidQuestion: there is no such period, or it ends before it begins.
    """
    today = now.astimezone(zone).date()
    if named.period is not None and (named.since is not None or named.until is not None):
        raise InvalidQuestion("Give a period by its name, or since and until, not both.")
    if named.since is not None or named.until is not None:
        return _between(named, zone, now)
    name = named.period or default
    if name in PERIODS:
        return read_period(named, zone, now, default)
    if name == ALL:
        return Period(FIRST, now + AHEAD, "month")
    span = _days(name, today)
    if span is None:
        near = difflib.get_close_matches(name[:60], NAMES, 1)
        hint = f": did you mean {near[0]!r}?" if near else "."
        raise InvalidQuestion(f"There is no period {name[:60]!r}{hint} There are {', '.join(NAMES)}.")
    first, after = span
    return Period(_midnight(first, zone), _midnight(after, zone), "month")


def _between(named: Named, zone: ZoneInfo, now: datetime) -> Period:
    """From one time to another; where there is no end, to that of the present day, and without a begin, a year."""
    if named.until is None:
        today = now.astimezone(zone).date()
        begin = read_period(Named(None, named.since, "8000-01-01"), zone, now, whole=True).since
        if begin >= _midnight(today + timedelta(days=1), zone):
            raise InvalidQuestion("The period begins after today, and nothing says when it ends: give until, too.")
        return read_period(Named(None, named.since, today.isoformat()), zone, now)
    if named.since is None:
        until = read_period(Named(None, "1900-01-02", named.until), zone, now, whole=True).until
        month = (until.astimezone(zone) - timedelta(microseconds=1)).date()
        return Period(_midnight(_back(month, 11), zone), until, "month")
    return read_period(named, zone, now)


def _days(name: str, today: date) -> tuple[date, date] | None:
    """The first day of a named period, and the one after its last."""
    if name in MONTHS:
        ago, length = MONTHS[name]
        first = _back(today, ago)
        return first, _back(first, -length)
    if name in ("day", "week"):  # the last one that is over
        last = today - timedelta(days=today.weekday() if name == "week" else 0)
        first = last - timedelta(days=7 if name == "week" else 1)
        return first, last
    if name in YEARS:
        year = today.year - YEARS[name]
        return date(year, 1, 1), date(year + 1, 1, 1)
    return None


def _back(day: date, months: int) -> date:
    """The first day of the month so many months before that of a day."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
