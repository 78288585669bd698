"""What is accepted and then nowhere is missing: visibly, exactly, and never by mistake."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from eventsink.amqp import Address
from eventsink.errors import ExchangeUnavailable
from eventsink.exchange.contract import Account
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions, entries, layout, missing
from eventsink.exchange.rabbitmq import exchange as rabbitmq_exchange
from eventsink.testing import drain, sample_events
from tests.amqp.foreign import channel, publish
from tests.servers.rabbitmq import RabbitMQ

Open = Callable[..., Awaitable[RabbitExchange]]
DESTINATIONS = {"store": [], "influxdb": [], "chat": ["users.*"]}
LOGIN = {"category": "user_activity", "type": "login", "user_id": "u", "user_name": "n"}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "SURE", 1.0)


@pytest.fixture
async def open_exchange(broker: str, tmp_path: Path, rabbitmq: RabbitMQ) -> AsyncIterator[Open]:
    """Opens the exchange of a front door; the first is that of `serve`."""
    opened: list[RabbitExchange] = []

    async def open_one(destinations: Any = DESTINATIONS, file: str = "accounts.db") -> RabbitExchange:
        options = RabbitOptions(destinations=destinations, management=f"http://127.0.0.1:{rabbitmq.management}")
        accounts = tmp_path / file if not opened or file != "accounts.db" else None
        opened.append(await RabbitExchange.open(Address.parse(broker), options, accounts))
        return opened[-1]

    yield open_one
    for exchange in opened:
        await exchange.close()


async def _accounts(exchange: RabbitExchange) -> dict[str, Account]:
    accounts = await exchange.accounts()
    for name, account in accounts.items():
        assert account.accepted == account.delivered + account.waiting + account.dead + account.missing, (name, account)
    return accounts


async def _until(exchange: RabbitExchange, true: Callable[[dict[str, Account]], bool]) -> dict[str, Account]:
    """The accounts when they have become so; what is accepted or delivered never goes back meanwhile."""
    before: dict[str, Account] = {}
    for _ in range(300):
        accounts = await _accounts(exchange)
        for name, account in before.items():
            assert accounts[name].accepted >= account.accepted and accounts[name].delivered >= account.delivered, name
        if true(accounts):
            return accounts
        before = accounts
        await asyncio.sleep(0.1)
    raise AssertionError(f"it does not become so: {before}")


async def _stays(exchange: RabbitExchange, seconds: float = 2.5) -> dict[str, Account]:
    """The accounts after so long, when all that could be found missing is."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        await _accounts(exchange)
        await asyncio.sleep(0.2)
    return await _accounts(exchange)


async def _end(exchange: RabbitExchange, queue: Any) -> None:
    """End the consumer of a queue, and wait until RabbitMQ hands nothing out to it any more."""
    queue.end()
    async with asyncio.timeout(30):
        while (await exchange._service.depth(f"events.{queue.name}")).consumers:
            await asyncio.sleep(0.02)


def _missing(accounts: dict[str, Account]) -> dict[str, int]:
    return {name: account.missing for name, account in accounts.items() if account.missing}


async def test_what_is_purged_is_missing(open_exchange: Open, broker: str) -> None:
    """Case 11."""
    serve = await open_exchange()
    await serve.publish(sample_events(60) + sample_events(4, event_type="users.login"))
    store, influxdb = await serve.queue("store"), await serve.queue("influxdb")
    await drain(store, least=64)
    await drain(influxdb, least=64)
    await _end(serve, influxdb)
    for _ in range(3):
        await serve.publish(sample_events(20))
    accounts = await _until(serve, lambda accounts: accounts["influxdb"].waiting == 60)
    with channel(broker) as foreign:
        foreign.queue_purge("events.influxdb")
        foreign.queue_purge("events.chat")
    accounts = await _until(serve, lambda accounts: len(_missing(accounts)) == 2)
    assert _missing(accounts) == {"influxdb": 60, "chat": 4}
    account = accounts["influxdb"]
    assert (account.accepted, account.delivered, account.waiting) == (124, 64, 0) and account.missing_since
    await serve.put_back("influxdb", sample_events(60))
    accounts = await _until(serve, lambda accounts: accounts["influxdb"].waiting == 60)
    assert (accounts["influxdb"].missing, accounts["influxdb"].missing_since) == (60, None), "it was made good"


