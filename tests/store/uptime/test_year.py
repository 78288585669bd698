"""A year with outages that are known to the second: uptime is what a person computes by hand."""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventsink.event import Event, content_id
from eventsink.store import Store
from eventsink.store.uptime import Question, UptimeBook

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = 600  # seconds
YEAR = 365 * 86_400

# From when, for how many seconds, and what it was; the samples lie on these seconds.
OUTAGES = (
    (datetime(2025, 2, 3, 4, 0, 7, tzinfo=UTC), 3_613, "down"),
    (datetime(2025, 3, 30, 23, 59, 59, tzinfo=UTC), 2, "down"),
    (datetime(2025, 5, 31, 22, 30, tzinfo=UTC), 93_600, "down"),  # over the end of a month
    (datetime(2025, 7, 1, 12, 0, tzinfo=UTC), 7_200, "maintenance"),
    (datetime(2025, 9, 9, 9, 9, 9, tzinfo=UTC), 86_400 * 3 + 11, "unknown"),
    (datetime(2025, 12, 31, 23, 0, tzinfo=UTC), 3_600, "down"),  # to the end of the year
)
DOWN = 3_613 + 2 + 93_600 + 3_600
MAINTENANCE, UNKNOWN = 7_200, 86_400 * 3 + 11


def sample(at: datetime, state: str, check: str = "homepage", region: str = "urbana", every: float = EVERY) -> Event:
    """What a monitor has found."""
    up = {"up": True, "down": False}.get(state)
    data = {"target": "clowder", "check": check, "region": region, "up": up, "every_s": every, "elapsed_ms": 5.0}
    data |= {"reason": "maintenance"} if state == "maintenance" else {}
    data |= {"reason": "refused", "message": "Nothing listens there."} if state == "down" else {}
    return Event(
        id=content_id(data, at), source="monitor/x", type="health.check_update", time=at, received=at, data=data
    )


def year(check: str = "homepage", region: str = "urbana") -> list[Event]:
    """A sample every ten minutes, and one at each change."""
    moments = {BEGIN + timedelta(seconds=offset): "up" for offset in range(0, YEAR, EVERY)}
    for start, seconds, state in OUTAGES:
        end = start + timedelta(seconds=seconds)
        moments |= {moment: state for moment in moments if start <= moment < end} | {start: state}
        if end < END:
            moments[end] = moments.get(end, "up")
    return [sample(at, state, check, region) for at, state in sorted(moments.items())]


@pytest.fixture
async def store(tmp_path: Path):
    """An empty one."""
    opened = await Store.open(tmp_path / "store")
    yield opened
    await opened.close()


async def uptime(store: Store, events: Sequence[Event], **question: object):
    """The answer, when all events are there."""
    for start in range(0, len(events), 10_000):
        await store.append(events[start : start + 10_000])
    book = UptimeBook(store)
    try:
        return await book.uptime(Question(**({"since": BEGIN, "until": END} | question)))
    finally:
        await book.close()


async def test_a_year_is_what_a_person_computes_by_hand(store: Store) -> None:
    events = year()
    random.Random(7).shuffle(events)  # in whatever order they come
    found = await uptime(store, events)
    (row,) = found.rows
    assert (row.down_s, row.maintenance_s, row.unknown_s) == (DOWN, MAINTENANCE, UNKNOWN)
    up = YEAR - DOWN - MAINTENANCE - UNKNOWN
    assert row.up_s == up and row.uptime_percent == pytest.approx(100 * up / (up + DOWN), abs=1e-12)
    told = [(incident.start, incident.down_s, incident.reason, incident.regions) for incident in found.incidents]
    assert told == [(start, seconds, "refused", ["urbana"]) for start, seconds, state in OUTAGES if state == "down"]
    assert [incident.end for incident in found.incidents[:-1]] == [
        start + timedelta(seconds=seconds) for start, seconds, state in OUTAGES[:-1] if state == "down"
    ]


@pytest.mark.parametrize("by", ["hour", "day", "month"])
async def test_its_parts_sum_up_to_the_whole(store: Store, by: str) -> None:
    found = await uptime(store, year(), by=by)
    assert len(found.rows) == {"hour": 8760, "day": 365, "month": 12}[by]
    assert sum(row.down_s for row in found.rows) == DOWN
    assert sum(row.up_s + row.unknown_s + row.maintenance_s for row in found.rows) == YEAR - DOWN
    february = [row for row in found.rows if row.begin and row.begin.month == 2]
    assert sum(row.down_s for row in february) == 3_613


