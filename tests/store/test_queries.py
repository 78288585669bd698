"""Questions: filters, pages, sums, and that they hold up nobody."""

import asyncio
import itertools
import json
import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import msgspec
import pytest

from eventsink.errors import StoreUnavailable
from eventsink.event import Event, decode
from eventsink.store import (
    OTHER_TYPES,
    EventPage,
    EventQuery,
    Point,
    Stats,
    Store,
    Summary,
    TooManyPoints,
    TypeCount,
    encode,
    encode_list,
)
from eventsink.store.sums import MOST_TYPES
from tests.store.events import NOVEMBER, an_event, some_events

HOUR = timedelta(hours=1)


async def _ids(store: Store, **query: object) -> list[str]:
    return [event.id for event in await store.events(EventQuery(**query))]


async def test_an_empty_store_answers(store: Store) -> None:
    assert await store.events(EventQuery()) == []
    assert await store.count(EventQuery(user="a")) == 0
    nothing = Summary(events=0, users=0, bytes_uploaded=0, bytes_downloaded=0, by_type=[], series=[])
    assert await store.summary(None, None, "day") == nothing
    assert await store.stats() == Stats(events=0, bytes=0, months=[], first=None, last=None, memory="64MB")


async def test_every_filter(store: Store) -> None:
    events = {
        "plain": an_event(),
        "user": an_event(user="u"),
        "source": an_event(source="s"),
        "subject": an_event(subject="files/1"),
        "type": an_event(type="storage.file_uploaded"),
        "like": an_event(type="storage_x.file"),
        "early": an_event(time=NOVEMBER - HOUR),
        "before": an_event(time=NOVEMBER - 40 * 24 * HOUR),
    }
    await store.append(list(events.values()))

    async def names(**query: object) -> set[str]:
        found = await _ids(store, **query)
        assert await store.count(EventQuery(**query)) == len(found)
        return {name for name, event in events.items() if event.id in found}

    assert await names() == set(events)
    assert await names(user="u") == {"user"}
    assert await names(source="s") == {"source"}
    assert await names(subject="files/1") == {"subject"}
    assert await names(type="storage.file_uploaded") == {"type"}
    assert await names(type="storage.*") == {"type"}
    assert await names(type="traffic.*", user="u") == {"user"}
    assert await names(type="*") == set(events)
    assert await names(id=events["source"].id) == {"source"}
    assert await names(until=NOVEMBER) == {"early", "before"}, "the end is excluded"
    assert await names(since=NOVEMBER - HOUR, until=NOVEMBER) == {"early"}, "the beginning is included"
    assert await names(since=NOVEMBER + HOUR) == set()
    zone = timezone(timedelta(hours=-5))
    assert await names(since=(NOVEMBER - HOUR).astimezone(zone), until=NOVEMBER.astimezone(zone)) == {"early"}
    assert await names(since=datetime(2026, 11, 1), until=datetime(2026, 11, 10, 12)) == {"early"}  # noqa: DTZ001
    assert await names(user="' OR 1=1 --") == set()


async def test_pages_both_ways_over_several_months(store: Store) -> None:
    events = [event for days in (0, 40, -40, 20) for event in some_events(25, NOVEMBER + timedelta(days=days))]
    for start in range(0, 100, 10):
        await store.append(events[start : start + 10])
    ids = [event.id for event in events]

    assert await _ids(store, order="asc", limit=None) == ids
    assert await _ids(store, limit=7) == ids[:-8:-1], "the newest arrival first"
    for order, cursor, expected in (("asc", "after_seq", ids), ("desc", "before_seq", ids[::-1])):
        seen: list[str] = []
        at: dict[str, int] = {}
        while page := await store.events(EventQuery(order=order, limit=9, **at)):
            seen += [event.id for event in page]
            at = {cursor: page[-1].seq}
        assert seen == expected
    first, *_, last = await store.events(EventQuery(order="asc", limit=None))
    assert await store.count(EventQuery(after_seq=first.seq, before_seq=last.seq, limit=3)) == 98