async def test_what_was_in_a_queue_that_is_deleted_is_missing(
    open_exchange: Open, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "EVERY", 0.3)
    serve = await open_exchange()
    await serve.publish(sample_events(7))
    await drain(await serve.queue("store"), least=7)
    with channel(broker) as foreign:
        foreign.queue_delete("events.influxdb")
    accounts = await _until(serve, lambda accounts: bool(_missing(accounts)))
    assert _missing(accounts) == {"influxdb": 7}
    await serve._layout.declare()  # as it does now and then: the queue is there again from now on
    await serve.publish(sample_events(5))
    accounts = await _until(serve, lambda accounts: accounts["influxdb"].waiting == 5)
    await drain(await serve.queue("influxdb"), least=5)
    accounts = await _stays(serve)
    assert _missing(accounts) == {"influxdb": 7} and accounts["influxdb"].accepted == 12


async def test_what_waited_in_a_broker_that_is_wiped_is_missing(
    open_exchange: Open, rabbitmq: RabbitMQ, vhost: str
) -> None:
    serve = await open_exchange()
    await serve.publish(sample_events(10))
    store = await serve.queue("store")
    await drain(store, least=10)
    await _until(serve, lambda accounts: accounts["store"].delivered == 10)
    rabbitmq.vhost(vhost)  # deleted and made again
    await asyncio.sleep(0.5)
    events = sample_events(3)
    for _ in range(300):
        try:
            await serve.publish(events)
            break
        except ExchangeUnavailable:
            await asyncio.sleep(0.1)
    delivering = [asyncio.create_task(_deliver(await serve.queue(name))) for name in ("store", "influxdb")]
    accounts = await _until(serve, lambda accounts: bool(_missing(accounts)) and not accounts["store"].waiting)
    await _cancel(delivering)
    assert _missing(accounts) == {"influxdb": 10}
    assert {accounts[name].accepted for name in ("store", "influxdb")} == {13}


async def test_what_an_unbound_queue_did_not_get_is_missing_to_the_event(open_exchange: Open, broker: str) -> None:
    serve = await open_exchange()
    queues = [await serve.queue(name) for name in ("store", "influxdb")]
    await serve.publish(sample_events(3))
    with channel(broker) as foreign:
        foreign.queue_unbind("events.influxdb", "clowder.metrics", routing_key="")
        publish(broker, json.dumps(LOGIN).encode())  # which nobody counts at its entry
    await serve.publish(sample_events(250))
    await serve._layout.declare()
    await serve.publish(sample_events(10))
    for queue, events in zip(queues, (264, 13), strict=True):
        await drain(queue, least=events)
    accounts = await _until(serve, lambda accounts: bool(_missing(accounts)))
    assert _missing(accounts) == {"influxdb": 251}
    assert {accounts[name].accepted for name in ("store", "influxdb")} == {264}


async def test_what_is_missing_is_found_while_events_flow(open_exchange: Open, broker: str) -> None:
    serve = await open_exchange({"store": [], "influxdb": []})
    queues = [await serve.queue(name) for name in ("store", "influxdb")]
    await _end(serve, queues[1])
    await serve.publish(sample_events(40))
    await drain(queues[0], least=40)
    with channel(broker) as foreign:
        foreign.queue_purge("events.influxdb")
    flowing = True

    async def flow() -> None:
        while flowing:
            await serve.publish(sample_events(2))
            await asyncio.sleep(0.02)

    tasks = [asyncio.create_task(flow()), *(asyncio.create_task(_deliver(queue)) for queue in queues)]
    accounts = await _until(serve, lambda accounts: bool(_missing(accounts)))
    assert _missing(accounts).keys() == {"influxdb"} and _missing(accounts)["influxdb"] <= 40, "at least so many"
    flowing = False
    accounts = await _until(serve, lambda accounts: _missing(accounts) == {"influxdb": 40})
    await _cancel(tasks)


