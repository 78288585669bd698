"""Each event once, in the file of its month, exactly as it came."""

import asyncio
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventsink.errors import StoreUnavailable
from eventsink.event import Event, content_id, new_ids
from eventsink.store import EventQuery, Store
from eventsink.store import batch as batch_module
from tests.store.events import NOVEMBER, an_event, some_events

ALL = EventQuery(order="asc", limit=None)


async def _held(store: Store) -> list[Event]:
    return [stored.event() for stored in await store.events(ALL)]


async def test_what_is_appended_comes_back_as_it_was(store: Store) -> None:
    event = an_event(
        subject="files/64b", user="64a", dialect="clowder-1", extensions={"traceparent": "00-1", "deep": {"a": [1]}}
    )
    assert await store.append([event]) == 1
    assert await _held(store) == [event]


async def test_appended_again_it_is_there_once(store: Store) -> None:
    events = some_events(500)
    assert await store.append(events) == 500
    assert await store.append(events) == 0
    assert await _held(store) == events


async def test_nothing_to_append_is_no_error(store: Store) -> None:
    assert await store.append([]) == 0
    assert await store.count(EventQuery()) == 0


async def test_duplicates_within_a_batch_and_among_new_ones_are_counted_out(store: Store) -> None:
    old, new = some_events(100), some_events(100, NOVEMBER + timedelta(hours=1))
    await store.append(old)
    mixed = [event for pair in zip(old, new, strict=True) for event in pair]
    assert await store.append([*mixed, *reversed(mixed)]) == 100
    assert {event.id for event in await _held(store)} == {event.id for event in old + new}
    assert await store.count(EventQuery()) == 200


async def test_the_same_id_from_another_source_is_another_event(store: Store) -> None:
    here, there = an_event(id="1", source="here"), an_event(id="1", source="there")
    assert await store.append([here]) == 1
    assert await store.append([there, here]) == 1
    assert await _held(store) == [here, there]


async def test_ids_that_differ_in_case_or_form_alone_are_different_events(store: Store) -> None:
    plain = new_ids(1, NOVEMBER)[0]
    forms = [plain, plain.upper(), plain.replace("-", ""), "{" + plain + "}", " " + plain, plain + "\0", "0" * 36, ""]
    assert await store.append([an_event(id=form) for form in forms]) == len(forms)
    assert await store.append([an_event(id=form) for form in forms]) == 0
    assert {event.id for event in await _held(store)} == set(forms)


async def test_a_batch_over_three_months_and_a_new_year(store: Store) -> None:
    events = [an_event(time=datetime(2026, 11, 30, 23, 59, 59, 999999, tzinfo=UTC))]
    events += [an_event(time=datetime(2026, 12, day, tzinfo=UTC)) for day in range(1, 32)]
    events += [an_event(time=datetime(2027, 1, 1, tzinfo=UTC))]
    assert await store.append(list(reversed(events))) == 33
    assert (await store.stats()).months == ["2026-11", "2026-12", "2027-01"]
    assert await store.append(events) == 0
    assert {event.id for event in await _held(store)} == {event.id for event in events}


async def test_an_event_with_neither_time_nor_timed_id_is_known_across_the_end_of_a_month(store: Store) -> None:
    event_id = content_id({"a": 1}, None)
    first = an_event(id=event_id, time=datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    again = an_event(id=event_id, time=datetime(2026, 12, 1, 0, 1, tzinfo=UTC))
    other = an_event(time=again.time)
    assert await store.append([first]) == 1
    assert await store.append([other, again]) == 1
    assert await _held(store) == [first, other]


async def test_times_before_2000_share_a_file_and_keep_their_time(store: Store) -> None:
    events = [an_event(time=datetime(year, 1, 1, tzinfo=UTC)) for year in (1970, 1983, 1999)]
    assert await store.append(events) == 3
    assert await _held(store) == events
    assert (await store.stats()).months == ["1999-12"]
    assert await store.count(EventQuery(since=datetime(1980, 1, 1, tzinfo=UTC), until=events[2].time)) == 1


async def test_all_kinds_of_text_survive(store: Store) -> None:
    texts = [
        "",
        "\0",
        "a\0b",
        "'\"\\;--",
        "{month}",
        "$user",
        "é ü 😀 \u202e",
        "\x01\x1f\x7f",
        "\U0010ffff",
        "x" * 10_000,
    ]
    events = [
        an_event(id=f"i{text}", source=text, type=text, subject=text, user=text, data={text: [text]}, dialect=text)
        for text in texts
    ]
    assert await store.append(events) == len(texts)
    assert await store.append(events) == 0
    assert await _held(store) == events
    for text, event in zip(texts, events, strict=True):
        query = EventQuery(source=text, type=text, subject=text, user=text, id=f"i{text}")
        assert [stored.event() for stored in await store.events(query)] == [event]


async def test_numbers_at_the_edge_survive(store: Store) -> None:
    event = an_event(
        data={"big": 2**63 - 1, "small": -(2**63), "real": 1e308, "tiny": 5e-324, "no": None, "deep": [[{}]]}
    )
    await store.append([event])
    assert await _held(store) == [event]


async def test_one_very_long_text_goes_through_little_memory(store: Store) -> None:
    one = an_event(data={"text": "é" * (20 << 20)})
    assert await store.append([one, an_event()]) == 2
    assert await store.append([one]) == 0
    assert await store.count(EventQuery()) == 2
    assert (await store.events(EventQuery(id=one.id)))[0].event() == one


async def test_numbers_grow_in_the_order_of_arrival_over_all_files(tmp_path: Path) -> None:
    times = [NOVEMBER, NOVEMBER - timedelta(days=70), NOVEMBER + timedelta(days=40), NOVEMBER]
    seqs, ids = [], []
    for time in times:
        store = await Store.open(tmp_path)
        events = some_events(3, time)
        await store.append(events)
        ids += [event.id for event in events]
        seqs += [stored.seq for stored in await store.events(ALL)]
        assert [stored.id for stored in await store.events(ALL)] == ids
        await store.close()
    assert seqs[-12:] == sorted(set(seqs))


async def test_more_than_a_portion_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "MOST_EVENTS", 10)
    events = some_events(105)
    assert await store.append(events) == 105
    assert await _held(store) == events


