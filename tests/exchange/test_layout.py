"""No configured destination misses an event: whoever starts first, and whatever is deleted while all runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pika.exceptions
import pytest

from eventsink.amqp import Address
from eventsink.errors import DataDirectoryInUse, ExchangeUnavailable, WorkerInUse
from eventsink.event import Event
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions, claim, layout
from eventsink.testing import drain, sample_events
from tests.amqp.foreign import channel
from tests.servers.rabbitmq import RabbitMQ

Open = Callable[..., Awaitable[RabbitExchange]]
DESTINATIONS = {"store": [], "influxdb": [], "chat": ["users.*"]}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "EVERY", 0.3)


@pytest.fixture
async def open_exchange(broker: str, tmp_path: Path, rabbitmq: RabbitMQ) -> AsyncIterator[Open]:
    """Opens the exchange of a front door; the first is that of `serve`."""
    opened: list[RabbitExchange] = []

    async def open_one(destinations: Any = DESTINATIONS, **more: Any) -> RabbitExchange:
        options = RabbitOptions(destinations=destinations, management=f"http://127.0.0.1:{rabbitmq.management}", **more)
        accounts = None if opened else tmp_path / "accounts.db"
        opened.append(await RabbitExchange.open(Address.parse(broker), options, accounts))
        return opened[-1]

    yield open_one
    for exchange in opened:
        await exchange.close()


async def _published(exchange: RabbitExchange, count: int, event_type: str = "storage.file_uploaded") -> list[Event]:
    """Events that are published, also while what they are published into is made anew."""
    events = sample_events(count, event_type=event_type)
    for _ in range(300):
        try:
            await exchange.publish(events)
        except ExchangeUnavailable:  # as the spool does
            await asyncio.sleep(0.1)
        else:
            return events
    raise AssertionError("they cannot be published")


def _ids(events: list[Event]) -> set[str]:
    return {event.id for event in events}


async def _until(true: Callable[[], bool], what: str) -> None:
    for _ in range(300):
        if true():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not so: {what}")


async def test_a_worker_that_comes_after_the_first_event_misses_nothing(open_exchange: Open) -> None:
    serve = await open_exchange()
    uploads = await _published(serve, 5)
    logins = await _published(serve, 3, "users.login")
    accounts = await serve.accounts()
    assert {name: account.waiting for name, account in accounts.items() if name != "chat"} == {
        "store": 8,
        "influxdb": 8,
    }
    assert accounts["chat"].waiting
    worker = await open_exchange({})
    assert _ids(await drain(await worker.queue("influxdb"), least=len(uploads + logins))) == _ids(uploads + logins)
    assert _ids(await drain(await worker.queue("chat", ["users.*"]), least=len(logins))) == _ids(logins)


async def test_a_door_alone_sees_to_all_of_them(open_exchange: Open) -> None:
    serve = await open_exchange({"store": []})
    door = await open_exchange()
    events = await _published(door, 4)
    assert _ids(await drain(await door.queue("influxdb"), least=len(events))) == _ids(events)
    assert _ids(await drain(await serve.queue("store"), least=len(events))) == _ids(events)


async def test_a_binding_that_somebody_deletes_is_there_again_and_it_is_said(
    open_exchange: Open, broker: str, rabbitmq: RabbitMQ, vhost: str
) -> None:
    serve = await open_exchange()
    await _published(serve, 1)
    with channel(broker) as foreign:
        for _ in range(60):  # in the midst of a look it would be bound again before it is missed
            foreign.queue_unbind("events.influxdb", "clowder.metrics", routing_key="")
            await asyncio.sleep(0.5)
            if serve.concerns():
                break
    (concern,) = serve.concerns()
    assert "the queue events.influxdb got nothing from clowder.metrics, and was bound again" in concern
    assert "`eventsink replay --to influxdb --since 20" in concern
    await _until(lambda: "clowder.metrics" in _sources(rabbitmq, vhost, "events.influxdb"), "it is bound again")
    events = await _published(serve, 3)
    assert _ids(events) <= _ids(await drain(await serve.queue("influxdb"), least=4))


def _sources(rabbitmq: RabbitMQ, vhost: str, queue: str) -> set[str]:
    """The exchanges to which a queue is bound."""
    return {binding["source"] for binding in rabbitmq.manage("GET", f"/api/queues/{vhost}/{queue}/bindings")[1]}


async def test_an_exchange_that_somebody_deletes_comes_back_with_every_binding(
    open_exchange: Open, broker: str
) -> None:
    serve = await open_exchange()
    await _published(serve, 1)
    with channel(broker) as foreign:
        foreign.exchange_delete("clowder.metrics")
    events = await _published(serve, 3)
    for name in ("store", "influxdb"):
        assert _ids(events) <= _ids(await drain(await serve.queue(name), least=4)), name


async def test_a_queue_that_somebody_deletes_is_made_again_and_it_is_said(
    open_exchange: Open, broker: str, rabbitmq: RabbitMQ, vhost: str
) -> None:
    serve = await open_exchange()
    await _published(serve, 5)
    with channel(broker) as foreign:
        foreign.queue_delete("events.influxdb")
    await _until(lambda: bool(serve.concerns()), "it is said")
    assert "events.influxdb was gone, with what waited in it, and was made again" in serve.concerns()[0]
    await _until(lambda: "clowder.metrics" in _sources(rabbitmq, vhost, "events.influxdb"), "it is bound, too")
    events = await _published(serve, 2)
    assert _ids(await drain(await serve.queue("influxdb"), least=len(events))) == _ids(events)


async def test_a_broker_that_was_wiped_is_set_up_before_the_first_event(
    open_exchange: Open, rabbitmq: RabbitMQ, vhost: str
) -> None:
    serve = await open_exchange()
    await _published(serve, 1)
    rabbitmq.vhost(vhost)  # deleted and made again: every connection to it ends
    events = await _published(serve, 3)
    for name in ("store", "influxdb"):
        assert _ids(await drain(await serve.queue(name), least=len(events))) == _ids(events), name


async def test_a_destination_that_cannot_be_set_up_costs_the_others_nothing(open_exchange: Open, broker: str) -> None:
    with channel(broker) as foreign:
        foreign.queue_declare("events.influxdb", durable=True)
    serve = await open_exchange()
    events = await _published(serve, 3)
    assert _ids(await drain(await serve.queue("store"), least=len(events))) == _ids(events)
    await asyncio.sleep(1.5)  # some looks later it is still said once
    (concern,) = serve.concerns()
    assert concern.startswith("influxdb gets no events: RabbitMQ has a queue 'events.influxdb' that is declared diff")


async def test_a_worker_that_nobody_needs_is_forgotten_with_its_queue(
    open_exchange: Open, rabbitmq: RabbitMQ, vhost: str
) -> None:
    serve = await open_exchange()
    await _published(serve, 4)
    store = await serve.queue("store")
    await store.take(1, 0.1)
    with pytest.raises(WorkerInUse, match="store runs"):
        await serve.forget("store")
    assert await serve.forget("influxdb") == 4
    assert sorted(await serve.accounts()) == ["chat", "store"]
    await asyncio.sleep(1.0)
    assert rabbitmq.manage("GET", f"/api/queues/{vhost}/events.influxdb")[0] == 404, "it stays away"
    with pytest.raises(KeyError):
        await serve.forget("influxdb")
    assert serve.concerns() == []


# --- one serve -------------------------------------------------------------------------------------------------------


async def test_a_second_serve_waits_for_a_while_and_says_who_is_there(
    open_exchange: Open, broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rabbitmq: RabbitMQ
) -> None:
    monkeypatch.setattr(claim, "EVERY", 0.05)
    monkeypatch.setattr(claim, "WITHIN", 0.5)
    first = await open_exchange()
    options = RabbitOptions(management=f"http://127.0.0.1:{rabbitmq.management}")
    with pytest.raises(DataDirectoryInUse, match=r"Another `eventsink serve`.* keeps the store and the accounts of"):
        await RabbitExchange.open(Address.parse(broker), options, tmp_path / "second.db")
    monkeypatch.setattr(claim, "WITHIN", 60.0)
    waiting = asyncio.create_task(RabbitExchange.open(Address.parse(broker), options, tmp_path / "second.db"))
    await asyncio.sleep(0.2)
    await first.close()
    second = await waiting
    assert second.concerns() == []
    await second.close()


async def test_one_that_has_lost_its_claim_says_so(
    open_exchange: Open, broker: str, rabbitmq: RabbitMQ, vhost: str
) -> None:
    serve = await open_exchange()
    with channel(broker) as other:
        await _until(lambda: _end_connections(rabbitmq, vhost) > 0, "RabbitMQ knows of the connection")
        await _until(lambda: _claimed(other, rabbitmq, vhost), "somebody else was quicker")
        await _until(lambda: bool(serve.concerns()), "it is said")
        assert "Stop one of the two: each gets half of the events." in serve.concerns()[0]
    await _until(lambda: not serve.concerns(), "the claim is taken back")


def _claimed(other: Any, rabbitmq: RabbitMQ, vhost: str) -> bool:
    """Claim it on a connection of somebody else. Where `serve` was quicker, its connections end once more."""
    try:
        other.connection.channel().queue_declare(claim.CLAIM, exclusive=True)
    except pika.exceptions.ChannelClosedByBroker:
        _end_connections(rabbitmq, vhost)
        return False
    return True


def _end_connections(rabbitmq: RabbitMQ, vhost: str) -> int:
    """End those on which `serve` consumes, as a network does that was away; gives how many there were."""
    _, found = rabbitmq.manage("GET", f"/api/vhosts/{vhost}/connections")
    names = [one["name"] for one in found or () if one.get("user_provided_name") == "eventsink consuming"]
    for name in names:
        rabbitmq.manage("DELETE", f"/api/connections/{quote(name, safe='')}")
    return len(names)
