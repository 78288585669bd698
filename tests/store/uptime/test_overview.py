"""The overview says what reports say, of many checks at once."""

import contextlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from eventsink.errors import StoreUnavailable
from eventsink.event import EPOCH, Event
from eventsink.store import Store
from eventsink.store.uptime import Question, UptimeBook, file
from eventsink.store.uptime.glance import Glance, glance
from eventsink.store.uptime.overview import SPANS
from tests.store.uptime.test_year import sample

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 100


def history(seed: int, check: str) -> list[Event]:
    """Results of some regions over months, with gaps, outages of all lengths and maintenance."""
    chance = random.Random(f"{seed} {check}")
    events = []
    for region in ("a", "b", "c")[: chance.randint(1, 3)]:
        at = chance.uniform(0, 20 * 86_400)
        while at < DAYS * 86_400:
            every = chance.choice((600, 3600, 20_000, 86_400))
            state = chance.choices(("up", "down", "maintenance", "unknown"), (8, 2, 1, 1))[0]
            region_ = "maintenance" if state == "maintenance" else region
            events.append(sample(BEGIN + timedelta(seconds=at), state, check=check, region=region_, every=every))
            at += chance.choice((every, every / 2, 2 * every, 30_000, 200_000 if chance.random() < 0.05 else every))
    chance.shuffle(events)
    return events


async def opened(folder: Path, events: Sequence[Event]) -> tuple[Store, UptimeBook]:
    store = await Store.open(folder)
    for start in range(0, len(events), 5000):
        await store.append(events[start : start + 5000])
    book = UptimeBook(store)
    await book.refresh()  # on a busy machine that takes longer than a page waits for it
    return store, book


@pytest.mark.parametrize("seed", range(8))
async def test_it_is_what_reports_say(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    names = ["clowder", "homepage", "db"]
    store, book = await opened(tmp_path, [event for name in names for event in history(seed, name)])
    now = BEGIN + timedelta(seconds=chance.uniform(30 * 86_400, DAYS * 86_400))
    now = {0: now.replace(hour=0, minute=0, second=0, microsecond=0), 1: now.replace(minute=0, second=0)}.get(seed, now)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    found = await book.overview([*names, "never"], now, 90)
    assert [view.name for view in found.checks] == [*names, "never"]
    for view in found.checks[:-1]:
        for span, days in SPANS.items():
            question = Question(since=now - timedelta(days=days), until=now, checks=(view.name,))
            (row,) = (await book.uptime(question)).rows
            assert view.uptime[span] == row.uptime_percent, span
        first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=89)
        rows = (await book.uptime(Question(since=first, until=now, checks=(view.name,), by="day"))).rows
        by_day = {row.begin.date(): row for row in rows if row.begin}
        assert len(view.days) == 90 and view.days[-1].date == now.date()
        for day in view.days:
            if day.date not in by_day:
                assert (day.up_s, day.down_s, day.unknown_s, day.maintenance_s, day.percent) == (0, 0, 0, 0, None)
                continue
            row = by_day[day.date]
            assert day.up_s == row.up_s and day.down_s == row.down_s and day.maintenance_s == row.maintenance_s
            assert (day.unknown_s, day.percent, day.average_ms) == (row.unknown_s, row.uptime_percent, row.average_ms)
    since = now - timedelta(days=90)
    told = (await book.uptime(Question(since=since, until=now))).incidents
    assert [(one.check, one.start, one.end, one.down_s) for one in sorted(found.incidents, key=_order)] == [
        (one.check, one.start, one.end, one.down_s) for one in sorted(told, key=_order)
    ]
    assert not any("maintenance" in (*outage.regions, *_regions(found, outage.check)) for outage in found.incidents)
    await book.close()
    await store.close()


def _order(one):
    return one.start, one.check


def _regions(found, check: str) -> list[str]:
    return [region.name for view in found.checks if view.name == check for region in view.regions]


async def test_the_states_of_now_and_since_when(tmp_path: Path) -> None:
    now = datetime(2026, 5, 5, 5, 30, tzinfo=UTC)
    minutes = [now - timedelta(minutes=minute) for minute in range(300, 0, -1)]
    outage = now - timedelta(minutes=90)
    events = [sample(at, "up", check="well", every=60) for at in minutes]
    events += [sample(at, "up" if at < outage else "down", check="broken", every=60) for at in minutes]
    events += [sample(at, "up", check="broken", region="far", every=60) for at in minutes if at < outage]
    events += [sample(at, "up", check="silent", every=60) for at in minutes if at < outage]
    events += [sample(at, "up", check="mended", every=60) for at in minutes]
    events += [sample(at, "maintenance", check="mended", region="maintenance", every=60) for at in minutes[-30:]]
    store, book = await opened(tmp_path, events)
    found = {view.name: view for view in (await book.overview(["well", "broken", "silent", "mended"], now)).checks}
    assert {name: view.state for name, view in found.items()} == {
        "well": "up",
        "broken": "down",
        "silent": "unknown",
        "mended": "maintenance",
    }
    said_nothing = outage - timedelta(minutes=1) + timedelta(seconds=150)
    assert found["broken"].since is not None and found["broken"].since <= said_nothing
    assert found["silent"].since == said_nothing
    assert found["mended"].since == minutes[-30]
    regions = {region.name: region for region in found["broken"].regions}
    assert {name: region.state for name, region in regions.items()} == {"urbana": "down", "far": "unknown"}
    assert regions["urbana"].since == outage and regions["far"].since == said_nothing
    assert [region.name for region in found["mended"].regions] == ["urbana"]
    assert [took.average_ms for took in found["well"].hours] == [5.0] * len(found["well"].hours)
    assert len(found["well"].hours) == 6
    await book.close()
    await store.close()


