"""The message service: any message to any queue, whatever happens to the broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pika.data
import pytest

from eventsink.amqp import Binding, Delivery, Exchange, Message, MessageService, Queue
from eventsink.errors import (
    BrokerRefuses,
    BrokerUnavailable,
    DataDirectoryInUse,
    ExchangeFull,
    InvalidMessage,
    Unroutable,
)
from tests.amqp.foreign import channel, get_all, publish
from tests.servers.rabbitmq import RabbitMQ

EVERY_PROPERTY: dict[str, Any] = {
    "content_type": "application/json",
    "content_encoding": "utf-8",
    "headers": {"a": 1, "b": "two", "c": [True, None]},
    "delivery_mode": 2,
    "priority": 3,
    "correlation_id": "c1",
    "reply_to": "answers",
    "expiration": "60000",
    "message_id": "m1",
    "timestamp": 1700000000,
    "type": "job",
    "app_id": "test",
}


@pytest.fixture
async def service(broker: str) -> AsyncIterator[MessageService]:
    """A service on a broker with a queue `q`."""
    async with MessageService(broker, name="test") as made:
        await made.declare(queues=[Queue("q")])
        yield made


async def test_a_message_arrives_with_the_properties_that_were_given_and_no_others(
    service: MessageService, broker: str
) -> None:
    await service.publish(b"bare", routing_key="q", delivery_mode=None)
    await service.publish(b"full", routing_key="q", **EVERY_PROPERTY)
    (_, bare, one), (_, full, two) = get_all(broker, "q")
    assert (one, two) == (b"bare", b"full")
    assert {name: value for name, value in vars(bare).items() if value is not None} == {}
    assert {name: value for name, value in vars(full).items() if value is not None} == EVERY_PROPERTY


async def test_a_header_with_a_time_that_cannot_be_holds_up_nothing(
    service: MessageService, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, right = 1_700_000_000_000, datetime(2026, 11, 24, tzinfo=UTC)
    monkeypatch.setattr(pika.data.calendar, "timegm", lambda _: late)  # pika itself would not send it
    publish(broker, b"x", exchange="", key="q", headers={"at": right})
    monkeypatch.undo()
    publish(broker, b"y", exchange="", key="q", headers={"at": right})
    first, second = await service.get("q"), await service.get("q")
    assert first is not None and second is not None
    assert (first.body, first.properties.headers) == (b"x", {"at": late})
    assert (second.body, second.properties.headers) == (b"y", {"at": right})


async def test_a_message_that_is_sent_on_keeps_every_property(service: MessageService, broker: str) -> None:
    publish(broker, b"x", exchange="", key="q", **EVERY_PROPERTY, user_id="guest")
    async with service.hold() as held:
        delivery = await held.get("q")
        assert delivery is not None
        await service.publish_all([delivery.message(routing_key="q", reply_to="mine")])
        await held.acknowledge(delivery)
    [(_, found, body)] = get_all(broker, "q")
    assert body == b"x"
    assert {name: value for name, value in vars(found).items() if value is not None} == EVERY_PROPERTY | {
        "reply_to": "mine"
    }


async def test_what_is_held_and_not_acknowledged_is_back_in_its_order(service: MessageService, broker: str) -> None:
    await service.publish_all([Message(body=b"%d" % number, routing_key="q") for number in range(5)])
    async with service.hold() as held:
        taken = [await held.get("q") for _ in range(5)]
        assert await held.get("q") is None
        assert taken[2] is not None
        await held.acknowledge(taken[2])
    async with asyncio.timeout(30):
        while (await service.depth("q")).ready < 4:
            await asyncio.sleep(0.02)
    assert [body for *_, body in get_all(broker, "q")] == [b"0", b"1", b"3", b"4"]


async def test_one_message_is_taken(service: MessageService) -> None:
    await service.publish(b"x", routing_key="q")
    taken = await service.get("q")
    assert taken is not None and taken.body == b"x"
    assert await service.get("q") is None


async def test_a_queue_that_is_not_there_is_said_each_time(service: MessageService) -> None:
    for _ in range(2):
        with pytest.raises(BrokerRefuses, match="no queue 'nowhere'") as caught:
            await service.get("nowhere")
        assert caught.value.code == 404
        with pytest.raises(BrokerRefuses, match="no queue 'nowhere'"):
            await service.depth("nowhere")
    with pytest.raises(Unroutable) as returned:
        await service.publish(b"x", routing_key="nowhere")
    assert [message.body for message in returned.value.returned] == [b"x"]
    await service.publish(b"x", routing_key="q")
    assert (await service.depth("q")).ready == 1


async def test_things_are_declared_as_others_declare_them(service: MessageService, broker: str) -> None:
    with channel(broker) as foreign:
        foreign.exchange_declare("theirs", "topic", durable=False, auto_delete=True, arguments={"x": "y"})
        foreign.queue_declare("short", durable=False, arguments={"x-max-length": 5})
        await service.declare(
            exchanges=[Exchange("theirs", "topic", durable=False, auto_delete=True, arguments={"x": "y"})],
            queues=[Queue("short", {"x-max-length": 5}, durable=False)],
            bindings=[Binding("theirs", "short", "a.#")],
        )
        with pytest.raises(BrokerRefuses, match="must be a durable fanout exchange without arguments"):
            await service.declare(exchanges=[Exchange("theirs")])
        with pytest.raises(BrokerRefuses, match="must be a durable classic queue without arguments"):
            await service.declare(queues=[Queue("short")])


async def test_bindings_are_read_from_the_management_api(rabbitmq: RabbitMQ, broker: str) -> None:
    management = f"http://127.0.0.1:{rabbitmq.management}"
    async with MessageService(broker, management=management) as service:
        wanted = [Binding("here", "q", "a.*"), Binding("here", "q", "b")]
        await service.declare(exchanges=[Exchange("here", "topic")], queues=[Queue("q")], bindings=wanted)
        assert sorted(await service.bindings("q"), key=lambda binding: binding.routing_key) == wanted
        assert await service.bindings("nowhere") == []


async def test_what_was_handled_is_acknowledged_and_what_failed_comes_again(service: MessageService) -> None:
    await service.publish_all([Message(body=b"%d" % number, routing_key="q") for number in range(3)])
    seen: list[tuple[bytes, bool]] = []

    async def handle(deliveries: Sequence[Delivery]) -> None:
        seen.extend((delivery.body, delivery.redelivered) for delivery in deliveries)
        if not deliveries[0].redelivered:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await service.consume("q", handle, prefetch=3)
    # The first time not all of them may have come yet; all were handed out, and come again.
    await _consume_until(service, handle, lambda: sum(again for _, again in seen) >= 3)
    assert seen[-3:] == [(b"0", True), (b"1", True), (b"2", True)]
    await asyncio.sleep(0.1)
    assert (await service.depth("q")).ready == 0


async def test_a_tap_gets_what_comes_and_nobody_misses_it(service: MessageService, broker: str) -> None:
    await service.declare(exchanges=[Exchange("news")], bindings=[Binding("news", "q")])
    seen: list[bytes] = []

    async def handle(deliveries: Sequence[Delivery]) -> None:
        seen.extend(delivery.body for delivery in deliveries)

    task = asyncio.create_task(service.consume("", handle, tap="news"))
    async with asyncio.timeout(30):
        while not seen:
            await service.publish(b"x", exchange="news")
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(get_all(broker, "q")) >= len(seen) > 0


async def test_a_spool_keeps_what_a_broker_that_is_away_does_not_take(tmp_path: Path) -> None:
    """A thousand messages to any queue while RabbitMQ is killed and comes back: all arrive."""
    with RabbitMQ(tmp_path).running() as own:
        async with MessageService(own.url, spool=tmp_path / "spool.db") as service:
            await service.declare(queues=[Queue("any")])
            await asyncio.sleep(1.0)

            async def send(number: int) -> None:
                for count in range(100):
                    await service.publish(b"%d" % (100 * number + count), routing_key="any", message_id=f"{number}")
                    await asyncio.sleep(0.02)

            sending = [asyncio.create_task(send(number)) for number in range(10)]
            await asyncio.sleep(0.4)
            own.kill()
            async with asyncio.timeout(60):
                while not service.spooled:
                    await asyncio.sleep(0.1)
            await asyncio.to_thread(own.start)
            await asyncio.gather(*sending)
            async with asyncio.timeout(180):
                while service.spooled:
                    await asyncio.sleep(0.1)
            assert {int(body) for *_, body in get_all(own.url, "any")} == set(range(1000))


async def test_without_a_spool_the_caller_is_told(tmp_path: Path) -> None:
    async with MessageService("amqp://127.0.0.1:1/") as service:
        with pytest.raises(BrokerUnavailable, match="cannot be reached"):
            await service.publish(b"x", routing_key="any")


async def test_a_message_that_was_published_leaves_nothing_of_it_in_the_spool(broker: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool.db"
    body = b'{"secretKey": "r1ght-0r-wr0ng"}'

    def on_disk() -> bytes:
        return b"".join(part.read_bytes() for part in tmp_path.iterdir())

    async with MessageService("amqp://127.0.0.1:1/", spool=spool) as service:
        await service.publish(body, routing_key="q")
        assert b"r1ght" in on_disk()
    async with MessageService(broker) as other:
        await other.declare(queues=[Queue("q")])
    async with MessageService(broker, spool=spool) as service:
        async with asyncio.timeout(30):
            while service.spooled:
                await asyncio.sleep(0.05)
        assert b"r1ght" not in on_disk()


async def test_the_spool_outlives_its_process_and_has_an_end(broker: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool.db"
    headers = {"n": 1, "text": "a\n", "t": [True, "x"]}
    async with MessageService("amqp://127.0.0.1:1/", spool=spool, most_bytes=100_000) as service:
        await service.publish(b"\xff\n", routing_key="q", headers=headers)
        with pytest.raises(DataDirectoryInUse):
            MessageService(broker, spool=spool)
        with pytest.raises(ExchangeFull):
            for _ in range(100):
                await service.publish(b"x" * 5000, routing_key="q")
    async with MessageService(broker) as other:
        await other.declare(queues=[Queue("q")])
    async with MessageService(broker, spool=spool) as service:
        assert service.spooled > 10
        async with asyncio.timeout(30):
            while service.spooled:
                await asyncio.sleep(0.1)
    (_, first, body), *_ = get_all(broker, "q")
    assert body == b"\xff\n" and dict(first.headers) == headers


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"headers": {"a": 1.5}}, "of type float"),
        ({"headers": {"a": {"b": [object()]}}}, "of type object"),
        ({"content_type": "x" * 256}, "more than 255 bytes"),
        ({"routing_key": "x" * 256}, "more than 255 bytes"),
        ({"exchange": "x" * 256}, "more than 255 bytes"),
        ({"priority": 1000}, "out of range"),
        ({"expiration": 5}, "wrong type"),
    ],
)
async def test_a_message_that_amqp_cannot_hold_is_refused_and_holds_up_nothing(
    service: MessageService, tmp_path: Path, message: dict[str, Any], reason: str
) -> None:
    async with MessageService(service.address, spool=tmp_path / "spool.db") as spooling:
        for publishing in (service, spooling):
            with pytest.raises(InvalidMessage, match=reason):
                await publishing.publish(b"x", **{"routing_key": "q"} | message)
            await publishing.publish(b"good", routing_key="q")
    assert (await service.depth("q")).ready == 2


@pytest.mark.parametrize("expiration", ["soon", "-1", "", "1.5", "\u0663"])
async def test_an_expiration_that_is_no_number_to_rabbitmq_holds_up_no_spool(
    service: MessageService, tmp_path: Path, expiration: str
) -> None:
    async with MessageService(service.address, spool=tmp_path / "spool.db") as spooling:
        with pytest.raises(InvalidMessage, match="expiration is no number"):
            await spooling.publish(b"x", routing_key="q", expiration=expiration)


async def test_a_message_to_an_exchange_that_is_not_there_harms_no_other(
    service: MessageService, broker: str, tmp_path: Path
) -> None:
    with pytest.raises(Unroutable, match="no exchange 'gone'"):
        await service.publish(b"x", exchange="gone")
    async with MessageService("amqp://127.0.0.1:1/", spool=tmp_path / "spool.db") as away:
        await away.publish(b"bad", exchange="gone")
        await away.publish(b"good", routing_key="q")
    async with MessageService(broker, spool=tmp_path / "spool.db") as back:
        async with asyncio.timeout(30):
            while back.spooled > 1:
                await asyncio.sleep(0.05)
        assert (await service.depth("q")).ready == 1


async def test_of_what_is_published_together_only_the_sender_hears_that_it_is_returned(
    broker: str, tmp_path: Path
) -> None:
    async with MessageService(broker, spool=tmp_path / "spool.db") as service:
        await service.declare(queues=[Queue("q")])
        good = [service.publish(b"good", routing_key="q") for _ in range(5)]
        outcomes = await asyncio.gather(*good, service.publish(b"bad", routing_key="none"), return_exceptions=True)
        assert outcomes[:5] == [None] * 5
        assert isinstance(outcomes[5], Unroutable)
        assert service.spooled == 0 and (await service.depth("q")).ready == 5


async def _consume_until(service: MessageService, handle: Any, done: Any) -> None:
    task = asyncio.create_task(service.consume("q", handle, prefetch=3))
    async with asyncio.timeout(30):
        while not done():
            await asyncio.sleep(0.02)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