async def test_an_event_that_cannot_be_written_leaves_nothing_behind(store: Store) -> None:
    events = some_events(15)
    with pytest.raises(ValueError, match="surrogates"):
        await store.append([*events, an_event(user="\ud800")])
    assert await store.count(EventQuery()) == 0
    assert await store.append(events) == 15


async def test_long_texts_are_put_together_again(store: Store) -> None:
    lengths = [4095 - 8, 4096 - 8, 4097 - 8, 3 * 4096, 100_000]
    events = [an_event(data={"a": "é" * length}) for length in lengths]
    events += [an_event(data={"a": "x" * 9000}, extensions={"b": "y" * 9000}), an_event(extensions={"b": "😀" * 9000})]
    await store.append(events)
    assert await _held(store) == events
    assert [stored.event() for stored in await store.events(EventQuery(id=events[4].id))] == [events[4]]


async def test_a_flood_of_long_texts_goes_through_little_memory(store: Store) -> None:
    texts = [random.Random(number).randbytes(75_000).hex() for number in range(300)]
    events = [an_event(data={"text": text}) for text in texts]
    assert await store.append(events) == 300
    store._writer.checkpoint()
    assert await store.append([*events, an_event()]) == 1
    assert (await store.summary(None, None, "day")).events == 301
    assert len(await store.events(EventQuery(limit=200))) == 200


async def test_appends_at_the_same_time_come_one_after_another(store: Store) -> None:
    events = some_events(40)
    counts = await asyncio.gather(*[store.append(events[start : start + 20]) for start in range(0, 25, 5)])
    assert sum(counts) == 40


async def test_after_close_it_says_so(store: Store) -> None:
    await store.append(some_events(2))
    await asyncio.gather(store.close(), store.close())
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.append(some_events(1))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.events(EventQuery())


# --- any sequence of batches -----------------------------------------------------------------------------------------

_times = st.sampled_from([datetime(2026, month, 15, tzinfo=UTC) for month in (3, 4, 5, 9)])
_ids = st.one_of(
    st.sampled_from(["1", "evt-2", "00000000-0000-8000-8000-000000000001", "019ab3c2-0000-7000-8000-00000000000a"]),
    st.text(max_size=3),
)
_events = st.builds(lambda event_id, source, time: (event_id, source, time), _ids, st.sampled_from("ab"), _times)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(_events, max_size=12), max_size=5), st.data())
async def test_any_batches_with_repeats_leave_each_event_once(
    batches: list[list[tuple[str, str, datetime]]], data: st.DataObject
) -> None:
    # A source stamps an event's time once: the same event always comes with the same time.
    stamped: dict[tuple[str, str], datetime] = {}
    counted = 0
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(Path(folder))
        for batch in batches:
            events = [
                an_event(id=event_id, source=source, time=stamped.setdefault((source, event_id), time))
                for event_id, source, time in batch
            ]
            counted += await store.append(events)
            if data.draw(st.booleans()):
                counted += await store.append(events[::-1])
            if data.draw(st.booleans()):
                await store.close()
                store = await Store.open(Path(folder))
        held = [(event.source, event.id) for event in await store.events(ALL)]
        await store.close()
    assert sorted(held) == sorted(stamped)
    assert counted == len(stamped)
