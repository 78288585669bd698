"""What a message of others may cost is bounded by its bytes, as a request is: the same code reads both."""

import asyncio
import time

import pytest
from pika import BasicProperties
from pika.spec import Basic

from eventsink.amqp import Delivery
from eventsink.exchange.rabbitmq.wire import is_little_work, unpack
from tests.hostile.measure import ATTEMPTS, calm_collector, heart, is_bounded
from tests.hostile.shapes import SHAPES, Shape


async def _read(body: bytes, shape: Shape) -> tuple[float, float]:
    """Read a message as a queue does: seconds of CPU time, and the longest stall."""
    headers = {name.replace("-", "_"): value for name, value in shape.headers.items()}
    frame = Basic.Deliver("tag", 1, False, "clowder.metrics", "")
    delivery = Delivery(frame, BasicProperties(**headers), body)
    async with heart() as stalls:
        begun = time.process_time()
        if is_little_work(delivery):
            parcel = unpack(delivery, "clowder")
        else:
            parcel = await asyncio.to_thread(unpack, delivery, "clowder")
        cpu = time.process_time() - begun
    assert parcel.events or parcel.broken, "nothing is lost silently"
    return cpu, max(stalls)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_the_cost_of_a_message_is_bounded_by_its_bytes(shape: Shape) -> None:
    small, large = shape.make(shape.size), shape.make(4 * shape.size)
    seen = []
    with calm_collector():
        for _ in range(ATTEMPTS):
            (less, one), (more, other) = await _read(small, shape), await _read(large, shape)
            stall = max(one, other)
            seen.append(f"{less:.3f} s, {more:.3f} s, stall {1000 * stall:.0f} ms")
            if is_bounded(less, more, stall):
                return
    pytest.fail(f"{shape.name}: {seen}")