async def test_a_page_ends_after_some_bytes_also_before_its_limit(store: Store) -> None:
    events = [an_event(data={"text": "x" * size}) for size in [200_000] * 45 + [3_900] * 3_000]
    await store.append(events)
    seen: list[str] = []
    for order, expected in (("asc", events), ("desc", events[::-1])):
        seen = []
        query = EventQuery(order=order, limit=2_000)
        while True:
            page = await store.page(query)
            assert sum(len(event.data) for event in page.events) <= 4_000_000
            seen += [event.id for event in page.events]
            if page.next is None:
                break
            assert len(page.events) > 18
            query = msgspec.structs.replace(query, **{"after_seq" if order == "asc" else "before_seq": page.next})
        assert seen == [event.id for event in expected]
    assert [event.id for event in await store.events(EventQuery(limit=2_990))] == seen[:2_990]


async def test_an_event_longer_than_a_page_has_one_to_itself(store: Store) -> None:
    long = an_event(data={"text": "x" * 5_000_000})
    await store.append([an_event(), long, an_event()])
    pages = [await store.page(EventQuery(order="asc"))]
    while pages[-1].next is not None:
        pages.append(await store.page(EventQuery(order="asc", after_seq=pages[-1].next)))
    assert [len(page.events) for page in pages] == [1, 1, 1]
    assert pages[1].events[0].event() == long


async def test_a_page_says_where_the_next_one_is(store: Store) -> None:
    assert await store.page(EventQuery()) == EventPage([], None)
    await store.append(some_events(3))
    page = await store.page(EventQuery(limit=3))
    assert page.next == page.events[-1].seq, "there might be more"
    assert await store.page(EventQuery(limit=3, before_seq=page.next)) == EventPage([], None)
    assert (await store.page(EventQuery(limit=4))).next is None


async def test_an_event_is_written_as_a_cloudevent_with_its_number(store: Store) -> None:
    plain = an_event(user="64a", subject="files/1", data={"deep": {"é": [1, None]}})
    extended = an_event(extensions={"traceparent": "00-1", "seq": "theirs"})
    await store.append([plain, extended])
    first, second = await store.events(EventQuery(order="asc"))
    for stored, event in ((first, plain), (second, extended)):
        written = json.loads(encode(stored))
        assert written.pop("specversion") == "1.0"
        assert written.pop("seq") == stored.seq
        assert msgspec.convert(written.pop("time"), datetime) == event.time
        assert msgspec.convert(written.pop("received"), datetime) == event.received
        expected = msgspec.to_builtins(event) | event.extensions
        unwanted = ("specversion", "seq", "time", "received", "extensions")
        assert written == {name: value for name, value in expected.items() if name not in unwanted}
    assert json.loads(encode_list([first, second])) == [json.loads(encode(first)), json.loads(encode(second))]
    assert json.loads(encode_list([])) == []
    without = json.dumps({name: value for name, value in json.loads(encode(first)).items() if name != "seq"})
    assert decode(without.encode()) == plain


async def test_sums_counted_by_hand(store: Store) -> None:
    day = datetime(2026, 11, 30, tzinfo=UTC)  # a Monday
    upload, download = "storage.file_uploaded", "traffic.resource_downloaded"
    await store.append(
        [
            an_event(type=upload, time=day, user="a", data={"bytes": 2**40}),
            an_event(type=upload, time=day + 90 * timedelta(minutes=1), user="b", data={"bytes": 5}),
            an_event(type=upload, time=day + 25 * HOUR, user="a", data={}),
            an_event(type=download, time=day + 26 * HOUR, user="a", data={"resource_type": "file", "bytes": 7}),
            an_event(type=download, time=day + 26 * HOUR, data={"resource_type": "dataset", "items": 1000}),
            an_event(type="traffic.page_view", time=day + 27 * HOUR, data={"bytes": 99}),
            an_event(type=upload, time=day - timedelta(microseconds=1), user="c", data={"bytes": 1}),
            an_event(type=upload, time=day + 48 * HOUR, user="d", data={"bytes": 1}),
        ]
    )
    summary = await store.summary(day, day + 48 * HOUR, "day")
    assert summary == Summary(
        events=6,
        users=2,
        bytes_uploaded=2**40 + 5,
        bytes_downloaded=7,
        by_type=[TypeCount(upload, 3), TypeCount(download, 2), TypeCount("traffic.page_view", 1)],
        series=[
            Point(day, upload, 2),
            Point(day + 24 * HOUR, upload, 1),
            Point(day + 24 * HOUR, "traffic.page_view", 1),
            Point(day + 24 * HOUR, download, 2),
        ],
    )
    assert summary.series[0].time.tzinfo is UTC

    async def begins(interval: str) -> list[datetime]:
        return sorted({point.time for point in (await store.summary(None, None, interval)).series})

    assert await begins("minute") == [
        day - timedelta(minutes=1),
        day,
        day + 90 * timedelta(minutes=1),
        day + 25 * HOUR,
        day + 26 * HOUR,
        day + 27 * HOUR,
        day + 48 * HOUR,
    ]
    assert await begins("hour") == [day - HOUR, day, *[day + hours * HOUR for hours in (1, 25, 26, 27, 48)]]
    assert await begins("week") == [day - 7 * 24 * HOUR, day]
    assert await begins("month") == [datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)]


