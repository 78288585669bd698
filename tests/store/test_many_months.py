"""Events of very many months: few files open at once, answers as right as ever, strange times in files they share."""

import asyncio
import os
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventsink.event import Event
from eventsink.store import EventQuery, Store, months, open_files, writer
from eventsink.store.month_names import home_of, month_before, month_of
from eventsink.store.months import MOST_DIRTY
from eventsink.store.open_files import MOST_OPEN
from tests.store.events import an_event, some_events

ALL = EventQuery(order="asc", limit=None)
NOW = "2026-11"
MONTHS = 30
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    _set_now(monkeypatch, NOW)


def _set_now(monkeypatch: pytest.MonkeyPatch, month: str) -> None:
    monkeypatch.setattr(months, "this_month", lambda: month)
    monkeypatch.setattr(writer, "this_month", lambda: month)


def _start(months_ago: int) -> datetime:
    month = month_before(NOW, months_ago)
    return datetime(int(month[:4]), int(month[5:]), 3, tzinfo=UTC)


def _of_many_months(count: int = MONTHS) -> list[Event]:
    """Two events of each month, in no order."""
    events = [event for ago in range(count) for event in some_events(2, _start(ago), user=f"u{ago % 7}")]
    random.Random(count).shuffle(events)
    return events


def _open_files(folder: Path) -> list[str]:
    """The files of a folder that this process has open, the lock aside."""
    links = (os.path.realpath(number) for number in Path("/proc/self/fd").iterdir())
    return sorted(link for link in links if link.startswith(str(folder.resolve())) and "events-" in link)


async def _held(store: Store) -> list[str]:
    return [event.id for event in await store.events(ALL)]


# --- many months -----------------------------------------------------------------------------------------------------


async def test_events_of_many_months_in_little_memory_with_few_files_open(tmp_path: Path) -> None:
    events = _of_many_months(60)
    store = await Store.open(tmp_path, memory="16MB")
    assert await store.append(events) == 120
    for _ in range(2):
        assert await store.append(events) == 0, "it finds each again, whichever files are open"
        assert sorted(await _held(store)) == sorted(event.id for event in events)
        assert len(await store.events(EventQuery())) == 100
        assert await store.count(EventQuery(user="u3")) == 2 * len(range(3, 60, 7))
        summary = await store.summary(None, None, "month")
        assert (summary.events, summary.users, len(summary.series)) == (120, 7, 60)
        assert (await store.stats()).events == 120
        assert len(set(_open_files(tmp_path))) <= 2 * MOST_OPEN
        assert len(store._writer._dirty) <= MOST_DIRTY
        await store.close()
        store = await Store.open(tmp_path, memory="16MB")
        assert len(set(_open_files(tmp_path))) <= MOST_OPEN
    await store.close()


async def test_pages_over_many_months_in_both_orders(store: Store) -> None:
    events = _of_many_months()
    for start in range(0, len(events), 5):
        await store.append(events[start : start + 5])
    ids = await _held(store)
    assert sorted(ids) == sorted(event.id for event in events)
    for order, cursor, expected in (("asc", "after_seq", ids), ("desc", "before_seq", ids[::-1])):
        seen: list[str] = []
        at: dict[str, int] = {}
        while True:
            page = await store.page(EventQuery(order=order, limit=7, **at))
            seen += [event.id for event in page.events]
            if page.next is None:
                break
            at = {cursor: page.next}
        assert seen == expected


