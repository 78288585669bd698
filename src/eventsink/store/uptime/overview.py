"""Checks at a glance: how each is now, how long it was up, and when it was not; for people who need not know more.

A few queries for any number of checks. What might name what is inside, as targets and messages, is left out. Uptime is
what `report` says of the same span.
"""

import re
import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

from eventsink.event import EPOCH
from eventsink.store.uptime import file
from eventsink.store.uptime.file import DAY, HOUR, Hour, Series
from eventsink.store.uptime.report import Sums, average, total
from eventsink.store.uptime.timeline import DOWN, MAINTENANCE, UP, Segment, clipped

__all__ = ["SPANS", "CheckView", "Day", "Outage", "Overview", "RegionView", "State", "Took", "survey"]

State = Literal["up", "down", "unknown", "maintenance"]

SPANS = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}  # days
RECENT = 48  # hours of which response times are shown, and in which the last change is looked for
MOST_INCIDENTS = 500
MOST_HOURS = 2400  # that are looked at to say since when regions are not well
HIDDEN = "maintenance"  # a region that is none: by it a check is told of its maintenance

_STATES: Mapping[str, State] = {UP: "up", DOWN: "down", MAINTENANCE: "maintenance"}
_REASON = re.compile(r"[a-z_]{1,30}")  # what a check may say itself is no word that we know, and not shown


class RegionView(msgspec.Struct, frozen=True, kw_only=True):
    """A check as one region sees it.

    Args:
        since: from when on it is so, where that is known and recent; of one that is up, None.
    """

    name: str
    state: State
    since: datetime | None = None