async def test_sums_agree_with_counting_in_python(store: Store) -> None:
    chance = random.Random(7)
    types = ["storage.file_uploaded", "traffic.resource_downloaded", "users.login", "x.y"]
    events = [
        an_event(
            type=chance.choice(types),
            time=NOVEMBER + timedelta(minutes=chance.randrange(90 * 24 * 60)),
            user=chance.choice([None, "a", "b", "c"]),
            data=chance.choice([{}, {"bytes": chance.randrange(2**50)}, {"items": 4}]),
        )
        for _ in range(3000)
    ]
    await store.append(events)
    since, until = NOVEMBER + timedelta(days=11, hours=3), NOVEMBER + timedelta(days=66)
    inside = [event for event in events if since <= event.time < until]
    summary = await store.summary(since, until, "day")
    assert summary.events == len(inside)
    assert summary.users == len({event.user for event in inside} - {None})
    sums = {kind: sum(event.data.get("bytes", 0) for event in inside if event.type == kind) for kind in types}
    assert (summary.bytes_uploaded, summary.bytes_downloaded) == (sums[types[0]], sums[types[1]])
    days = Counter((event.time.date(), event.type) for event in inside)
    assert [(point.time.date(), point.type, point.count) for point in summary.series] == [
        (*key, count) for key, count in sorted(days.items())
    ]


async def test_bytes_beyond_any_integer_and_nonsense_do_not_break_the_sums(store: Store) -> None:
    upload = "storage.file_uploaded"
    sizes: list[object] = [2**63 - 1, 2**63 - 1, 2**63 - 1, "many", None, [1], -0.0, {"a": 1}, True]
    await store.append([an_event(type=upload, data={"bytes": size}) for size in sizes])
    assert (await store.summary(None, None, "day")).bytes_uploaded == 2**63 - 1


async def test_types_beyond_the_most_frequent_are_summed_up(store: Store) -> None:
    day = datetime(2026, 11, 30, tzinfo=UTC)
    made_up = [f"made.up_{number:03}" for number in range(MOST_TYPES + 50)]
    events = [an_event(type=kind, time=day + hours * HOUR) for kind in made_up for hours in (1, 2)]
    events += [an_event(type="users.login", time=day - 30 * 24 * HOUR) for _ in range(3)]
    await store.append(events)
    summary = await store.summary(None, None, "day")
    assert summary.events == len(events)
    assert summary.by_type == [
        TypeCount("users.login", 3),
        *[TypeCount(kind, 2) for kind in made_up[: MOST_TYPES - 1]],
        TypeCount(OTHER_TYPES, 2 * 51),
    ]
    assert len(summary.series) == MOST_TYPES + 1
    assert Point(day, OTHER_TYPES, 2 * 51) in summary.series


async def test_a_series_that_nobody_could_look_at_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventsink.store.sums.MOST_POINTS", 20)
    await store.append([event for hours in range(21) for event in some_events(1, NOVEMBER + hours * HOUR)])
    with pytest.raises(TooManyPoints, match=r"By the hour.* more than 20 .*: ask for longer intervals"):
        await store.summary(None, None, "hour")
    assert len((await store.summary(None, NOVEMBER + 20 * HOUR, "hour")).series) == 20
    assert len((await store.summary(None, None, "month")).series) == 1
    assert (await store.stats()).trouble is None


async def test_users_and_types_in_large_numbers_go_through_little_memory(tmp_path: Path) -> None:
    store = await Store.open(tmp_path, memory="16MB")
    for day in range(0, 90, 15):
        times = NOVEMBER - day * 24 * HOUR
        made_up = [f"{day}.{number}" + "x" * 100 for number in range(5_000)]
        await store.append([an_event(time=times, type=text, user=text) for text in made_up])
    summary = await store.summary(None, None, "minute")
    assert (summary.events, summary.users, len(summary.by_type)) == (30_000, 30_000, MOST_TYPES + 1)
    await store.close()


