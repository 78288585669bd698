"""A queue on RabbitMQ beside a consumer that is made up: how much it has come, and when it lets go of that."""

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from eventsink.amqp import Delivery, Message
from eventsink.exchange.rabbitmq import queue as rabbit_queue
from eventsink.exchange.rabbitmq.novelties import Novelties
from eventsink.exchange.rabbitmq.queue import FIRST_PREFETCH, RabbitQueue
from eventsink.exchange.rabbitmq.settlements import Record
from eventsink.exchange.rabbitmq.wire import pack
from eventsink.testing import sample_events


class _Consumer:
    """Deliveries that have come, on a channel that is open until it is ended."""

    queue, prefetch, generation, bytes, open = "events.influxdb", 0, 1, 0, True

    def __init__(self, *deliveries: Delivery) -> None:
        self.waiting = deque(deliveries)
        self.acknowledged: list[int] = []

    def take(self) -> Delivery:
        return self.waiting.popleft()

    async def resize(self, prefetch: int) -> None:
        self.prefetch = prefetch

    def acknowledge(self, tag: int, _: int) -> None:
        self.acknowledged.append(tag)

    def end(self) -> None:
        self.open = False


class _Settlements:
    """Records what it is given, at the very moment at which the queue has held its messages for too long."""

    def __init__(self) -> None:
        self.queue: Any = None
        self.records: list[Record] = []

    def owed(self, _: str) -> int:
        return 0

    async def write(self, record: Record) -> None:
        self.records.append(record)
        self.queue._let_go()


@pytest.mark.parametrize(("messages", "prefetch"), [(FIRST_PREFETCH, 200), (FIRST_PREFETCH - 1, FIRST_PREFETCH)])
async def test_more_is_held_ahead_when_all_that_may_come_is_less_than_a_batch(messages: int, prefetch: int) -> None:
    consumer: Any = _Consumer(*(_delivery(_message(), tag) for tag in range(messages)))
    queue = RabbitQueue("influxdb", [], consumer, _nothing, SimpleNamespace(), "here", Novelties())
    batch = await queue.take(100, 0.0)
    assert batch is not None and len(batch.events) == messages
    assert consumer.prefetch == prefetch
    await queue.release(batch)


async def test_no_more_is_held_ahead_of_messages_that_are_large() -> None:
    message = _message()
    consumer: Any = _Consumer(*(_delivery(message, tag) for tag in range(FIRST_PREFETCH)))
    queue = RabbitQueue("influxdb", [], consumer, _nothing, SimpleNamespace(), "here", Novelties())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rabbit_queue, "AHEAD", len(message.body) * 50)
        batch = await queue.take(100, 0.0)
    assert batch is not None and consumer.prefetch == 50
    await queue.release(batch)


async def test_a_batch_that_is_let_go_while_it_is_settled_is_settled_once_and_offered_again() -> None:
    ((message, events),) = pack(sample_events(2, event_type="users.login"), "clowder.metrics")
    consumer: Any = _Consumer(_delivery(message, 1))
    settlements: Any = _Settlements()
    queue = RabbitQueue("influxdb", [], consumer, _nothing, settlements, "here", Novelties())
    settlements.queue = queue
    batch = await queue.take(2, 0.0)
    assert batch is not None and batch.events == events
    await queue.done(batch)
    assert len(settlements.records) == 1 and consumer.acknowledged == []
    assert not queue.open and queue.in_hand().messages == 0


async def _nothing() -> None:
    """Its channel is not opened again."""


def _message() -> Message:
    ((message, _),) = pack(sample_events(1), "clowder.metrics")
    return message


def _delivery(message: Message, tag: int) -> Delivery:
    key = message.routing_key
    frame = SimpleNamespace(delivery_tag=tag, redelivered=False, exchange="clowder.metrics", routing_key=key)
    return Delivery(frame, message, message.body)