async def _deliver(queue: Any) -> None:
    """Settle all that comes, as a runner does: whatever fails is tried again."""
    while True:
        try:
            if batch := await queue.take(100, 0.1):
                await queue.done(batch)
        except ExchangeUnavailable:
            await asyncio.sleep(0.1)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_a_worker_holds_that_says_nothing_is_not_missing(open_exchange: Open) -> None:
    serve = await open_exchange()
    elsewhere = await open_exchange({})
    await serve.publish(sample_events(100))
    await drain(await serve.queue("store"), least=100)
    frozen = await elsewhere.queue("influxdb")
    batch = await frozen.take(100, 30.0)
    assert batch is not None and len(batch.events) == 100
    await elsewhere._heartbeats.close()  # as a process does that is stopped, while its connection lives
    accounts = await _stays(serve, 7.0)
    assert (accounts["influxdb"].waiting, _missing(accounts)) == (100, {})
    await frozen.done(batch)
    accounts = await _until(serve, lambda accounts: accounts["influxdb"].delivered == 100)
    assert (await _stays(serve))["influxdb"].accepted == 100


async def test_a_front_door_that_is_killed_before_it_has_told_anything_makes_nothing_missing(
    open_exchange: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "EVERY", 1e9)
    serve = await open_exchange()
    door = await open_exchange()
    await door.publish(sample_events(30))
    await door.publish_again(sample_events(5))
    monkeypatch.setattr(door._entries, "report", _fail)
    await door.close()
    for name in ("store", "influxdb"):
        await drain(await serve.queue(name), least=35)
    accounts = await _stays(serve)
    assert _missing(accounts) == {}
    assert {accounts[name].accepted for name in ("store", "influxdb")} == {35}


async def _fail() -> None:
    return None


async def test_what_other_doors_accept_is_counted_before_anybody_delivers_it(open_exchange: Open) -> None:
    serve = await open_exchange()
    door = await open_exchange()
    await door.publish(sample_events(30))
    await door.publish(sample_events(500) + sample_events(2, event_type="users.login"))
    accounts = await _until(serve, lambda accounts: accounts["store"].accepted == 532)
    assert {name: account.waiting for name, account in accounts.items()} == {"store": 532, "influxdb": 532, "chat": 2}


async def test_new_accounts_take_nothing_for_missing_that_was_settled_before(open_exchange: Open) -> None:
    serve = await open_exchange()
    door = await open_exchange()
    await door.publish(sample_events(50))
    await drain(await serve.queue("store"), least=50)
    await _until(serve, lambda accounts: accounts["influxdb"].waiting == 50)
    await serve.close()
    serve = await open_exchange(file="new.db")
    await door.publish(sample_events(8))
    for name, events in (("store", 8), ("influxdb", 58)):
        await drain(await serve.queue(name), least=events)
    accounts = await _stays(serve, 4.0)
    while not (await serve._keeper.books())["influxdb"].begun:  # looks are further apart on a busy machine
        accounts = await _accounts(serve)
        await asyncio.sleep(0.1)
    assert _missing(accounts) == {}
    await door.publish(sample_events(5))
    with_backlog = await _until(serve, lambda accounts: accounts["influxdb"].waiting == 5)
    assert with_backlog["influxdb"].accepted == accounts["influxdb"].accepted + 5


async def test_what_waits_in_the_spool_of_another_front_door_is_said(
    open_exchange: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rabbitmq_exchange, "SPOOLED_FOR", timedelta(seconds=1))
    serve, door, waiting = await open_exchange(), await open_exchange(), 7
    serve.mind("here:/spool-1.db", lambda: 3)
    door.mind("there:/spool-2.db", lambda: waiting)
    await _until(serve, lambda _: bool(serve.concerns()))
    (concern,) = serve.concerns()
    assert concern.startswith("The front door with the spool there:/spool-2.db has kept 7 events in it since 20")
    await door.close()  # it is said on, now that it is gone
    await serve.accounts()
    assert len(serve.concerns()) == 1
    waiting = 0
    again = await open_exchange()
    again.mind("there:/spool-2.db", lambda: waiting)
    await _until(serve, lambda _: not serve.concerns())