async def test_what_a_check_says_itself_is_left_out(tmp_path: Path) -> None:
    now = datetime(2026, 5, 5, 5, 30, tzinfo=UTC)
    event = sample(now - timedelta(minutes=1), "down", check="x")
    event.data.update(reason="db-7.internal is away", message="10.0.0.7 refused", target="db-7.internal")
    store, book = await opened(tmp_path, [event])
    found = await book.overview(["x"], now)
    (outage,) = found.incidents
    assert outage.reason == "" and "internal" not in str(found) and "10.0.0.7" not in str(found)
    await book.close()
    await store.close()


async def test_a_store_that_does_not_answer_leaves_what_was_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    store, book = await opened(tmp_path, [sample(now - timedelta(hours=2), "up", check="x", every=86_400)])
    first = await book.overview(["x"], now)
    assert first.read_at is not None and first.checks[0].state == "up"

    async def fail() -> None:
        raise StoreUnavailable("The disk is away.")

    monkeypatch.setattr(book, "refresh", fail)
    monkeypatch.setattr(book, "_read_at", first.read_at - timedelta(hours=1))
    again = await book.overview(["x"], now)
    assert again.checks[0].state == "up" and again.read_at == first.read_at - timedelta(hours=1)
    await book.close()
    await store.close()


async def test_a_check_that_runs_each_second_is_known_between_two_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    store, book = await opened(tmp_path, [sample(now, "up", check="x", every=1)])
    await book.refresh()
    monkeypatch.setattr(book, "_read_at", now)  # opening the store may take longer than the check's second
    found = await book.overview(["x"], now + timedelta(seconds=25))
    assert found.checks[0].state == "up"
    await book.close()
    await store.close()


async def test_the_newest_incidents_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventsink.store.uptime.overview.MOST_INCIDENTS", 5)
    now = datetime(2026, 5, 5, tzinfo=UTC)
    events = [
        sample(now - timedelta(minutes=minute), "up" if minute % 2 else "down", check="x", every=60)
        for minute in range(1, 41)
    ]
    store, book = await opened(tmp_path, events)
    found = await book.overview(["x"], now)
    assert found.cut
    assert [now - one.start for one in found.incidents] == [timedelta(minutes=minute) for minute in (2, 4, 6, 8, 10)]
    await book.close()
    await store.close()


async def test_a_glance_says_the_same_of_all(tmp_path: Path) -> None:
    names = [f"check-{number}" for number in range(4)]
    store, book = await opened(tmp_path, [event for name in names for event in history(1, name)])
    now = BEGIN + timedelta(days=60, hours=5, minutes=17)
    known = (await book.overview(names, now, 1)).checks
    found = msgspec.json.decode(await book.glance(now), type=Glance)
    assert [check.name for check in found.checks] == names and not found.cut
    for view, check in zip(known, found.checks, strict=True):
        assert (check.state, check.since, check.uptime, check.regions) == (
            view.state,
            view.since,
            view.uptime,
            view.regions,
        )
        hours = [(found.hours_from + timedelta(hours=at), ms) for at, ms in enumerate(check.took_ms) if ms is not None]
        assert hours == [(hour.begin, hour.average_ms) for hour in view.hours]
    await book.close()
    await store.close()


async def test_a_glance_has_a_bound_and_forgets_what_is_old(tmp_path: Path) -> None:
    times = {f"check-{number}": 0 for number in range(5)} | {"old": -150}
    events = [sample(BEGIN + timedelta(days=days), "up", check=name) for name, days in times.items()]
    events.append(sample(BEGIN, "maintenance", check="announced", region="maintenance"))
    store, book = await opened(tmp_path, events)
    await book.close()
    now = (BEGIN + timedelta(minutes=1) - EPOCH) // timedelta(milliseconds=1)
    with contextlib.closing(file.connect(store.path / "uptime.db")) as connection:
        few = glance(connection, now, most=3)
        assert ([check.name for check in few.checks], few.total, few.cut) == (
            ["check-0", "check-1", "check-2"],
            5,
            True,
        )
        every = glance(connection, now, most=5)
        assert (len(every.checks), every.total, every.cut) == (5, 5, False)
    await store.close()