async def test_only_files_that_can_have_a_part_in_the_answer_are_opened(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    for ago in reversed(range(MONTHS)):
        await store.append(some_events(3, _start(ago)))
    await store.close()
    store = await Store.open(tmp_path)
    opened: list[str] = []
    attach = store._months.files.attach

    def attach_and_tell(month: str) -> None:
        opened.append(month)
        attach(month)

    store._months.files.attach = attach_and_tell  # type: ignore[method-assign]
    assert len(await store.events(EventQuery(limit=4))) == 4, "the two months that have the newest, which are open"
    assert await store.count(EventQuery()) == 3 * MONTHS
    assert await store.count(EventQuery(since=_start(25) - DAY, until=_start(15) - DAY)) == 30, "known without looking"
    assert (await store.stats()).events == 3 * MONTHS
    assert opened == []
    assert (await store.summary(_start(25) - DAY, _start(25) + DAY, "day")).events == 3
    assert await store.count(EventQuery(until=_start(MONTHS - 1) + timedelta(seconds=2))) == 2, "a part of a file"
    assert opened == [month_before(NOW, 25), month_before(NOW, MONTHS - 1)]
    await store.close()


async def test_whoever_follows_sees_each_event_once_while_files_open_and_close(store: Store) -> None:
    batches = [some_events(3, _start((7 * number) % MONTHS) + number * timedelta(hours=1)) for number in range(60)]
    seen: list[str] = []

    async def follow() -> None:
        at = 0
        while len(seen) < 180:
            for event in await store.events(EventQuery(order="asc", after_seq=at, limit=50)):
                seen.append(event.id)
                at = event.seq
            assert (await store.summary(None, None, "month")).events >= len(seen)

    following = asyncio.create_task(follow())
    for batch in batches:
        await store.append(batch)
    await asyncio.wait_for(following, 90)
    assert sorted(seen) == sorted(event.id for batch in batches for event in batch)


async def test_a_folder_with_many_wals_of_an_earlier_version_is_brought_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = _of_many_months(30)
    with monkeypatch.context() as unbounded:
        unbounded.setattr(open_files, "MOST_OPEN", 99)
        unbounded.setattr(writer, "MOST_DIRTY", 99)
        store = await Store.open(tmp_path / "live")
        await store.append(events)
        shutil.copytree(tmp_path / "live", tmp_path / "killed")
        await store.close()
    assert len(list((tmp_path / "killed").glob("events-*.wal"))) == 30
    store = await Store.open(tmp_path / "killed")
    assert len(store._writer._dirty) <= MOST_DIRTY
    assert len(set(_open_files(tmp_path / "killed"))) <= 2 * MOST_OPEN
    assert sorted(await _held(store)) == sorted(event.id for event in events)
    assert await store.append(events) == 0
    assert store.set_aside == []
    await store.close()


async def test_damage_that_shows_when_a_question_opens_a_file_is_set_aside_then(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.append(_of_many_months())
    damaged = tmp_path / f"events-{month_before(NOW, MONTHS - 1)}.duckdb"
    for ago in range(MOST_OPEN + 1):  # the others are closed for these
        await store.count(EventQuery(since=_start(ago), until=_start(ago) + timedelta(seconds=1)))
    assert str(damaged) not in _open_files(tmp_path)
    damaged.write_text("hello")
    assert len(await _held(store)) == 2 * (MONTHS - 1)
    (aside,) = store.set_aside
    assert damaged.name in aside and Path(aside).read_text() == "hello"
    assert await store.append(_of_many_months()) >= 2, "what was lost can be sent again"
    await store.close()


# --- strange times ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("month", "present", "home"),
    [
        ("2026-11", (), "2026-11"),
        ("2016-11", (), "2016-11"),
        ("2016-10", (), "1999-12"),
        ("2016-10", ("2016-10",), "2016-10"),
        ("0001-01", ("2016-10",), "1999-12"),
        ("1999-12", (), "1999-12"),
        ("2027-11", (), "2027-11"),
        ("2027-12", (), "2100-01"),
        ("2027-12", ("2027-12",), "2027-12"),
        ("9999-12", (), "2100-01"),
    ],
)
def test_the_home_of_a_month(month: str, present: tuple[str, ...], home: str) -> None:
    assert home_of(month, present, NOW) == home


def _strange() -> Iterator[Event]:
    for year in (1, 1066, 1969, 1999, 2003, 2012, 2041, 2099, 2100, 2525, 9999):
        yield from some_events(2, datetime(year, 6, 1, tzinfo=UTC), user="strange")


async def test_strange_times_share_two_files(store: Store) -> None:
    strange = list(_strange())
    plain = some_events(3, _start(0))
    assert await store.append([*strange, *plain]) == 25
    assert await store.append([*reversed(strange), *plain]) == 0
    stats = await store.stats()
    assert stats.months == ["1999-12", NOW, "2100-01"]
    assert (stats.first, stats.last) == (strange[0].time, strange[-1].time)
    assert {stored.id for stored in await store.events(EventQuery(user="strange"))} == {event.id for event in strange}
    of_1066 = EventQuery(since=datetime(1066, 1, 1, tzinfo=UTC), until=datetime(1067, 1, 1, tzinfo=UTC))
    assert [stored.event() for stored in await store.events(of_1066)] == strange[3:1:-1]
    assert (await store.summary(_start(0), _start(0) + DAY, "day")).events == 3


async def test_an_event_is_known_also_when_its_month_has_got_a_file_of_its_own_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = [
        an_event(id="a", time=datetime(2028, 6, 30, tzinfo=UTC)),
        *some_events(4, datetime(2028, 7, 1, tzinfo=UTC)),
    ]
    assert await store.append(ahead) == 5
    _set_now(monkeypatch, "2028-06")
    later = some_events(2, datetime(2028, 7, 2, tzinfo=UTC))
    again = an_event(id="a", time=datetime(2028, 7, 1, tzinfo=UTC))  # it brought no time, and came the month after
    assert await store.append([*later, *ahead, again]) == 2
    assert (await store.stats()).months == ["2028-07", "2100-01"]
    assert {stored.id for stored in await store.events(EventQuery(since=ahead[1].time))} == {
        event.id for event in [*ahead[1:], *later]
    }
    _set_now(monkeypatch, "2045-01")
    assert await store.append([*later, *ahead]) == 0, "also when it is the far past"
    assert await store.append(some_events(1, datetime(2028, 8, 1, tzinfo=UTC))) == 1
    assert (await store.stats()).months == ["1999-12", "2028-07", "2100-01"]


async def test_a_shared_file_is_deleted_when_its_latest_event_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(tmp_path)
    await store.append([an_event(time=datetime(year, 1, 1, tzinfo=UTC)) for year in (1950, 2015, 2030)])
    await store.close()
    store = await Store.open(tmp_path, keep_months=150)
    assert (await store.stats()).months == ["1999-12", "2100-01"], "2015 is to be kept: 1950 stays with it"
    assert await store.append([an_event(time=datetime(1951, 1, 1, tzinfo=UTC))]) == 0
    _set_now(monkeypatch, "2028-01")
    await store.append(some_events(1, datetime(2028, 1, 1, tzinfo=UTC)))
    assert (await store.stats()).months == ["2028-01", "2100-01"]
    _set_now(monkeypatch, "2043-01")
    await store.append([])
    assert (await store.stats()).months == []
    await store.close()


def test_months_are_those_of_utc() -> None:
    assert month_of(datetime.fromisoformat("2026-12-01T00:30:00+01:00")) == "2026-11"