class Day(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One day (UTC) of a check, the last one up to now. All lengths are seconds.

    Args:
        unknown_s: since it was first looked at.
        percent: of the time of which it is known that it was up or down; None where nothing is known.
        average_ms: how long the check took.
    """

    date: date
    up_s: float = 0.0
    down_s: float = 0.0
    unknown_s: float = 0.0
    maintenance_s: float = 0.0
    percent: float | None = None
    average_ms: float | None = None


class Took(msgspec.Struct, frozen=True, gc=False):
    """How long a check took on average in one hour, milliseconds."""

    begin: datetime
    average_ms: float


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """One check.

    Args:
        since: from when on its state is so, where that is known; within two days, or the begin of its incident.
        uptime: percent of the last 24h, 7d, 30d and 90d; None where nothing is known.
        days: the oldest first.
        hours: of the last 48 hours, those in which it was measured.
    """

    name: str
    state: State = "unknown"
    since: datetime | None = None
    regions: list[RegionView] = []
    uptime: dict[str, float | None] = msgspec.field(default_factory=lambda: dict.fromkeys(SPANS))
    days: list[Day] = []
    hours: list[Took] = []


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a check was down.

    Args:
        end: None while it lasts.
        down_s: seconds of it in which it was known to be down.
        reason: class of the failure in one word.
        regions: that saw it.
    """

    check: str
    start: datetime
    end: datetime | None
    down_s: float
    reason: str = ""
    regions: list[str] = []


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Args:
        checks: in the order in which they were asked for.
        incidents: that touch the last days, the newest first.
        cut: whether there are more of these than were taken.
        read_at: up to when results were read; None where nobody has read any yet.
    """

    checks: list[CheckView]
    incidents: list[Outage]
    cut: bool = False
    read_at: datetime | None = None


def survey(connection: sqlite3.Connection, names: Sequence[str], now: int, days: int) -> Overview:
    """Look at checks by their names. On the thread that owns the connection.

    Args:
        names: one that never reported is unknown.
        now: milliseconds since 1970.
        days: how many of them are shown, today among them.
    """
    names = list(dict.fromkeys(names))
    series = file.series_named(connection, names)
    wholes = {one.name: one for one in series if not one.region}
    regions = [one for one in series if one.region not in {"", HIDDEN}]
    page = _Page(connection, [one.id for one in wholes.values()], now, days)
    seen = _regions(connection, regions, now)
    incidents, cut = _incidents(connection, [*wholes.values()], now - days * DAY, now)
    lasting = {one.check: one.start for one in incidents if one.end is None}
    checks = [
        page.view(wholes[name], seen.get(name, []), lasting.get(name))
        if name in wholes
        else CheckView(name=name, days=[Day(date=_time(day).date()) for day in page.all_days])
        for name in names
    ]
    return Overview(checks=checks, incidents=incidents, cut=cut)


class _Edge(NamedTuple):
    """How a span begins: with whole days, and hours that are added to them or taken away.

    Args:
        first: whole day that counts.
        sign: 1 to add, -1 to take away.
    """

    first: int
    sign: int
    since: int
    until: int


class _Page:
    """What all checks have together: read at once, looked at one by one."""

    def __init__(self, connection: sqlite3.Connection, series: Sequence[int], now: int, days: int) -> None:
        self._now = now
        self._today = now - now % DAY
        self._begin = now - RECENT * HOUR
        self.all_days = range(self._today - (days - 1) * DAY, self._today + 1, DAY)
        self._dates = {day: _time(day).date() for day in self.all_days}
        oldest = min(self.all_days[0], now - max(SPANS.values()) * DAY)
        self._days = file.days_of_many(connection, series, oldest - oldest % DAY, self._today)
        self._recent = file.hours_of_many(connection, series, self._begin - self._begin % HOUR, now + 1)
        self._edges = {span: self._edge(span) for span in SPANS.values()}
        self._at_edges = {
            span: file.hours_of_many(connection, series, edge.since - edge.since % HOUR, edge.until)
            if edge.until < self._begin
            else self._recent
            for span, edge in self._edges.items()
        }

    def _edge(self, span: int) -> "_Edge":
        """Where a span begins within a day, there is either less to add to the days after it, or to take from that."""
        begin = self._now - span * DAY
        day = begin - begin % DAY
        if begin - day <= DAY // 2 and day + DAY <= self._today:
            return _Edge(day, -1, day, begin)
        return _Edge(begin + -begin % DAY, 1, begin, begin + -begin % DAY)

    def view(self, series: Series, regions: list[RegionView], down_since: datetime | None) -> CheckView:
        """One check."""
        recent = self._recent.get(series.id, [])
        days = self._days.get(series.id, [])
        today = _sums(recent, self._today, self._now)
        state, since = _state(_segments(recent), self._now)
        return CheckView(
            name=series.name,
            state=state,
            since=down_since if state == "down" and down_since else since,
            regions=regions,
            uptime={name: self._percent(series.id, span, days, today) for name, span in SPANS.items()},
            days=self._each_day(series.first, days, today),
            hours=[
                Took(_time(hour.hour), took)
                for hour in recent
                if (took := average(hour.elapsed_ms, hour.measured)) is not None
            ],
        )

    def _percent(self, series: int, span: int, days: Sequence[tuple[int, ...]], today: Sums) -> float | None:
        edge = self._edges[span]
        part = _sums(self._at_edges[span].get(series, ()), edge.since, edge.until)
        whole = days[bisect_left(days, (edge.first,)) :]
        up = sum([day[1] for day in whole]) + edge.sign * part.up + today.up
        return _share(up, sum([day[2] for day in whole]) + edge.sign * part.down + today.down)

    def _each_day(self, first: int, known: Sequence[tuple[int, ...]], today: Sums) -> list[Day]:
        now = (self._today, today.up, today.down, today.maintenance, today.samples, today.elapsed, today.measured)
        found = {row[0]: row for row in known} | {self._today: now}
        nothing = (0, 0, 0, 0, 0, 0, 0)
        days = []
        for begin, date_ in self._dates.items():
            _, up, down, maintenance, _, elapsed, measured = found.get(begin, nothing)
            whole = first <= begin < self._today
            length = DAY if whole else max(0, min(begin + DAY, self._now) - max(begin, first))
            day = Day(
                date=date_,
                up_s=up / 1000,
                down_s=down / 1000,
                maintenance_s=maintenance / 1000,
                unknown_s=(length - up - down - maintenance) / 1000,
                percent=_share(up, down),
                average_ms=average(elapsed, measured),
            )
            days.append(day)
        return days


def _regions(connection: sqlite3.Connection, regions: Sequence[Series], now: int) -> dict[str, list[RegionView]]:
    """How each region sees each check, by check. Since when is looked for only where it is not up."""
    hour = now - now % HOUR
    present = file.hours_of_many(connection, [one.id for one in regions], hour, hour + HOUR)
    states = {one.id: _state(_segments(present.get(one.id, ())), now) for one in regions}
    troubled = [number for number, (state, _) in states.items() if state != "up"]
    looked_back = min(RECENT, MOST_HOURS // max(1, len(troubled)))  # less far where all of them are
    recent = file.hours_of_many(connection, troubled, hour - looked_back * HOUR, hour + HOUR)
    states |= {number: _state(_segments(recent.get(number, ())), now) for number in troubled}
    found: dict[str, list[RegionView]] = {}
    for one in regions:
        state, since = states[one.id]
        view = RegionView(name=one.region, state=state, since=None if state == "up" else since)
        found.setdefault(one.name, []).append(view)
    return found


def _incidents(
    connection: sqlite3.Connection, wholes: Sequence[Series], since: int, now: int
) -> tuple[list[Outage], bool]:
    names = {one.id: one.name for one in wholes}
    found = file.latest_incidents(connection, names, since, now, MOST_INCIDENTS + 1)
    incidents = []
    for series, begun, ended, down, reason, regions in found[:MOST_INCIDENTS]:
        end = None if ended is None or ended > now else ended
        outage = Outage(
            check=names[series],
            start=_time(begun),
            end=None if end is None else _time(end),
            down_s=(total(connection, series, begun, now).down if end is None else down) / 1000,
            reason=reason if _REASON.fullmatch(reason) else "",
            regions=[region for region in regions.splitlines() if region != HIDDEN],
        )
        incidents.append(outage)
    return incidents, len(found) > MOST_INCIDENTS


def _state(timeline: Sequence[Segment], now: int) -> tuple[State, datetime | None]:
    """What a timeline says of a moment, and since when, unless that is before its begin."""
    past = [segment for segment in timeline if segment.start <= now]
    if not past or past[-1].end <= now:
        return "unknown", _time(past[-1].end) if past else None
    first = past[-1]
    for segment in reversed(past[:-1]):
        if segment.state != first.state or segment.end != first.start:
            return _STATES[first.state], _time(first.start)
        first = segment
    begins_within_its_hour = first.start % HOUR != 0
    return _STATES[first.state], _time(first.start) if begins_within_its_hour else None


def _segments(hours: Iterable[Hour]) -> list[Segment]:
    return [segment for hour in hours for segment in hour.segments]


def _sums(hours: Iterable[Hour], begin: int, end: int) -> Sums:
    """What the hours of a span say, to the millisecond; of samples, those of whole hours."""
    lengths = {UP: 0, DOWN: 0, MAINTENANCE: 0}
    samples, elapsed, measured = 0, 0.0, 0
    for hour in hours:
        start, until = hour.hour, hour.hour + HOUR
        if until <= begin or start >= end:
            continue
        whole = begin <= start and until <= end
        for segment in hour.segments if whole else clipped(hour.segments, begin, end):
            lengths[segment.state] += segment.end - segment.start
        samples, elapsed, measured = samples + hour.samples, elapsed + hour.elapsed_ms, measured + hour.measured
    return Sums(lengths[UP], lengths[DOWN], lengths[MAINTENANCE], samples, elapsed, measured)


def _share(up: int, down: int) -> float | None:
    return 100 * up / (up + down) if up or down else None


def _time(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)
