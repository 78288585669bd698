"""What tests of others need: contract tests, which every exchange and every worker must pass, and a sink that records.

`check_exchange` and `check_worker` raise AssertionError with a sentence. They need a real exchange and a real
destination; nothing in here is faked.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventsink.client.recording import RecordingSink
from eventsink.deliver.worker import Worker
from eventsink.event import Event, new_ids
from eventsink.exchange.contract import Exchange, Failure, Queue

__all__ = ["RecordingSink", "check_exchange", "check_worker", "drain", "sample_events"]

Open = Callable[[], Awaitable[Exchange]]


def sample_events(count: int, *, event_type: str = "storage.file_uploaded") -> list[Event]:
    """Valid events with ids of their own, of the present moment."""
    now = datetime.now(UTC)
    return [
        Event(
            id=event_id,
            source="test",
            type=event_type,
            time=now,
            received=now,
            user=f"user-{number % 7}",
            data={"file_id": f"file-{number}", "bytes": number, "file_name": "Übersicht \U0001f4c8.csv"},
        )
        for number, event_id in enumerate(new_ids(count, now))
    ]


async def drain(queue: Queue, limit: int = 1000, wait: float = 0.05, least: int = 0) -> list[Event]:
    """Take and settle all that waits in a queue, until it gives nothing for `wait` seconds.

    A broker hands messages over when it can: `least` events are waited for, for half a minute.
    """
    drained: list[Event] = []
    deadline = time.monotonic() + 30.0
    while (batch := await queue.take(limit, wait)) is not None or (
        len(drained) < least and time.monotonic() < deadline
    ):
        if batch is not None:
            drained += batch.events
            await queue.done(batch)
    return drained


async def check_exchange(open_exchange: Open) -> None:
    """Prove that an exchange keeps its contract.

    Args:
        open_exchange: opens the same exchange, with the same files or broker, each time it is called; it is closed
            before it is opened again. It must be empty at the first call.
    """
    await _check_fan_out(open_exchange)
    await _check_taken_is_not_settled(open_exchange)
    await _check_waiting(open_exchange)
    await _check_dead_letters(open_exchange)
    await _check_put_back(open_exchange)
    await _check_several_in_hand(open_exchange)
    await _check_one_id_of_two_sources(open_exchange)
    await _check_concurrent_publishers(open_exchange)


async def _check_fan_out(open_exchange: Open) -> None:
    exchange = await open_exchange()
    first, second = await exchange.queue("one"), await exchange.queue("two")
    events = sample_events(250)
    await exchange.publish(events[:1])
    await exchange.publish(events[1:])
    _same(await drain(first, limit=7), events, "a queue gets every event once and in order, whatever the batch size")
    await exchange.close()
    exchange = await open_exchange()
    second = await exchange.queue("two")
    _same(await drain(second), events, "a slow queue keeps its events when the exchange is opened again")
    _same(await drain(await exchange.queue("one")), [], "settled events do not come back")
    late = await exchange.queue("three")
    more = sample_events(3)
    await exchange.publish(more)
    _same(await drain(late), more, "a new queue gets what is published from then on")
    await drain(await exchange.queue("one"))
    await drain(second)
    await _check_accounts(exchange)
    await exchange.close()
    await exchange.close()


async def _check_taken_is_not_settled(open_exchange: Open) -> None:
    exchange = await open_exchange()
    queue = await exchange.queue("one")
    events = sample_events(10)
    await exchange.publish(events)
    batch = await queue.take(4, 1.0)
    assert batch is not None, "take gives what was published"
    await _check_accounts(exchange)
    await queue.release(batch)
    again = await queue.take(100, 0.2)
    assert again is not None, "released events are offered again"
    _same(list(again.events), events, "released events come first, in their order")
    await exchange.close()  # the batch in hand was never settled
    exchange = await open_exchange()
    _same(await drain(await exchange.queue("one")), events, "unsettled events are offered after a restart")
    for name in ("two", "three"):
        await drain(await exchange.queue(name))
    await exchange.close()


async def _check_waiting(open_exchange: Open) -> None:
    exchange = await open_exchange()
    queue = await exchange.queue("one")
    begun = asyncio.get_running_loop().time()
    assert await queue.take(5, 0.05) is None, "an empty queue gives None"
    assert asyncio.get_running_loop().time() - begun < 2, "take does not wait much longer than it was told"
    taking = asyncio.create_task(queue.take(1, 10))
    await asyncio.sleep(0.05)
    events = sample_events(1)
    await exchange.publish(events)
    batch = await asyncio.wait_for(taking, 5)
    assert batch is not None, "take wakes up when an event comes"
    _same(list(batch.events), events, "take gives the event that woke it")
    await queue.done(batch)
    await exchange.publish([])
    for name in ("two", "three"):
        await drain(await exchange.queue(name))
    await exchange.close()


async def _check_dead_letters(open_exchange: Open) -> None:
    exchange = await open_exchange()
    queue = await exchange.queue("one")
    events = sample_events(5)
    await exchange.publish(events)
    batch = await queue.take(5, 1.0)
    assert batch is not None, "take gives what was published"
    await queue.done(batch, [_failure(event) for event in batch.events[:3]])
    await _check_accounts(exchange)
    await exchange.close()
    exchange = await open_exchange()
    letters = await exchange.dead_letters(worker="one")
    assert [letter.body["id"] for letter in letters] == [event.id for event in events[:3]], "dead letters survive"
    assert letters[0].reason == "no such table" and letters[0].traceback == "line 1", "they keep reason and traceback"
    assert letters[0].attempts == 2 and letters[0].first_seen <= letters[0].last_seen, "they keep the attempts"
    assert await exchange.dead_letters(worker="two") == [], "another worker has none"
    page = await exchange.dead_letters(after=letters[0].id, limit=1)
    assert [letter.id for letter in page] == [letters[1].id], "they are listed in pages"
    assert await exchange.retry([letters[0].id]) == 1, "one is put back"
    assert await exchange.drop([letters[1].id, 10**9]) == 1, "one is dropped, an unknown number is none"
    await _check_accounts(exchange)
    _same(await drain(await exchange.queue("one")), events[:1], "what was put back is delivered again")
    account = (await exchange.accounts())["one"]
    assert (account.dead, account.dropped, account.waiting) == (2, 1, 0), "the books say what became of them"
    for name in ("two", "three"):
        await drain(await exchange.queue(name))
    await exchange.close()


async def _check_put_back(open_exchange: Open) -> None:
    exchange = await open_exchange()
    one, two = await exchange.queue("one"), await exchange.queue("two")
    before = (await exchange.accounts())["one"].accepted
    events = sample_events(20)
    await exchange.put_back("one", events)
    assert (await exchange.accounts())["one"].accepted == before + 20, "events put back are accepted once more"
    await _check_accounts(exchange)
    _same(await drain(two), [], "no other queue sees them")
    _same(await drain(one, limit=6), events, "their queue delivers them")
    await _check_accounts(exchange)
    await exchange.close()


async def _check_several_in_hand(open_exchange: Open) -> None:
    exchange = await open_exchange()
    queue = await exchange.queue("one")
    events = sample_events(12)
    await exchange.publish(events)
    first, second = await queue.take(4, 1.0), await queue.take(4, 1.0)
    assert first is not None and second is not None, "more may be taken before a batch is settled"
    _same([*first.events, *second.events], events[:8], "what is taken next comes next")
    await _check_accounts(exchange)
    for batch in (second, first):
        await queue.release(batch)
    again = await queue.take(4, 1.0)
    assert again is not None, "released events are offered again"
    _same(list(again.events), events[:4], "released events come first, in their order")
    await queue.done(again)
    await exchange.put_back("one", back := sample_events(6))
    _same(sorted(await drain(queue), key=_id), sorted(events[4:] + back, key=_id), "nothing comes twice")
    await exchange.put_back("one", back)
    held = [batch for batch in [await queue.take(4, 1.0), await queue.take(4, 1.0)] if batch is not None]
    _same([event for batch in held for event in batch.events], back, "nor of those put back, as long as it is in hand")
    for batch in held:
        await queue.done(batch)
    await _check_accounts(exchange)
    for name in ("two", "three"):
        await drain(await exchange.queue(name))
    await exchange.close()


def _id(event: Event) -> str:
    return event.id


async def _check_one_id_of_two_sources(open_exchange: Open) -> None:
    exchange = await open_exchange()
    queue = await exchange.queue("one")
    before = (await exchange.accounts())["one"]
    events = _with_namesake(sample_events(1))
    for event in events:
        await exchange.publish([event])
    batch = await queue.take(2, 1.0)
    assert batch is not None, "take gives what was published"
    _same(list(batch.events), events, "two events of one id, from different sources, are both offered")
    await queue.done(batch, [_failure(events[1])])
    await _check_accounts(exchange)
    account = (await exchange.accounts())["one"]
    counted = [getattr(account, name) - getattr(before, name) for name in ("accepted", "delivered", "dead")]
    assert counted == [2, 1, 1], f"each of them is counted as what became of it: {account}"
    letters = await exchange.dead_letters(worker="one")
    assert letters[-1].body["source"] == events[1].source, "the dead letter is the one that failed"
    for name in ("two", "three"):
        await drain(await exchange.queue(name))
    await exchange.close()


async def _check_concurrent_publishers(open_exchange: Open) -> None:
    exchange = await open_exchange()
    queue = await exchange.queue("one")
    batches = [sample_events(1 + number % 3) for number in range(200)]
    taking = asyncio.create_task(_take_until(queue, sum(map(len, batches))))
    await asyncio.gather(*(exchange.publish(batch) for batch in batches))
    taken = await asyncio.wait_for(taking, 30)
    assert sorted(e.id for e in taken) == sorted(e.id for batch in batches for e in batch), "none lost, none doubled"
    await _check_accounts(exchange)
    await exchange.close()


async def _take_until(queue: Queue, count: int) -> list[Event]:
    taken: list[Event] = []
    while len(taken) < count:
        taken += await drain(queue, limit=50)
    return taken


async def _check_accounts(exchange: Exchange) -> None:
    for name, account in (await exchange.accounts()).items():
        settled = account.delivered + account.waiting + account.dead + account.missing
        assert account.accepted == settled, f"the books of {name} balance: {account}"
        assert (account.lag_seconds > 0) <= (account.waiting > 0), f"no lag without waiting events: {account}"


def _with_namesake(events: list[Event]) -> list[Event]:
    """The events and one more, which has the id of the last and another source: it is an event of its own."""
    return [*events, msgspec.structs.replace(events[-1], source="another source")]


def _failure(event: Event) -> Failure:
    now = datetime.now(UTC)
    return Failure(event=event, reason="no such table", attempts=2, first_seen=now, last_seen=now, traceback="line 1")


def _same(got: Sequence[Event], expected: Sequence[Event], promise: str) -> None:
    assert list(got) == list(expected), f"{promise}: got {len(got)} events, expected {len(expected)}"


async def check_worker(make: Callable[[], Worker[Any]], delivered: Callable[[], Awaitable[Sequence[str]]]) -> None:
    """Prove that a worker keeps its contract with a real destination that is there.

    Args:
        make: a new worker with working options.
        delivered: the ids of the events that the destination has, with repeats where it has one twice.
    """
    worker = make()
    await worker.open()
    await worker.open()  # after a failure it is opened again
    events = _with_namesake(sample_events(20))
    await worker.deliver(events[:1])
    await worker.deliver(events[1:])
    got = await delivered()
    assert sorted(got) == sorted(event.id for event in events), (
        "every event is at the destination once, two of one id from different sources included"
    )
    await worker.deliver(events)
    again = await delivered()
    assert sorted(again) == sorted(got), "delivering again adds nothing"
    await worker.close()
    await worker.close()
    unopened = make()
    await unopened.close()  # also when open was never called or failed