async def test_a_span_that_begins_and_ends_anywhere(store: Store) -> None:
    start = OUTAGES[2][0]
    found = await uptime(store, year(), since=start - timedelta(seconds=5), until=start + timedelta(seconds=86_461))
    (row,) = found.rows
    assert (row.up_s, row.down_s, row.unknown_s) == (5, 86_461, 0)
    assert [incident.end for incident in found.incidents] == [None], "it lasts beyond the span"


async def test_what_comes_late_is_as_if_it_had_come_in_time(store: Store) -> None:
    events = year()
    late = [
        event for event in events if datetime(2025, 5, 30, tzinfo=UTC) < event.time < datetime(2025, 6, 3, tzinfo=UTC)
    ]
    kept = {id(event) for event in late}
    await store.append([event for event in events if id(event) not in kept])
    book = UptimeBook(store)
    before = (await book.uptime(Question(since=BEGIN, until=END))).rows[0]
    await book.close()
    assert before.unknown_s > UNKNOWN + 86_400 and before.down_s == DOWN - 93_600
    found = await uptime(store, late)
    assert found.rows[0].down_s == DOWN and found.rows[0].unknown_s == UNKNOWN
    assert len(found.incidents) == 4


async def test_more_than_half_of_the_regions_decide(store: Store) -> None:
    minute = timedelta(minutes=1)
    states = {"a": "up down down up up", "b": "up up down down up", "c": "up up up up down"}
    events = [
        sample(BEGIN + number * minute, state, region=region, every=60)
        for region, row in states.items()
        for number, state in enumerate(row.split())
    ]
    found = await uptime(store, events, until=BEGIN + 5 * minute)
    assert (found.rows[0].up_s, found.rows[0].down_s) == (240, 60)
    (incident,) = found.incidents
    assert incident.start == BEGIN + 2 * minute and incident.regions == ["a", "b"]
    rows = (await uptime(store, [], until=BEGIN + 5 * minute, by="region")).rows
    assert [(row.region, row.down_s) for row in rows] == [("a", 120), ("b", 120), ("c", 60)]


async def test_a_monitor_that_says_nothing_any_more_says_that_nothing_is_known(store: Store) -> None:
    found = await uptime(store, [sample(BEGIN, "up", every=60)], until=BEGIN + timedelta(hours=3))
    assert (found.rows[0].up_s, found.rows[0].unknown_s) == (150, 3 * 3600 - 150)


async def test_a_check_that_runs_once_a_day_is_known_all_day(store: Store) -> None:
    days = [
        sample(BEGIN + timedelta(days=day, hours=3), "down" if day == 2 else "up", every=86_400) for day in range(5)
    ]
    found = await uptime(store, days, until=BEGIN + timedelta(days=5))
    assert (found.rows[0].down_s, found.rows[0].unknown_s) == (86_400, 0)
    assert found.rows[0].up_s == 4 * 86_400 - 3 * 3600, "it began at three"


async def test_a_store_that_was_emptied_is_read_anew(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "store")
    await uptime(store, [sample(BEGIN + timedelta(minutes=n), "up") for n in range(50)])
    await store.close()
    for file in (tmp_path / "store").glob("events-*"):
        file.unlink()
    store = await Store.open(tmp_path / "store")
    found = await uptime(store, [sample(BEGIN, "up", check="new", every=60)], until=BEGIN + timedelta(hours=1))
    assert [row.check for row in found.rows if row.check == "new"] == ["new"]
    await store.close()


async def test_two_that_ask_at_once_get_the_same(store: Store) -> None:
    await store.append(year()[:1000])
    book = UptimeBook(store)
    question = Question(since=BEGIN, until=BEGIN + timedelta(days=6))
    first, second = await asyncio.gather(book.uptime(question), book.uptime(question))
    await book.close()
    assert first == second and first.rows[0].up_s == 6 * 86_400


async def test_what_is_good_for_hours_is_known_while_they_pass(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [BEGIN.timestamp() + 60]
    monkeypatch.setattr(time, "time", lambda: now[0])
    await store.append([sample(BEGIN, "up", every=86_400)])
    book = UptimeBook(store)
    for hours in (1, 5, 30, 70):
        now[0] = BEGIN.timestamp() + hours * 3600
        found = await book.uptime(Question(since=BEGIN, until=BEGIN + timedelta(hours=hours)))
        assert (found.rows[0].up_s, found.rows[0].unknown_s) == (min(hours, 60) * 3600, max(hours - 60, 0) * 3600)
    await book.close()
