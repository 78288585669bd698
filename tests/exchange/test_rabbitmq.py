"""What is particular to the exchange on RabbitMQ: declarations, counting, siphoning, and what others put into it."""

import asyncio
import contextlib
import gc
import gzip
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pika
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventsink.amqp import Address
from eventsink.errors import (
    BrokerRefuses,
    BrokerUnavailable,
    DataDirectoryInUse,
    NotKeptHere,
    SettingsError,
    Unroutable,
)
from eventsink.event import Event
from eventsink.exchange.contract import Account, DeadLetter, Failure
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions, claim, heartbeats
from eventsink.exchange.rabbitmq import queue as rabbitmq_queue
from eventsink.exchange.rabbitmq.plan import binding_key
from eventsink.exchange.rabbitmq.queue import RabbitBatch, RabbitQueue
from eventsink.exchange.rabbitmq.wire import pack
from eventsink.testing import drain, sample_events
from tests.amqp.foreign import channel, get_all, publish
from tests.servers.rabbitmq import RabbitMQ

Open = Callable[..., Awaitable[RabbitExchange]]


@pytest.fixture(autouse=True)
def nothing_unheard(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No error ends where nobody hears it: asyncio says so in its log."""
    yield
    gc.collect()
    said = [record for when in ("setup", "call") for record in caplog.get_records(when) if record.name == "asyncio"]
    assert [record.getMessage() for record in said if record.levelno >= logging.ERROR] == []


@pytest.fixture
async def open_exchange(broker: str, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens exchanges on the broker, the first with the keeper; all are closed in the end."""
    opened: list[RabbitExchange] = []

    async def open_one(*, keeper: bool = True, **options: Any) -> RabbitExchange:
        accounts = tmp_path / "accounts.db" if keeper else None
        opened.append(await RabbitExchange.open(Address.parse(broker), RabbitOptions(**options), accounts))
        return opened[-1]

    yield open_one
    for exchange in opened:
        await exchange.close()


async def _settled(exchange: RabbitExchange, *, dead: int = 0, ended: int = 0, **waiting: int) -> dict[str, Account]:
    """The accounts, once so many events wait for each worker, and that many are dead at least.

    Args:
        ended: delivered, dead or missing in all accounts together, at least. What others publish is known by that
            alone, and by nothing until it is filed.
    """
    accounts: dict[str, Account] = {}
    for _ in range(600):
        accounts = await exchange.accounts()
        _check(accounts)
        settled = all(name in accounts and accounts[name].waiting == count for name, count in waiting.items())
        over = sum(account.accepted - account.waiting for account in accounts.values())
        if settled and over >= ended and sum(account.dead for account in accounts.values()) >= dead:
            return accounts
        await asyncio.sleep(0.05)
    raise AssertionError(f"expected {waiting} to wait and {dead} to be dead, got {accounts}")


async def _letters(exchange: RabbitExchange, count: int, queue: RabbitQueue | None = None) -> list[DeadLetter]:
    """So many dead letters, once they are filed; also of broken messages in a queue that holds nothing else."""
    async with asyncio.timeout(60):
        while len(found := await exchange.dead_letters(limit=2 * count)) < count:
            if queue is not None:
                assert await queue.take(10, 0.3) is None
    assert len(found) == count
    return found


async def _drained(exchange: RabbitExchange, *queues: RabbitQueue) -> list[Event]:
    """What queues give until nothing waits for any of them."""
    found: list[Event] = []
    async with asyncio.timeout(60):
        while True:
            for queue in queues:
                found += await drain(queue)
            accounts = await exchange.accounts()
            if not any(accounts[queue.name].waiting for queue in queues):
                return found


def _check(accounts: dict[str, Account]) -> None:
    for name, account in accounts.items():
        assert account.accepted == account.delivered + account.waiting + account.dead + account.missing, (name, account)
        assert (account.lag_seconds > 0) == (account.waiting > 0), (name, account)
        assert min(account.delivered, account.waiting, account.dead, account.dropped) >= 0, (name, account)


def _failures(events: Any, reason: str = "no") -> list[Failure]:
    return [Failure(event=e, reason=reason, attempts=1, first_seen=e.received, last_seen=e.received) for e in events]


async def _all_of(broker: str, queue: RabbitQueue, count: int) -> list[tuple[Any, Any, bytes]]:
    """What is in a queue, once its consumer has ended and given back what it had."""
    queue.end()
    found: list[tuple[Any, Any, bytes]] = []
    for _ in range(600):
        found += get_all(broker, f"events.{queue.name}")
        if len(found) >= count:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"expected {count} messages in {queue.name}, got {len(found)}")


async def _take(queue: RabbitQueue, limit: int) -> RabbitBatch:
    """A batch of exactly so many events."""
    batch = await queue.take(limit, 30.0)
    assert batch is not None and len(batch.events) == limit
    return batch


def _user(rabbitmq: RabbitMQ, broker: str, name: str, **permissions: str) -> str:
    """A user with permissions on the virtual host alone; gives the address with it."""
    rabbitmq.manage("PUT", f"/api/users/{name}", {"password": "s3cret", "tags": ""})
    place, _, vhost = broker.rpartition("/")
    allowed = {"configure": "^$", "write": "^$", "read": "^$"} | permissions
    rabbitmq.manage("PUT", f"/api/permissions/{vhost}/{name}", allowed)
    return f"amqp://{name}:s3cret@{place.rpartition('@')[2]}/{vhost}"


# --- declarations ----------------------------------------------------------------------------------------------------


