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

import msgspec
import pytest

from eventsink.errors import StoreUnavailable
from eventsink.event import Event, decode
from eventsink.store import EventQuery, Point, Stats, Store, Summary, TypeCount, encode, encode_list
from tests.store.events import NOVEMBER, an_event, some_events

HOUR = timedelta(hours=1)


async def _ids(store: Store, **query: object) -> list[str]:
    return [event.id for event in await store.events(EventQuery(**query))]


async def test_an_empty_store_answers(store: Store) -> None:
    assert await store.events(EventQuery()) == []
    assert await store.count(EventQuery(user="a")) == 0
    nothing = Summary(events=0, users=0, bytes_uploaded=0, bytes_downloaded=0, by_type=[], series=[])
    assert await store.summary(None, None, "day") == nothing
    assert await store.stats() == Stats(events=0, bytes=0, months=[], first=None, last=None)


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
        with store._months.reading:
            slow.set()
            store._months.reader.execute("SELECT count(*) FROM range(60_000) a, range(60_000) b WHERE hash(a, b) = 1")
        return original(query)

    reader.count = count  # type: ignore[method-assign]
    question = asyncio.create_task(store.count(EventQuery()))
    await asyncio.to_thread(slow.wait)
    waits = []
    for number in range(10):
        start = time.perf_counter()
        assert await store.append(some_events(100, NOVEMBER + timedelta(days=1 + 8 * number))) == 100
        store._writer.checkpoint()
        waits.append(time.perf_counter() - start)
    assert not question.done()
    assert max(waits) < 2
    await store.close()  # breaks the question off
    with pytest.raises(StoreUnavailable):
        await question


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
    await asyncio.wait_for(following, 10)
    assert sorted(seen) == sorted(event.id for batch in batches for event in batch)
