"""Publishing with confirms: what is returned, refused, or never confirmed."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from eventsink.amqp import (
    Address,
    Channel,
    Connection,
    Consumer,
    Message,
    Publisher,
    Queue,
    consumer,
    declare,
    publisher,
)
from eventsink.errors import BrokerRefuses, BrokerUnavailable, InvalidMessage, Unroutable
from tests.amqp.foreign import get_all
from tests.servers.rabbitmq import RabbitMQ

FRAME = SimpleNamespace(delivery_tag=1, redelivered=False, exchange="extractors", routing_key="")


@pytest.fixture
async def link(broker: str) -> AsyncIterator[Connection]:
    """A connection to a broker with a queue `q`, and one that takes a single message and refuses the rest."""
    made = Connection(Address.parse(broker), "test")
    small = Queue("small", {"x-max-length": 1, "x-overflow": "reject-publish"})
    await declare(made, queues=[Queue("q"), small])
    yield made
    await made.close()


async def test_messages_arrive_in_order_and_are_confirmed(link: Connection, broker: str) -> None:
    sender = Publisher(link)
    await asyncio.gather(*(sender.publish([Message(body=b"%d" % n, routing_key="q")] * 2) for n in range(300)))
    assert [body for *_, body in get_all(broker, "q")] == [b"%d" % n for n in range(300) for _ in range(2)]


async def test_more_than_may_be_in_flight_gets_through(
    link: Connection, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "IN_FLIGHT", 7)
    sender = Publisher(link)
    await asyncio.gather(*(sender.publish([Message(body=b"x", routing_key="q")] * 20) for _ in range(10)))
    assert len(get_all(broker, "q")) == 200


async def test_what_no_queue_takes_is_named_and_the_rest_is_there(link: Connection, broker: str) -> None:
    messages = [Message(body=b"%d" % n, routing_key="q" if n % 2 else "nowhere", message_id=str(n)) for n in range(10)]
    with pytest.raises(Unroutable) as caught:
        await Publisher(link).publish(messages)
    assert list(caught.value.returned) == messages[::2]
    assert len(get_all(broker, "q")) == 5


async def test_one_message_that_is_published_twice_is_returned_twice(link: Connection) -> None:
    for message_id in ("same", None):
        with pytest.raises(Unroutable) as caught:
            await Publisher(link).publish([Message(body=b"x", routing_key="nowhere", message_id=message_id)] * 100)
        assert len(caught.value.returned) == 100


async def test_a_channel_that_confirms_nothing_is_closed(link: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Channel] = []

    async def fail(confirms: publisher._Confirms) -> None:
        opened.append(confirms.channel)
        raise BrokerUnavailable("It did not answer.")

    monkeypatch.setattr(publisher._Confirms, "begin", fail)
    with pytest.raises(BrokerUnavailable, match="did not answer"):
        await Publisher(link).publish([Message(body=b"x", routing_key="q")])
    assert not opened[0].open


async def test_a_queue_that_refuses_more_is_said(link: Connection) -> None:
    sender = Publisher(link)
    with pytest.raises(BrokerUnavailable, match="a queue is full or failing"):
        await sender.publish([Message(body=b"x", routing_key="small")] * 20)
    await sender.publish([Message(body=b"x", routing_key="q")])


async def test_an_exchange_that_is_not_there_fails_all_and_the_next_channel_works(link: Connection) -> None:
    sender = Publisher(link)
    outcomes = await asyncio.gather(
        *(sender.publish([Message(body=b"x", exchange="nowhere")] * 5) for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(outcome, BrokerRefuses) and outcome.code == 404 for outcome in outcomes), outcomes
    await sender.publish([Message(body=b"x", routing_key="q")])


async def test_a_publisher_that_is_cancelled_leaves_room_for_others(
    link: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "IN_FLIGHT", 5)
    sender = Publisher(link)
    for _ in range(5):
        task = asyncio.create_task(sender.publish([Message(body=b"x", routing_key="q")] * 50))
        await asyncio.sleep(0.002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await sender.publish([Message(body=b"x", routing_key="q")] * 50)


async def test_a_message_that_amqp_cannot_hold_harms_no_other(link: Connection) -> None:
    sender = Publisher(link)
    good = asyncio.create_task(sender.publish([Message(body=b"x", routing_key="q")] * 10))
    with pytest.raises(InvalidMessage, match="255 bytes"):
        await sender.publish([Message(body=b"x", routing_key="q", message_id="x" * 300)] * 2)
    await good
    await sender.publish([Message(body=b"x", routing_key="q")])


async def test_what_comes_while_a_consumer_begins_is_not_waited_for(link: Connection) -> None:
    await Publisher(link).publish([Message(body=b"x", routing_key="q")])
    consumer = Consumer(link, "q", 10)
    await consumer.begin()
    async with asyncio.timeout(30):
        while not consumer.waiting:
            await asyncio.sleep(0.01)
        await consumer.wait(60.0)
    consumer.end()


async def test_a_consumer_of_no_queue_is_not_taken_for_an_open_one(link: Connection) -> None:
    consumer = Consumer(link, "nowhere", 10)
    for _ in range(2):
        with pytest.raises(BrokerRefuses) as caught:
            await consumer.begin()
        assert caught.value.code == 404 and not consumer.open


async def test_a_consumer_that_waits_can_be_cancelled_at_any_moment(link: Connection, rabbitmq: RabbitMQ) -> None:
    sender, consumer = Publisher(link), Consumer(link, "q", 10)
    await consumer.begin()
    for _ in range(20):
        waiting = asyncio.create_task(_wait_for_ever(consumer))
        await sender.publish([Message(body=b"x", routing_key="q")])
        consumer._came.set()
        waiting.cancel()
        async with asyncio.timeout(30):
            await asyncio.gather(waiting, return_exceptions=True)
    consumer.end()


async def _wait_for_ever(consumer: Consumer) -> None:
    while True:
        consumer.waiting.clear()
        await consumer.wait(60.0)


def test_a_tap_that_is_taken_from_too_slowly_keeps_the_latest_and_counts_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(consumer, "MOST_TAPPED", 3)
    no_connection: Any = None
    tap = Consumer(no_connection, "", 100, tap="extractors")
    for number in range(10):
        tap._on_message(None, FRAME, None, b"%d" % number)
    assert [delivery.body for delivery in tap.waiting] == [b"7", b"8", b"9"] and tap.bytes == 3
    assert tap.dropped == 7
    assert "amqp.tap_dropped" in capsys.readouterr().out


def test_what_waits_at_a_tap_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "MOST_TAPPED_BYTES", 10)
    no_connection: Any = None
    tap = Consumer(no_connection, "", 100, tap="extractors")
    for body in (b"1" * 6, b"2" * 6, b"3" * 20):
        tap._on_message(None, FRAME, None, body)
    assert [delivery.body for delivery in tap.waiting] == [b"3" * 20], "the latest stays, however large it is"
    assert tap.dropped == 2


async def test_a_prefetch_is_changed_without_losing_anything(link: Connection) -> None:
    sender, consumer = Publisher(link), Consumer(link, "q", 2)
    await sender.publish([Message(body=b"%d" % n, routing_key="q") for n in range(20)])
    await consumer.begin()
    seen: list[bytes] = []
    async with asyncio.timeout(30):
        while len(seen) < 20:
            await consumer.wait(1.0)
            await consumer.resize(consumer.prefetch + 1)
            while consumer.waiting:
                delivery = consumer.take()
                seen.append(delivery.body)
                assert consumer.acknowledge(delivery.tag, consumer.generation)
    assert sorted(seen, key=int) == [b"%d" % n for n in range(20)]
    assert consumer.bytes == 0
    consumer.end()
