"""The answer to a question about uptime: sums of a span by check, region, hour or day, and the incidents in it.

Uptime is the time up by the time of which it is known that it was up or down. What is unknown, and maintenance, count
neither way, and are said.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from eventsink.errors import StoreUnavailable
from eventsink.event import EPOCH
from eventsink.store.uptime import file
from eventsink.store.uptime.file import DAY, HOUR, Series
from eventsink.store.uptime.timeline import DOWN, MAINTENANCE, UP, clipped

__all__ = [
    "By",
    "Incident",
    "Now",
    "Question",
    "Row",
    "Sums",
    "TooManyRows",
    "Uptime",
    "answer",
    "average",
    "present",
    "total",
]

MOST_ROWS = 20_000

By = Literal["check", "region", "hour", "day", "month"]


class TooManyRows(StoreUnavailable):
    """An answer would be longer than anybody can read."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked.

    Args:
        until: excluded; no later than now.
        by: a row a check; a check and region; or a check and hour, day or month.
        checks: these alone; empty for all.
    """

    since: datetime
    until: datetime
    by: By = "check"
    checks: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sums of one check, region or interval. All lengths are seconds.

    Args:
        begin: of the interval, where it is asked for by intervals.
        uptime_percent: None where nothing is known.
        incidents: that touch it.
        average_ms: how long the check took on average; None where no sample says that.
    """

    check: str
    region: str | None = None
    begin: datetime | None = None
    kind: str = ""
    target: str = ""
    up_s: float
    down_s: float
    unknown_s: float
    maintenance_s: float
    uptime_percent: float | None
    incidents: int = 0
    samples: int = 0
    average_ms: float | None = None


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a check was down.

    Args:
        end: None while it lasts.
        down_s: seconds of it in which it was known to be down.
        reason: class of the failure in one word.
        message: for a person.
        regions: that saw it.
    """

    check: str
    start: datetime
    end: datetime | None
    down_s: float
    reason: str
    message: str
    regions: list[str]


class Uptime(msgspec.Struct, frozen=True, kw_only=True):
    """The answer."""

    since: datetime
    until: datetime
    rows: list[Row]
    incidents: list[Incident]


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """How the checks are at this moment.

    Args:
        maintenance: of which nobody expects anything now.
        unknown: of which nobody knows now, though they were known within a day.
        lasting: incidents that last.
    """

    up: int
    down: int
    maintenance: int
    unknown: int
    lasting: list[Incident]


class Sums(msgspec.Struct):
    """Milliseconds in each state, and of samples how many there were, how long they took, and how many say that."""

    up: int = 0
    down: int = 0
    maintenance: int = 0
    samples: int = 0
    elapsed: float = 0.0
    measured: int = 0


def answer(connection: sqlite3.Connection, question: Question) -> Uptime:
    """Answer a question. On the thread that owns the connection.

    Raises:
        TooManyRows: the intervals are too short for the span and the number of checks.
    """
    since, until = _milliseconds(question.since), _milliseconds(question.until)
    wanted = [one for one in file.all_series(connection) if not question.checks or one.name in question.checks]
    length = {"hour": HOUR, "day": DAY, "month": 28 * DAY}.get(question.by)
    expected = sum(
        (until - max(since, one.first)) // length + 2 if length else 1 for one in wanted if one.first < until
    )
    if expected > MOST_ROWS:
        raise TooManyRows(
            f"That would be {expected:,} rows, and {MOST_ROWS:,} may be asked for: name a check, a later"
            " `since`, or longer intervals."
        )
    rows: list[Row] = []
    incidents: list[Incident] = []
    for series in wanted:
        if not series.region:
            incidents += _incidents(connection, series, since, until)
        if bool(series.region) == (question.by == "region"):
            rows += [
                _row(connection, series, begin, end, question.by)
                for begin, end in _spans(series, question.by, since, until)
            ]
    incidents.sort(key=lambda incident: (incident.start, incident.check))
    return Uptime(since=question.since, until=question.until, rows=rows, incidents=incidents)


def present(connection: sqlite3.Connection, now: int) -> Now:
    """How the checks are at a moment. On the thread that owns the connection."""
    counts = {"up": 0, "down": 0, "maintenance": 0, "unknown": 0}
    lasting: list[Incident] = []
    for series in file.all_series(connection):
        if series.region:
            continue
        hour = now - now % HOUR
        known = file.hour_at(connection, series.id, hour)
        state = next((one.state for one in known.segments if one.start <= now < one.end), "") if known else ""
        if state == DOWN:
            counts["down"] += 1
            lasting += [one for one in _incidents(connection, series, now - 1, now) if one.end is None]
        elif state:
            counts["maintenance" if state == MAINTENANCE else "up"] += 1
        elif next(file.hours(connection, series.id, now - DAY, now), None):
            counts["unknown"] += 1
    return Now(**counts, lasting=lasting)


def _spans(series: Series, by: By, since: int, until: int) -> Iterator[tuple[int, int]]:
    """The intervals of a question, from the moment on when somebody looked first."""
    begin = max(since, series.first)
    while begin < until:
        end = until if by in {"check", "region"} else min(_next(begin, by), until)
        yield begin, end
        begin = end


def _next(moment: int, by: By) -> int:
    if by == "month":
        time = _time(moment)
        return _milliseconds(datetime(time.year + time.month // 12, time.month % 12 + 1, 1, tzinfo=time.tzinfo))
    length = HOUR if by == "hour" else DAY
    return moment - moment % length + length


def _row(connection: sqlite3.Connection, series: Series, begin: int, end: int, by: By) -> Row:
    sums = total(connection, series.id, begin, end)
    known = sums.up + sums.down
    by_time = by not in {"check", "region"}
    found = [] if series.region else file.find_incidents(connection, series.id, begin, end)
    return Row(
        check=series.name,
        region=series.region or None,
        begin=_time(begin) if by_time else None,
        kind=series.kind,
        target=series.target,
        up_s=sums.up / 1000,
        down_s=sums.down / 1000,
        maintenance_s=sums.maintenance / 1000,
        unknown_s=(end - begin - known - sums.maintenance) / 1000,
        uptime_percent=100 * sums.up / known if known else None,
        incidents=len(found),
        samples=sums.samples,
        average_ms=average(sums.elapsed, sums.measured),
    )


def total(connection: sqlite3.Connection, series: int, begin: int, end: int) -> Sums:
    """The sums of a span of one series. Whole days from their sums, the rest from its hours: to the millisecond."""
    sums = Sums()
    first, last = begin + -begin % DAY, end - end % DAY
    if first >= last:
        _add_hours(connection, sums, series, begin, end)
        return sums
    _add_hours(connection, sums, series, begin, first)
    for _, *day in file.days(connection, series, first, last):
        _add(sums, Sums(*day))
    _add_hours(connection, sums, series, last, end)
    return sums


def _add_hours(connection: sqlite3.Connection, sums: Sums, series: int, begin: int, end: int) -> None:
    for hour in file.hours(connection, series, begin - begin % HOUR, end):
        found = dict.fromkeys((UP, DOWN, MAINTENANCE), 0)
        for segment in clipped(hour.segments, begin, end):
            found[segment.state] += segment.end - segment.start
        known = Sums(found[UP], found[DOWN], found[MAINTENANCE], hour.samples, hour.elapsed_ms, hour.measured)
        _add(sums, known)


def _add(sums: Sums, more: Sums) -> None:
    sums.up += more.up
    sums.down += more.down
    sums.maintenance += more.maintenance
    sums.samples += more.samples
    sums.elapsed += more.elapsed
    sums.measured += more.measured


def average(elapsed: float, measured: int) -> float | None:
    """How many milliseconds a sample took on average, of those that say it; None where none does."""
    return round(elapsed / measured, 3) if measured else None


def _incidents(connection: sqlite3.Connection, series: Series, since: int, until: int) -> Iterable[Incident]:
    for begun, ended, down, reason, message, regions in file.find_incidents(connection, series.id, since, until):
        lasts = ended is None or ended > until
        length = total(connection, series.id, begun, until).down if lasts else down
        yield Incident(
            check=series.name,
            start=_time(begun),
            end=None if lasts or ended is None else _time(ended),
            down_s=length / 1000,
            reason=reason,
            message=message,
            regions=regions.splitlines(),
        )


def _milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _time(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)
