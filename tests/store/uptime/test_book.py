"""Against a plain simulation, second by second: whatever the order in which results come, and whoever is killed."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from eventsink.event import Event
from eventsink.store import EventQuery, Store
from eventsink.store.uptime import Question, UptimeBook, book
from tests.store.uptime.test_year import sample

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 30


def history(seed: int) -> list[Event]:
    """Results of a few regions, with gaps, and periods that change."""
    chance = random.Random(seed)
    events = []
    for region in ("a", "b", "c")[: chance.randint(1, 3)]:
        at = chance.randint(0, 7200)
        while at < HOURS * 3600:
            every = chance.choice((60, 600, 3600, 20_000))
            state = chance.choices(("up", "down", "maintenance", "unknown"), (6, 3, 1, 1))[0]
            events.append(sample(BEGIN + timedelta(seconds=at), state, region=region, every=every))
            at += chance.choice((every, every, every // 2, 4 * every, 9000))
    chance.shuffle(events)
    return events


def simulated(events: Sequence[Event]) -> dict[str, int]:
    """Seconds of each state, of all regions together."""
    seconds = HOURS * 3600
    regions: dict[str, list[str]] = {}
    for event in sorted(events, key=lambda event: event.time):
        row = regions.setdefault(event.data["region"], ["?"] * seconds)
        at = int((event.time - BEGIN).total_seconds())
        up = event.data["up"]
        state = "m" if event.data.get("reason") == "maintenance" else "?" if up is None else "u" if up else "d"
        row[at:] = ["?"] * (seconds - at)
        end = min(at + int(2.5 * event.data["every_s"]), seconds)
        row[at:end] = [state] * (end - at)
    first = min(int((event.time - BEGIN).total_seconds()) for event in events)
    counts = dict.fromkeys("udm?", 0)
    for column in zip(*regions.values(), strict=True):
        known = [state for state in column if state != "?"]
        downs = known.count("d")
        counts["?" if not known else "m" if "m" in known else "d" if 2 * downs > len(known) else "u"] += 1
    return counts | {"?": counts["?"] - first}


async def told(store: Store) -> dict[str, float]:
    """The same by the book, made anew."""
    uptime = UptimeBook(store)
    try:
        (row,) = (await uptime.uptime(Question(since=BEGIN, until=BEGIN + timedelta(hours=HOURS)))).rows
    finally:
        await uptime.close()
    return {"u": row.up_s, "d": row.down_s, "m": row.maintenance_s, "?": row.unknown_s}


@pytest.mark.parametrize("seed", range(12))
async def test_it_is_what_a_simulation_finds(tmp_path: Path, seed: int) -> None:
    events, chance = history(seed), random.Random(seed)
    store = await Store.open(tmp_path)
    while events:  # a few at a time, and asked in between
        some, events = events[: chance.randint(1, 40)], events[40:]
        await store.append(some)
        await told(store)
    everything = await store.events(EventQuery(limit=None))
    kept = [one.event() for one in everything]
    assert await told(store) == simulated(kept)
    await store.close()


@pytest.mark.parametrize("ended_after", range(1, 9))
async def test_what_was_ended_in_between_is_done_the_next_time(
    tmp_path: Path, ended_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "TOGETHER", ())  # an hour at a time, as where there is much in them
    events = history(3)
    store = await Store.open(tmp_path)
    await store.append(events[::2])
    await told(store)
    await store.append(events[1::2])
    uptime = UptimeBook(store)
    run, calls = uptime._run, 0

    async def ends(work: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > ended_after:
            raise asyncio.CancelledError
        return await run(work)

    uptime._run = ends  # type: ignore[method-assign]
    with contextlib.suppress(asyncio.CancelledError):
        await uptime.refresh()
    uptime._run = run  # type: ignore[method-assign]
    await uptime.close()
    assert await told(store) == simulated(events)
    await store.close()


async def test_what_comes_ahead_of_its_time_hides_nothing(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    store = await Store.open(tmp_path)
    await store.append([sample(now - timedelta(hours=30), "up", every=86_400), sample(now + timedelta(hours=3), "up")])
    uptime = UptimeBook(store)
    (row,) = (await uptime.uptime(Question(since=now - timedelta(days=2), until=now))).rows
    await uptime.close()
    await store.close()
    assert row.unknown_s == 0 and row.up_s == pytest.approx(30 * 3600, abs=1)


@pytest.mark.parametrize(
    "odd",
    [
        {"every_s": 1e308},
        {"every_s": -60},
        {"every_s": True},
        {"every_s": "often"},
        {"every_s": 10**40},
        {"elapsed_ms": 1e308},
        {"elapsed_ms": -1.0},
        {"check": ["x"]},
        {"region": 7},
        {"up": "yes"},
        {"reason": {"a": 1}},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["health.check_update", "health.odd_update", "health.connection_update"])
async def test_an_odd_event_stops_nothing_behind_it(tmp_path: Path, odd: dict[str, Any], kind: str) -> None:
    good = sample(BEGIN, "up", every=60)
    bad = msgspec.structs.replace(good, id="odd", type=kind, data={**good.data, "check": "odd", **odd})
    store = await Store.open(tmp_path)
    await store.append([bad])
    await store.append([good])
    uptime = UptimeBook(store)
    found = await uptime.uptime(Question(since=BEGIN, until=BEGIN + timedelta(hours=1)))
    await uptime.close()
    await store.close()
    (row,) = [row for row in found.rows if row.check == "homepage"]
    assert (row.up_s, row.average_ms) == (150, 5.0)
    for other in found.rows:
        assert other.average_ms is None or 0 <= other.average_ms <= 1e15


async def test_a_thousand_names_cost_a_bearable_time_and_no_more_than_so_many_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "MOST_SERIES", 500)
    store = await Store.open(tmp_path)
    await store.append([sample(BEGIN, "up", check=f"c{number}") for number in range(1000)])
    uptime = UptimeBook(store)
    found = await uptime.uptime(Question(since=BEGIN, until=BEGIN + timedelta(hours=1)))
    await uptime.close()
    await store.close()
    assert len(found.rows) == 500


async def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.append(history(1))
    before = await told(store)
    content = bytearray((tmp_path / "uptime.db").read_bytes())
    content[: 4096 * 2] = b"x" * 8192
    (tmp_path / "uptime.db").write_bytes(content)
    assert await told(store) == before
    assert [*tmp_path.glob("uptime.db.damaged-*")]
    await store.close()


async def test_a_name_of_a_region_may_have_blanks(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.append([sample(BEGIN, "down", region="us east 1")])
    uptime = UptimeBook(store)
    found = await uptime.uptime(Question(since=BEGIN, until=BEGIN + timedelta(hours=1)))
    await uptime.close()
    await store.close()
    assert found.incidents[0].regions == ["us east 1"]


def _timed(at: datetime, check: str, elapsed_ms: float | None) -> Event:
    """A result of somebody else's check, which may leave out how long it took."""
    event = sample(at, "up", check=check, every=600)
    event.data.pop("elapsed_ms")
    return msgspec.structs.replace(event, data=event.data | ({} if elapsed_ms is None else {"elapsed_ms": elapsed_ms}))