async def test_what_cannot_be_answered_is_said_with_a_remedy_and_remembered_for_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.append(some_events(2000))
    store._months.files.writer.execute("SET memory_limit = '2MB'")
    with pytest.raises(StoreUnavailable, match=r"(?i)cannot be read: out of memory.*Ask for a shorter time.* 64MB"):
        await store.summary(None, None, "day")
    store._months.files.writer.execute("SET memory_limit = '64MB'")
    assert (await store.summary(None, None, "day")).events == 2000
    trouble = (await store.stats()).trouble
    assert trouble and "shorter time" in trouble
    monkeypatch.setattr("eventsink.store.store.time.monotonic", lambda: time.perf_counter() + 1e9)
    assert (await store.stats()).trouble is None


async def test_what_the_store_holds(store: Store, tmp_path: Path) -> None:
    await store.append(some_events(3))
    await store.append(some_events(2, NOVEMBER + timedelta(days=30)))
    stats = await store.stats()
    assert (stats.events, stats.months) == (5, ["2026-11", "2026-12"])
    assert (stats.first, stats.last) == (NOVEMBER, NOVEMBER + timedelta(days=30, seconds=1))
    assert stats.bytes == sum(file.stat().st_size for file in (tmp_path / "store").glob("events-*"))


async def test_a_slow_question_does_not_hold_up_appends(store: Store) -> None:
    await store.append(some_events(2000))
    slow = threading.Event()
    reader = store._reader
    original = reader.count

    def count(query: EventQuery) -> int:
        with store._months.gate.looking():
            slow.set()
            store._months.files.reader.execute(
                "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b WHERE hash(a, b) = 1"
            )
        return original(query)

    reader.count = count  # type: ignore[method-assign]
    question = asyncio.create_task(store.count(EventQuery()))
    await asyncio.to_thread(slow.wait)
    for number in range(10):
        assert await store.append(some_events(100, NOVEMBER + timedelta(days=1 + 8 * number))) == 100
        store._writer.checkpoint()
    assert not question.done(), "all of them were done before it"
    await store.close()  # breaks the question off
    with pytest.raises(StoreUnavailable):
        await question


@pytest.mark.parametrize("thread", ["reader", "counter", "exporter", "analyst"])
async def test_a_statement_that_begins_as_the_store_closes_is_broken_off_too(tmp_path: Path, thread: str) -> None:
    store = await Store.open(tmp_path)
    files, told = store._months.files, threading.Event()
    interrupt = files.interrupt
    executors = {
        "reader": store._reading,
        "counter": store._counting,
        "exporter": store._exporting,
        "analyst": store._asking,
    }

    def interrupt_and_tell() -> None:
        interrupt()
        told.set()

    def ask() -> None:
        told.wait()
        getattr(files, thread).execute(
            "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b WHERE hash(a, b) = 1"
        )

    files.interrupt = interrupt_and_tell  # type: ignore[method-assign]
    question = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(executors[thread], ask))
    closing = asyncio.create_task(store.close())
    await asyncio.wait([question], timeout=30)
    heard = question.done()
    while not question.done():  # or this test would never end
        interrupt()
        await asyncio.sleep(0.01)
    await closing
    with pytest.raises(duckdb.InterruptException):
        await question
    assert heard and not store.stuck


async def test_whoever_follows_by_number_sees_each_event_once_while_others_append(store: Store) -> None:
    months = itertools.cycle([NOVEMBER + timedelta(days=days) for days in (0, 30, -30, 60)])
    batches: list[list[Event]] = [
        [event for _ in range(3) for event in some_events(2, next(months))] for _ in range(30)
    ]
    seen: list[str] = []

    async def follow() -> None:
        at = 0
        while len(seen) < 180:
            for event in await store.events(EventQuery(order="asc", after_seq=at, limit=50)):
                seen.append(event.id)
                at = event.seq

    following = asyncio.create_task(follow())
    for batch in batches:
        await store.append(batch)
    await asyncio.wait_for(following, 90)
    assert sorted(seen) == sorted(event.id for batch in batches for event in batch)