async def test_the_exchange_is_what_clowder_declares(
    open_exchange: Open, rabbitmq: RabbitMQ, broker: str, vhost: str
) -> None:
    await open_exchange()
    found = rabbitmq.manage("GET", f"/api/exchanges/{vhost}/clowder.metrics")[1]
    keys = ("type", "durable", "auto_delete", "internal", "arguments")
    assert [found[key] for key in keys] == ["fanout", True, False, False, {}]
    with channel(broker) as clowder:
        clowder.exchange_declare("clowder.metrics", "fanout", durable=True)


async def test_an_exchange_that_clowder_made_before_is_accepted(open_exchange: Open, broker: str) -> None:
    with channel(broker) as clowder:
        clowder.exchange_declare("clowder.metrics", "fanout", durable=True)
        clowder.queue_declare("event.sink", durable=True)
        clowder.queue_bind("event.sink", "clowder.metrics", "event.sink")
    exchange = await open_exchange()
    await exchange.publish(sample_events(1))
    assert len(get_all(broker, "event.sink")) == 1


@pytest.mark.parametrize(
    "declared",
    [
        {"exchange_type": "topic", "durable": True},
        {"exchange_type": "fanout", "durable": False},
        {"exchange_type": "fanout", "durable": True, "arguments": {"alternate-exchange": "x"}},
    ],
)
async def test_an_exchange_that_is_declared_differently_is_a_sentence(
    open_exchange: Open, broker: str, declared: dict[str, Any]
) -> None:
    with channel(broker) as other:
        other.exchange_declare("clowder.metrics", **declared)
    with pytest.raises(
        BrokerRefuses, match=r"'clowder\.metrics'.*must be a durable fanout exchange.*Delete it.*exchange\.name"
    ) as caught:
        await open_exchange()
    assert caught.value.code == 406


async def test_a_classic_queue_of_a_workers_name_is_a_sentence(open_exchange: Open, broker: str) -> None:
    with channel(broker) as other:
        other.queue_declare("events.x", durable=True)
    exchange = await open_exchange()
    with pytest.raises(BrokerRefuses, match=r"'events\.x'.*must be a durable quorum queue.*delete_queue events\.x"):
        await exchange.queue("x")
    assert await drain(await exchange.queue("y")) == [], "another one is not held up"


async def test_a_user_who_may_declare_nothing_works_with_what_is_there(
    open_exchange: Open, rabbitmq: RabbitMQ, broker: str, tmp_path: Path
) -> None:
    first = await open_exchange()
    await first.queue("store")
    await first.queue("some", ["storage.*"])
    await first.close()
    url = _user(rabbitmq, broker, "modest", write=".*", read=".*")
    exchange = await RabbitExchange.open(Address.parse(url), RabbitOptions(), tmp_path / "modest.db")
    store, some = await exchange.queue("store"), await exchange.queue("some", ["storage.*"])
    events = sample_events(3)
    await exchange.publish(events)
    assert await drain(store, least=len(events)) == await drain(some, least=len(events)) == events
    assert (await _settled(exchange, store=0, some=0))["store"].delivered == 3
    with pytest.raises(BrokerRefuses, match="'modest' may not do this"):
        await exchange.queue("new")
    await exchange.close()


async def test_a_user_who_may_not_write_is_told(rabbitmq: RabbitMQ, broker: str, tmp_path: Path) -> None:
    url = _user(rabbitmq, broker, "reader", configure=".*", read=".*")
    with pytest.raises(BrokerRefuses, match="'reader' may not do this"):
        await RabbitExchange.open(Address.parse(url), RabbitOptions(), tmp_path / "accounts.db")
    with pytest.raises(BrokerRefuses):  # the accounts are free again
        await RabbitExchange.open(Address.parse(url), RabbitOptions(), tmp_path / "accounts.db")


async def test_a_second_keeper_is_told_who_has_the_accounts(
    open_exchange: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "WITHIN", 2.0)
    await open_exchange()
    with pytest.raises(DataDirectoryInUse):
        await open_exchange()


async def test_a_worker_cannot_have_the_name_of_what_is_ours(open_exchange: Open) -> None:
    exchange = await open_exchange()
    for name in ("dead", "settlements", "heartbeats"):
        with pytest.raises(SettingsError, match=name):
            await exchange.queue(name)


async def test_who_keeps_no_accounts_says_so(open_exchange: Open) -> None:
    exchange = await open_exchange(keeper=False)
    for asked in (exchange.accounts(), exchange.dead_letters(), exchange.retry([1]), exchange.drop([1])):
        with pytest.raises(NotKeptHere, match="eventsink serve"):
            await asked


# --- what others publish ---------------------------------------------------------------------------------------------

LOGIN = {
    "category": "user_activity",
    "type": "login",
    "user_id": "5" * 24,
    "user_name": "Jörg",
    "created": 1764000000123,
}