async def averages(store: Store, now: datetime) -> dict[str, set[float | None]]:
    """The average of each check by all that says it: of hours, of whole days, and at a glance."""
    uptime = UptimeBook(store)
    found: dict[str, set[float | None]] = {}
    for by in ("check", "region", "day", "month"):
        for row in (await uptime.uptime(Question(since=BEGIN, until=now, by=by))).rows:
            found.setdefault(row.check, set()).add(row.average_ms)
    for view in (await uptime.overview([*found], now)).checks:
        found[view.name] |= {took.average_ms for took in view.hours}
        found[view.name] |= {day.average_ms for day in view.days if day.up_s}
    await uptime.close()
    return found


async def test_the_pauses_between_requests_of_a_ping_are_no_time_that_it_took(tmp_path: Path) -> None:
    ping, silent = _timed(BEGIN, "ping", 801.8), _timed(BEGIN + timedelta(minutes=10), "ping", 4000.0)
    told = [
        msgspec.structs.replace(event, type="health.ping_update", data=event.data | more)
        for event, more in ((ping, {"avg_ms": 0.5}), (silent, {}))
    ]
    store = await Store.open(tmp_path)
    await store.append(told)
    assert (await averages(store, BEGIN + timedelta(hours=1)))["ping"] - {None} == {0.5}
    await store.close()


async def test_an_average_is_of_the_results_that_say_how_long_they_took(tmp_path: Path) -> None:
    moments = [BEGIN + timedelta(minutes=10 * number) for number in range(3 * 144)]
    store = await Store.open(tmp_path)
    await store.append([_timed(at, "some", None if number % 3 else 30.0) for number, at in enumerate(moments)])
    await store.append([_timed(at, "none", None) for at in moments])
    await store.append([_timed(at, "at once", 0.0) for at in moments])
    assert await averages(store, moments[-1]) == {"some": {30.0}, "none": {None}, "at once": {0.0}}
    await store.close()


async def test_a_file_of_an_earlier_version_keeps_its_averages(tmp_path: Path) -> None:
    moments = [BEGIN + timedelta(minutes=10 * number) for number in range(3 * 144)]
    store = await Store.open(tmp_path)
    await store.append([_timed(at, "all", 30.0) for at in moments[:-1]])
    await store.append([_timed(at, "none", None) for at in moments[:-1]])
    before = await averages(store, moments[-2])
    with contextlib.closing(sqlite3.connect(tmp_path / "uptime.db")) as connection:
        for table in ("hours", "days"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN measured")
    assert await averages(store, moments[-2]) == before == {"all": {30.0}, "none": {None}}
    await store.append([_timed(moments[-1], "all", 30.0), _timed(moments[-1], "none", 30.0)])
    after = await averages(store, moments[-1])
    assert (after["all"], after["none"]) == ({30.0}, {None, 30.0}), "it goes on with it"
    await store.close()


async def test_checks_that_are_too_many_are_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "MOST_SERIES", 5)
    store = await Store.open(tmp_path)
    await store.append([sample(BEGIN, "up", check=f"c{number}") for number in range(30)])
    with structlog.testing.capture_logs() as said:
        uptime = UptimeBook(store)
        await uptime.refresh()
        await uptime.close()
    assert [(line["event"], line["most"], line["left_out"]) for line in said] == [("uptime.too_many_checks", 5, 25)]
    await store.close()
