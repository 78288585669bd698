"""A queue on RabbitMQ that lets go of its messages while what became of them is being recorded."""

from collections import deque
from types import SimpleNamespace
from typing import Any

from eventsink.amqp import Delivery
from eventsink.exchange.rabbitmq.novelties import Novelties
from eventsink.exchange.rabbitmq.queue import RabbitQueue
from eventsink.exchange.rabbitmq.settlements import Record
from eventsink.exchange.rabbitmq.wire import pack
from eventsink.testing import sample_events


class _Consumer:
    """One delivery that has come, on a channel that is open until it is ended."""

    queue, prefetch, generation, bytes, open = "events.influxdb", 0, 1, 0, True

    def __init__(self, delivery: Delivery) -> None:
        self.waiting = deque([delivery])
        self.acknowledged: list[int] = []

    def take(self) -> Delivery:
        return self.waiting.popleft()

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


async def test_a_batch_that_is_let_go_while_it_is_settled_is_settled_once_and_offered_again() -> None:
    ((message, events),) = pack(sample_events(2, event_type="users.login"), "clowder.metrics")
    frame = SimpleNamespace(delivery_tag=1, redelivered=False, exchange="clowder.metrics", routing_key="users.login")
    consumer: Any = _Consumer(Delivery(frame, message, message.body))
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