async def test_messages_of_clowder_are_delivered_and_counted(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange(source="clowder.example.org")
    store = await exchange.queue("store")
    logins = [LOGIN | {"created": 1764000000000 + number} for number in range(6)]
    publish(broker, *(json.dumps(login, ensure_ascii=False).encode() for login in logins[1:]))
    publish(broker, json.dumps(logins[0], ensure_ascii=False).encode("latin-1"))
    events = await drain(store, least=6)
    assert {event.type for event in events} == {"users.login"} and len(events) == 6
    assert {event.source for event in events} == {"clowder.example.org"}
    assert (await _settled(exchange, ended=6, store=0))["store"].delivered == 6


async def test_the_same_message_twice_is_counted_once(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    publish(broker, *[json.dumps(LOGIN).encode()] * 2, message_id="1")
    events = sample_events(120)
    await exchange.publish(events)
    await exchange.publish_again(events)  # as the spool of a process that was killed
    assert len(await drain(store, least=242)) == 242
    assert (await _settled(exchange, ended=121, store=0))["store"].accepted == 121


async def test_equal_messages_without_an_id_are_two_and_each_counts_once(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    publish(broker, *[json.dumps(LOGIN).encode()] * 2)
    batch = await _take(store, 2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store._consumer, "acknowledge", lambda *_: store._consumer.end())
        await store.done(batch)
    assert len(await drain(store, wait=1.0, least=2)) == 2, "recorded, and offered again"
    assert (await _settled(exchange, ended=2, store=0))["store"].accepted == 2


async def test_of_equal_messages_one_that_comes_again_is_not_taken_for_another(
    open_exchange: Open, broker: str
) -> None:
    keeper, worker = await open_exchange(), await open_exchange(keeper=False)
    store, queue = await keeper.queue("store"), await worker.queue("chat")
    body = json.dumps(LOGIN | {"created": None}).encode()  # of Clowder 1.15.0: no time, no id
    for number in [0] * 5 + [*range(1, 12)]:
        publish(broker, body if not number else json.dumps(LOGIN | {"user_id": str(number)}).encode())
        batch = await _take(queue, 1)
        await queue.done(batch)
    publish(broker, *[body] * 3)
    in_hand = 0
    while in_hand < 3:  # they need not come at once
        some = await queue.take(3 - in_hand, 30.0)
        in_hand += len(some.events) if some else 0
    await worker.close()  # with three in its hands, which come again, and are none of those
    queue = await (await open_exchange(keeper=False)).queue("chat")
    assert len(await drain(queue, wait=0.5, least=3)) == 3 and len(await drain(store, least=19)) == 19
    accounts = await _settled(keeper, ended=2 * 19, store=0, chat=0)
    assert accounts["store"].delivered == accounts["chat"].delivered == 19


async def test_messages_of_others_that_share_an_id_are_all_counted(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    for number in range(3):
        publish(broker, json.dumps({"type": "a.b", "data": {"n": number}}).encode(), message_id="1")
    for number in range(3):
        publish(
            broker, b"{}", headers={"ce-specversion": "1.0", "ce-type": "a.b", "ce-id": str(number), "ce-source": "s"}
        )
    assert len(await drain(store, least=6)) == 6
    assert (await _settled(exchange, ended=6, store=0))["store"].accepted == 6


async def test_broken_messages_become_letters_and_good_ones_go_on(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    broken = [b"not JSON", b"", b"null", b"{}", b"\xff\xfe", b'{"type":"a.b","data":{"\\ud800":1}}']
    publish(broker, *broken, json.dumps(LOGIN).encode())
    assert [event.type for event in await drain(store, least=1)] == ["users.login"]
    account = (await _settled(exchange, ended=7, store=0))["store"]
    assert (account.accepted, account.delivered, account.dead) == (7, 1, 6)
    letters = await exchange.dead_letters()
    assert all(letter.worker == "store" and letter.reason and letter.attempts == 1 for letter in letters)
    assert letters[0].body == {"raw": "not JSON"} and letters[3].body == {}


async def test_broken_messages_alone_are_settled_without_anybody_delivering(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    publish(broker, b"broken", b"[1, 2]", b"[]")
    async with asyncio.timeout(30):
        while True:  # a busy broker hands them over one by one
            assert await store.take(10, 0.3) is None
            account = (await _settled(exchange, store=0))["store"]
            if account.dead == 3:
                break
    assert (account.accepted, account.delivered, account.dead) == (3, 0, 3)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"not JSON", {}),
        (b'{"type": "broken"}', {"content_type": "application/json"}),
        (gzip.compress(b"not JSON"), {"content_encoding": "gzip"}),
        ("{ö".encode("utf-16"), {"content_encoding": "utf-16", "content_type": "text/plain"}),
        (b"{", {"headers": {"ce-type": "a.b", "ce-specversion": "1.0"}, "content_type": "application/json"}),
    ],
)
async def test_a_letter_goes_back_as_it_came(open_exchange: Open, broker: str, body: bytes, named: dict) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    publish(broker, body, **named)
    (letter,) = await _letters(exchange, 1, store)
    assert await exchange.retry([letter.id]) == 1
    ((_, properties, back),) = await _all_of(broker, store, 1)
    assert back == body
    properties.headers.pop("x-delivery-count")  # the broker's
    for name in ("content_type", "content_encoding", "headers"):
        assert (getattr(properties, name) or None) == named.get(name), name
    assert properties.app_id is None, "it is not checked yet"


async def test_a_broken_message_is_read_again_when_it_is_retried(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    publish(broker, gzip.compress(b"not JSON"), content_encoding="gzip")
    for _ in range(3):
        (letter,) = await _letters(exchange, 1, store)
        assert "malformed" in letter.reason, "and not because it is compressed"
        assert await exchange.retry([letter.id]) == 1
        assert (await _settled(exchange, store=1))["store"].accepted == 1


async def test_of_a_broken_array_only_the_broken_part_is_put_back(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store, other = await exchange.queue("store"), await exchange.queue("other")
    publish(broker, b'[{"type":"a.b","id":"1"},{"type":"broken"},{"type":"a.b","id":"2"}]')
    assert [event.id for event in await drain(store, least=2)] == ["1", "2"]
    (letter,) = await _letters(exchange, 1)
    assert (letter.worker, letter.body) == ("store", {"type": "broken"})
    assert await exchange.retry([letter.id]) == 1
    assert (await _settled(exchange, store=1, other=3))["store"].accepted == 3
    assert await _drained(exchange, store) == []
    await _drained(exchange, other)
    accounts = await _settled(exchange, ended=6, store=0, other=0)
    assert accounts["store"] == accounts["other"]


async def test_a_flood_of_broken_things_is_buried(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    publish(broker, json.dumps([{"type": "broken", "text": "x" * 200}] * 3000).encode())
    letters = await _letters(exchange, 3000, store)
    assert (await _settled(exchange, store=0, dead=3000))["store"].dead == 3000
    assert await exchange.drop([letter.id for letter in letters]) == 3000


# --- counting --------------------------------------------------------------------------------------------------------


async def test_a_message_in_several_batches_is_counted_once(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    events = sample_events(100) + sample_events(100, event_type="users.login")
    await exchange.publish(events)
    taken: list[Event] = []
    while len(taken) < 200:
        batch = await _take(store, min(7, 200 - len(taken)))
        _check(await exchange.accounts())
        taken += batch.events
        await store.done(batch, _failures(batch.events[:1]))
    account = (await _settled(exchange, store=0))["store"]
    assert sorted(e.id for e in taken) == sorted(e.id for e in events)
    assert (account.accepted, account.dead) == (200, 29)
    assert len(await _letters(exchange, 29)) == 29


async def test_a_batch_that_is_given_back_comes_next_and_counts_once(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    events = sample_events(50)
    await exchange.publish(events)
    first = await _take(store, 20)
    await store.done(first)
    second = await _take(store, 20)
    await store.release(second)
    third = await _take(store, 30)
    assert list(third.events) == events[20:]
    await store.done(third, _failures(third.events[5:7]))
    account = (await _settled(exchange, store=0))["store"]
    assert (account.accepted, account.delivered, account.dead) == (50, 48, 2)


async def test_a_batch_is_settled_once(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    await exchange.publish(sample_events(100))
    batch = await _take(store, 40)
    await store.done(batch)
    for act in (store.done, store.release):
        with pytest.raises(ValueError, match="once"):
            await act(batch)
    assert len(await drain(store, least=60)) == 60
    assert (await _settled(exchange, store=0))["store"].accepted == 100


async def test_a_batch_whose_channel_ended_is_offered_again(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    events = sample_events(30)
    await exchange.publish(events)
    batch = await _take(store, 20)
    store._consumer.end()
    assert store.in_hand().messages == 0
    await store.done(batch, _failures(batch.events))
    assert (await _settled(exchange, store=30))["store"].accepted == 30
    assert await drain(store, least=len(events)) == events
    account = (await _settled(exchange, store=0))["store"]
    assert (account.accepted, account.dead) == (30, 0)


async def test_what_was_recorded_and_not_acknowledged_is_counted_once(
    open_exchange: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    events = sample_events(30) + sample_events(5, event_type="users.login")
    await exchange.publish(events)
    batch = await _take(store, 35)
    monkeypatch.setattr(store._consumer, "acknowledge", lambda *_: store._consumer.end())
    await store.done(batch, _failures(batch.events[:3]))
    monkeypatch.undo()
    assert await drain(store, least=len(events)) == events, "they are offered again"
    account = (await _settled(exchange, store=0))["store"]
    assert (account.accepted, account.delivered, account.dead) == (35, 32, 3)


async def test_what_is_recorded_while_the_keeper_is_closed_is_counted_when_it_opens(open_exchange: Open) -> None:
    keeper = await open_exchange()
    await keeper.queue("store")
    await keeper.close()
    worker = await open_exchange(keeper=False)
    store = await worker.queue("store")
    await worker.queue("idle")
    await worker.publish(sample_events(300))
    batch = await _take(store, 300)
    await store.done(batch, _failures(batch.events[:4]))
    keeper = await open_exchange()
    accounts = await _settled(keeper, store=0, idle=300)
    assert (accounts["store"].delivered, accounts["store"].dead) == (296, 4)
    assert [letter.worker for letter in await _letters(keeper, 4)] == ["store"] * 4


async def test_a_keeper_that_is_killed_between_filing_and_acknowledging_counts_once(
    open_exchange: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = await open_exchange()
    worker = await open_exchange(keeper=False)
    store = await worker.queue("store")
    await worker.publish(sample_events(10))
    with monkeypatch.context() as patched:
        patched.setattr("eventsink.amqp.Consumer.acknowledge", lambda *_: False)
        batch = await _take(store, 10)
        await store.done(batch, _failures(batch.events[:2]))
        for _ in range(1500):
            if (await keeper._keeper.books()).get("store", None) and (await keeper._keeper.books())["store"].delivered:
                break
            await asyncio.sleep(0.02)
        await keeper.close()
    store.end()
    keeper = await open_exchange()
    assert len(await drain(store, least=10)) == 10
    account = (await _settled(keeper, store=0))["store"]
    assert (account.accepted, account.delivered, account.dead) == (10, 8, 2)


async def test_two_processes_share_a_queue_and_every_event_is_counted_once(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    other = await (await open_exchange(keeper=False)).queue("store")
    for begin in range(0, 3000, 300):
        await asyncio.gather(store.take(1, 0.01), other.take(1, 0.01)) if begin == 0 else None
        await exchange.publish(sample_events(300))
    taken: list[list[str]] = [[], []]

    async def work(queue: RabbitQueue, ids: list[str]) -> None:
        while sum(map(len, taken)) < 3000:
            if batch := await queue.take(70, 0.3):
                ids += [event.id for event in batch.events]
                await queue.done(batch)

    async with asyncio.timeout(60):
        await asyncio.gather(*map(work, (store, other), taken))
    ids = taken[0] + taken[1]
    assert len(ids) == len(set(ids)) == 3000 and all(taken)
    assert (await _settled(exchange, store=0))["store"].accepted == 3000


async def test_events_and_not_messages_wait_for_a_worker_that_is_down(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    await exchange.queue("down")
    await exchange.queue("down_too", ["storage.*"])
    for size in (1, 250, 30, 700):
        await exchange.publish(sample_events(size))
        await exchange.publish(sample_events(3, event_type="users.login"))
    await drain(store, least=993)
    accounts = await _settled(exchange, store=0, down=993, down_too=981)
    assert accounts["down"].accepted == accounts["store"].accepted == 993
    await drain(await exchange.queue("down"), limit=100, least=993)
    await _settled(exchange, store=0, down=0, down_too=981)


async def test_a_worker_that_comes_late_has_no_backlog_of_what_others_have_settled(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    await exchange.queue("down")  # so that all are never even
    await exchange.publish(sample_events(400))
    await drain(store, least=400)
    await exchange.queue("late")
    await (await open_exchange(keeper=False)).queue("late_elsewhere")
    await _settled(exchange, late_elsewhere=0)  # who keeps the accounts has heard of it
    await exchange.publish(sample_events(20))
    await drain(store, least=20)
    accounts = await _settled(exchange, store=0, down=420, late=20)
    assert 1 <= accounts["late_elsewhere"].waiting <= 20, "its account has not begun: a message is one event at least"


async def test_what_is_put_back_waits_besides_what_waits(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store, down = await exchange.queue("store"), await exchange.queue("down")
    await exchange.publish(sample_events(100))
    await drain(store, least=100)
    await exchange.put_back("down", sample_events(20))
    await exchange.put_back("down", sample_events(600))
    await _settled(exchange, store=0, down=720)
    await drain(down, limit=9, least=720)
    account = (await _settled(exchange, store=0, down=0))["down"]
    assert account.accepted == 720
    await exchange.put_back("down", sample_events(20))
    await _settled(exchange, store=0, down=20)


async def test_after_a_restart_of_the_keeper_a_backlog_of_all_is_known(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    for _ in range(4):
        await exchange.publish(sample_events(50))
    await drain(store, least=200)
    await _settled(exchange, store=0)
    for _ in range(3):
        await exchange.publish(sample_events(50))
    await exchange.close()
    exchange = await open_exchange()
    assert (await exchange.accounts())["store"].waiting == 150


async def test_letters_are_retried_once_however_often_they_are_asked_for(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    await exchange.publish(sample_events(4))
    batch = await _take(store, 4)
    await store.done(batch, _failures(batch.events))
    ids = [letter.id for letter in await _letters(exchange, 4)]
    counts = await asyncio.gather(exchange.retry([ids[0], ids[0]]), exchange.retry([ids[0]]), exchange.drop([ids[0]]))
    assert list(counts) == [1, 0, 0]
    assert await exchange.retry(ids[1:]) == 3
    assert len(await drain(store, least=4)) == 4
    account = (await _settled(exchange, store=0))["store"]
    assert (account.accepted, account.delivered, account.dead) == (4, 4, 0)


async def test_letters_of_a_worker_that_is_gone_stay(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store, gone = await exchange.queue("store"), await exchange.queue("gone")
    await exchange.publish(sample_events(1))
    for queue in (store, gone):
        batch = await _take(queue, 1)
        await queue.done(batch, _failures(batch.events))
    gone.end()
    with channel(broker) as admin:
        admin.queue_delete("events.gone")
    letters = await _letters(exchange, 2)
    assert await exchange.retry([letter.id for letter in letters]) == 1
    assert [letter.worker for letter in await exchange.dead_letters()] == ["gone"]
    with pytest.raises(Unroutable):
        await exchange.put_back("gone", sample_events(1))
    await _settled(exchange, store=1, gone=0)


async def test_what_a_worker_says_in_characters_that_no_encoding_has_is_kept(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    await exchange.publish(sample_events(1))
    batch = await _take(store, 1)
    await store.done(batch, _failures(batch.events, reason="no file \udcff"))
    (letter,) = await _letters(exchange, 1)
    assert letter.reason == "no file ?"


_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(0, 30), st.integers(1, 3)),
        st.tuples(st.just("again"), st.integers(0, 5)),
        st.tuples(st.just("foreign_arrays"), st.integers(0, 3)),
        st.tuples(st.just("take"), st.sampled_from(["store", "some"]), st.integers(1, 40), st.integers(0, 3)),
        st.tuples(st.just("release"), st.integers(1, 40)),
        st.tuples(st.just("lose"), st.sampled_from(["store", "some"])),
        st.tuples(st.just("crash"), st.integers(1, 40)),
        st.tuples(st.just("retry")),
        st.tuples(st.just("drop")),
        st.tuples(st.just("put_back"), st.integers(0, 5)),
        st.tuples(st.just("purge")),
        st.tuples(st.just("reopen")),
    ),
    max_size=14,
)


@given(acts=_ACTS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_books_balance_whatever_happens(
    rabbitmq: RabbitMQ, vhost: str, tmp_path_factory: pytest.TempPathFactory, acts: list[tuple]
) -> None:
    asyncio.run(_play(rabbitmq.vhost(vhost), tmp_path_factory.mktemp("play") / "accounts.db", acts))


@pytest.mark.soak
@given(acts=_ACTS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_books_balance_whatever_happens_for_long(
    rabbitmq: RabbitMQ, vhost: str, tmp_path_factory: pytest.TempPathFactory, acts: list[tuple]
) -> None:
    asyncio.run(_play(rabbitmq.vhost(vhost), tmp_path_factory.mktemp("play") / "accounts.db", acts))


class _Player:
    """Does what it is told with an exchange and two queues, and knows how many events there must be."""

    def __init__(self, broker: str, path: Path) -> None:
        self.published: list[list[Event]] = []
        self.puts = 0
        self.foreign = 0
        self._broker = broker
        self._path = path

    async def begin(self) -> None:
        self.exchange = await RabbitExchange.open(Address.parse(self._broker), RabbitOptions(), self._path)
        self.queues = {name: await self.exchange.queue(name) for name in ("store", "some")}

    async def publish(self, size: int, count: int) -> None:
        kinds = ["storage.file_uploaded", "users.login", "a.b"][:count]
        self.published.append([event for kind in kinds for event in sample_events(size, event_type=kind)])
        await self.exchange.publish(self.published[-1])

    async def again(self, number: int) -> None:
        if self.published:
            await self.exchange.publish_again(self.published[number % len(self.published)])

    async def foreign_arrays(self, count: int) -> None:
        for _ in range(count):
            self.foreign += 1
            publish(self._broker, json.dumps([{"type": "a.b", "data": {"n": self.foreign}}, self.foreign]).encode())

    async def take(self, name: str, limit: int, failing: int) -> None:
        if batch := await self.queues[name].take(limit, 0.02):
            await self.queues[name].done(batch, _failures(batch.events[:failing]))

    async def release(self, limit: int) -> None:
        if batch := await self.queues["store"].take(limit, 0.02):
            await self.queues["store"].release(batch)

    async def lose(self, name: str) -> None:
        self.queues[name]._consumer.end()

    async def crash(self, limit: int) -> None:
        store = self.queues["store"]
        if batch := await store.take(limit, 0.02):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(store._consumer, "acknowledge", lambda *_: store._consumer.end())
                await store.done(batch)

    async def retry(self) -> None:
        await self.exchange.retry([letter.id for letter in (await self.exchange.dead_letters())[::2]])

    async def drop(self) -> None:
        await self.exchange.drop([letter.id for letter in (await self.exchange.dead_letters())[::2]])

    async def put_back(self, size: int) -> None:
        await self.exchange.put_back("store", sample_events(size))
        self.puts += size

    async def purge(self) -> None:
        """What one queue has, by somebody who does not tell us."""
        self.queues["some"].end()
        with channel(self._broker) as foreign:
            foreign.queue_purge("events.some")

    async def reopen(self) -> None:
        await self.exchange.close()
        await self.begin()


async def _play(broker: str, path: Path, acts: list[tuple]) -> None:
    player = _Player(broker, path)
    await player.begin()
    for act, *arguments in acts:
        await getattr(player, act)(*arguments)
        _check(await player.exchange.accounts())
    for queue in player.queues.values():
        await drain(queue, wait=0.2)
    await _drained(player.exchange, *player.queues.values())
    distinct = sum(map(len, player.published)) + 2 * player.foreign
    accounts = await _settled(player.exchange, ended=2 * distinct + player.puts, store=0, some=0)
    assert accounts["store"].accepted == distinct + player.puts, accounts
    assert accounts["some"].accepted == distinct, accounts
    await player.exchange.close()


# --- siphoning -------------------------------------------------------------------------------------------------------


def test_our_patterns_are_those_of_a_topic_exchange() -> None:
    patterns = ["storage.*", "*", "storage.file_uploaded"]
    assert [binding_key(pattern) for pattern in patterns] == ["storage.#", "#", "storage.file_uploaded"]


async def test_the_broker_sends_a_worker_what_it_wants_and_what_it_cannot_know(
    open_exchange: Open, broker: str
) -> None:
    exchange = await open_exchange()
    some = await exchange.queue("some", ["storage.*", "users.signup"])
    everything = await exchange.queue("all")
    for kind in ("storage.file_uploaded", "storage.file_deleted", "users.login", "users.signup", "traffic.page_view"):
        await exchange.publish(sample_events(2, event_type=kind))
    publish(broker, json.dumps(LOGIN).encode())
    publish(broker, json.dumps(LOGIN).encode(), key="event.sink")
    keys = [method.routing_key for method, _, _ in await _all_of(broker, some, 5)]
    assert sorted(keys) == sorted(["storage.file_uploaded", "storage.file_deleted", "users.signup", "", "event.sink"])
    assert len(await _all_of(broker, everything, 7)) == 7


async def test_a_worker_changes_its_mind_about_types_and_back(open_exchange: Open, broker: str) -> None:
    expected: dict[str, list[str]] = {}
    for number, types in enumerate([[], ["storage.*"], ["users.*"], [], ["storage.*"]]):
        exchange = await open_exchange()
        await exchange.queue("all")
        queue = await exchange.queue("fickle", types)
        for kind in ("storage.file_uploaded", "users.login"):
            await exchange.publish(sample_events(1, event_type=kind))
        found = await _all_of(broker, queue, 1 if types else 2)
        expected[str(number)] = [method.routing_key for method, _, _ in found]
        await exchange.close()
    both = ["storage.file_uploaded", "users.login"]
    assert expected == {"0": both, "1": both[:1], "2": both[1:], "3": both, "4": both[:1]}


async def test_a_worker_that_changes_its_mind_waits_for_what_it_waits_for(open_exchange: Open) -> None:
    for types in ([], ["storage.*"], ["users.*"], []):
        exchange = await open_exchange()
        store, fickle = await exchange.queue("store"), await exchange.queue("fickle", types)
        for size in (10, 20):
            await exchange.publish(sample_events(size) + sample_events(2 * size, event_type="users.login"))
        await drain(store, least=90)
        waiting = {"": 90, "storage.*": 30, "users.*": 60}["".join(types)]
        await _settled(exchange, store=0, fickle=waiting)
        await drain(fickle, least=waiting)
        await exchange.close()


async def test_an_event_that_no_queue_wants_is_returned_and_the_others_are_not(open_exchange: Open) -> None:
    exchange = await open_exchange()
    with pytest.raises(Unroutable, match="No worker has made its queue"):
        await exchange.publish(sample_events(1))
    some = await exchange.queue("some", ["storage.*"])
    wanted, unwanted = sample_events(2), sample_events(2, event_type="users.login")
    with pytest.raises(Unroutable) as caught:
        await exchange.publish([*wanted, *unwanted])
    assert list(caught.value.returned) == unwanted
    assert await drain(some, least=len(wanted)) == wanted


async def test_an_event_that_no_queue_wants_is_returned_to_each_who_publishes_it(open_exchange: Open) -> None:
    exchange = await open_exchange()
    (event,) = sample_events(1)
    outcomes = await asyncio.gather(*(exchange.publish([event]) for _ in range(50)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unroutable] * 50


async def test_who_holds_all_that_is_handed_out_is_not_answered_at_once(
    open_exchange: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a worker that settles nothing for a while would ask again and again, and nothing else would run."""
    monkeypatch.setattr(rabbitmq_queue, "MOST_PREFETCH", 160)
    exchange = await open_exchange(single=True)
    store = await exchange.queue("store")
    await exchange.publish(sample_events(600))
    held: list[RabbitBatch] = []
    nothing = 0
    async with asyncio.timeout(60):
        # A prefetch that is fitted, or grows past what is held, hands out more a moment later.
        while nothing < 4 or sum(len(batch.events) for batch in held) < store._consumer.prefetch:
            begun = time.monotonic()
            batch = await store.take(20, 0.5)
            nothing = nothing + 1 if batch is None else 0
            held += [batch] if batch is not None else []
            assert batch is not None or time.monotonic() - begun > 0.4
    assert sum(len(batch.events) for batch in held) < 600
    for batch in held:
        await store.done(batch)
    left = 600 - sum(len(batch.events) for batch in held)
    assert len(await drain(store, least=left)) == left


# --- what the broker gives up ----------------------------------------------------------------------------------------


async def test_what_the_broker_gives_up_is_a_letter_with_a_reason(
    open_exchange: Open, rabbitmq: RabbitMQ, broker: str, vhost: str
) -> None:
    exchange = await open_exchange(source="here")
    store = await exchange.queue("store")
    await exchange.queue("other")
    policy = {
        "pattern": "^events\\.store$",
        "apply-to": "queues",
        "definition": {
            "dead-letter-exchange": "events.dead",
            "dead-letter-strategy": "at-least-once",
            "overflow": "reject-publish",
            "delivery-limit": 2,
        },
    }
    assert rabbitmq.manage("PUT", f"/api/policies/{vhost}/limit", policy)[0] in (201, 204)
    await asyncio.sleep(0.3)  # the policy reaches the queue; where it takes longer, the loop below goes on
    events = sample_events(3)
    await exchange.publish(events)
    publish(broker, b"not JSON", json.dumps(LOGIN).encode())
    async with asyncio.timeout(60):
        while (await exchange.accounts())["store"].dead < 5:  # a worker that ends each time
            await store._consumer.begin()
            await store._consumer.wait(0.5)
            await asyncio.sleep(0.1)
            store._consumer.end()
            await asyncio.sleep(0.1)
    accounts = await _settled(exchange, store=0, other=5)
    assert (accounts["store"].accepted, accounts["store"].dead, accounts["other"].dead) == (5, 5, 0)
    letters = await exchange.dead_letters()
    assert all(letter.worker == "store" and "RabbitMQ delivered it" in letter.reason for letter in letters)
    assert sum(letter.body.get("source") == "here" for letter in letters) == 1
    assert await exchange.retry([letter.id for letter in letters]) == 5
    got = await drain(store, least=4) + await _drained(exchange, store)
    assert sorted(event.id for event in got if event.source == "test") == sorted(event.id for event in events)
    account = (await _settled(exchange, store=0))["store"]
    assert (account.accepted, account.delivered, account.dead) == (5, 4, 1), "what is broken is so still"


# --- heartbeats, and long waits ---------------------------------------------------------------------------------------


async def test_what_workers_elsewhere_do_is_seen_and_gone_when_they_are(
    open_exchange: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "EVERY", 0.05)
    monkeypatch.setattr(heartbeats, "GONE", 0.5)
    keeper = await open_exchange()
    away = await open_exchange(keeper=False)
    store = await away.queue("store")
    away.announce(lambda: {"store": "paused: no answer"})
    await keeper.publish(sample_events(1))
    await keeper.publish(sample_events(1, event_type="users.login"))
    batch = await _take(store, 2)
    await _until(lambda: keeper.states() == {"store": "paused: no answer"})
    account = (await _settled(keeper, store=2))["store"]
    assert account.lag_seconds < 30
    await store.done(batch)
    await _settled(keeper, store=0)
    await away.close()
    await _until(lambda: keeper.states() == {})
    _check(await keeper.accounts())


async def test_a_worker_of_another_version_is_named(open_exchange: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = await open_exchange()
    monkeypatch.setattr("eventsink.exchange.rabbitmq.exchange.__version__", "0.0.9")
    older = await open_exchange(keeper=False)
    await older.queue("influxdb")
    await _until(lambda: any("influxdb runs version 0.0.9" in concern for concern in keeper.concerns()))


async def test_two_processes_of_one_worker_are_told_apart(open_exchange: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "EVERY", 0.05)
    keeper = await open_exchange()
    await keeper.queue("store")
    for states in ({"store": "idle"}, {"store": "paused"}):
        other = await open_exchange(keeper=False)
        await other.queue("store")
        other.announce(states.copy)
    await _until(lambda: set(keeper.states().get("store", "").split("; ")) == {"idle", "paused"})


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_batch_that_is_held_for_long_goes_back(open_exchange: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq_queue, "HOLD", 0.2)
    exchange = await open_exchange()
    store = await exchange.queue("store")
    other = await (await open_exchange(keeper=False)).queue("store")
    events = sample_events(5)
    await exchange.publish(events)
    batch = await _take(store, 5)
    monkeypatch.undo()
    batch_elsewhere = await _take(other, 5)
    assert list(batch_elsewhere.events) == events, "another process has them"
    await other.done(batch_elsewhere)
    await store.done(batch)
    assert (await _settled(exchange, store=0))["store"].accepted == 5
    assert await drain(store) == []


async def test_a_batch_that_is_settled_in_time_lets_nothing_go(
    open_exchange: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rabbitmq_queue, "HOLD", 1.0)
    exchange = await open_exchange()
    store = await exchange.queue("store")
    await exchange.publish(sample_events(100))
    in_time = 0
    while in_time < 5:
        begun = time.monotonic()
        await store.done(await _take(store, 2))
        if time.monotonic() - begun > 0.9:  # on a busy machine that is not in time, and may well be let go
            in_time = 0
            continue
        in_time += 1
        await asyncio.sleep(0.3)
        assert store._consumer.open


async def test_small_messages_do_not_make_a_worker_wait_for_more_than_can_come(open_exchange: Open) -> None:
    exchange = await open_exchange(single=True)
    store = await exchange.queue("store")
    await exchange.publish(sample_events(3000))
    begun = asyncio.get_running_loop().time()
    taken = 0
    while taken < 3000:
        # Who waits for more than can come waits until the time is over.
        if batch := await store.take(5000, 60.0 if 3000 - taken >= store._consumer.prefetch else 0.2):
            taken += len(batch.events)
            await store.done(batch)
    assert asyncio.get_running_loop().time() - begun < 50
    assert store._consumer.prefetch == rabbitmq_queue.MOST_PREFETCH, "or batches would be as small as the first"
    assert (await _settled(exchange, store=0))["store"].accepted == 3000


# --- mishaps ---------------------------------------------------------------------------------------------------------


async def test_a_queue_that_somebody_deletes_is_made_again(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    await exchange.publish(sample_events(3))
    batch = await _take(store, 3)
    with channel(broker) as admin:
        admin.queue_delete("events.store")
    await _until(lambda: not store._consumer.open)
    await store.done(batch)
    async with asyncio.timeout(30):
        while not store._consumer.open:  # where it is made anew
            with contextlib.suppress(BrokerUnavailable):
                await store.take(1, 0.1)
    events = sample_events(2)
    await exchange.publish(events)
    assert await drain(store, least=len(events)) == events
    _check(await exchange.accounts())


async def test_a_queue_of_settlements_that_somebody_deletes_is_made_again(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    await exchange.publish(sample_events(3))
    batch = await _take(store, 3)
    with channel(broker) as admin:
        admin.queue_delete("events.settlements")
    async with asyncio.timeout(30):
        while True:
            try:
                await store.done(batch)
                break
            except BrokerUnavailable:
                await asyncio.sleep(0.1)
    async with asyncio.timeout(30):
        while (await exchange.accounts())["store"].delivered < 3:
            await asyncio.sleep(0.1)


async def test_nonsense_in_the_queues_of_the_keeper_does_not_stop_it(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    for body in (b"", b"nonsense", b"\xc0", msgspec.msgpack.encode(["x"]), msgspec.msgpack.encode(["x", 1, 2])):
        publish(broker, body, exchange="", key="events.settlements")
    deaths: list[Any] = [{"a": 1}, ["x"], [{"reason": "{nothing}", "queue": "events.store", "exchange": "x"}], []]
    for headers in ({"x-death": death, "x-delivery-count": "x"} for death in deaths):
        publish(broker, b"\xff", exchange="events.dead", headers=headers)
    publish(broker, b"\xff", exchange="events.dead")
    await exchange.publish(sample_events(2))
    assert len(await drain(store, least=2)) == 2
    account = (await _settled(exchange, store=0, dead=1))["store"]
    assert (account.delivered, account.dead) == (2, 1)
    assert (await exchange.dead_letters(worker="store"))[0].reason.startswith("RabbitMQ dead-lettered it: {nothing}.")


async def test_messages_that_nobody_can_bear_are_refused_and_the_others_are_not(open_exchange: Open) -> None:
    exchange = await open_exchange()
    store = await exchange.queue("store")
    events = [msgspec.structs.replace(event, id="é" * 190 + str(n)) for n, event in enumerate(sample_events(3))]
    for event in events:
        await exchange.publish([event])
    assert await drain(store, least=len(events)) == events


async def test_closing_twice_and_publishing_afterwards_is_a_sentence(open_exchange: Open) -> None:
    exchange = await open_exchange()
    await exchange.queue("store")
    await exchange.close()
    await exchange.close()
    with pytest.raises(BrokerUnavailable, match="closed"):
        await exchange.publish(sample_events(1))


async def test_our_messages_are_what_other_programs_expect(open_exchange: Open, broker: str) -> None:
    exchange = await open_exchange(single=True)
    store = await exchange.queue("store")
    events = sample_events(2)
    await exchange.publish(events)
    for (method, properties, body), event in zip(await _all_of(broker, store, 2), events, strict=True):
        assert isinstance(method, pika.spec.Basic.GetOk) and method.routing_key == event.type
        assert (properties.content_type, properties.delivery_mode) == ("application/cloudevents+json", 2)
        assert json.loads(body)["id"] == event.id
        assert properties.message_id == pack([event], "x")[0][0].message_id, "the same whenever it is published"
    assert [message.routing_key for message, _ in pack(events, "x", single=True)] == [event.type for event in events]
