"""Consuming one queue: deliveries as they come, acknowledged in groups; the channel is made anew when it broke."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Any

import structlog

from eventsink.amqp.connection import Channel, Connection
from eventsink.amqp.message import Delivery

__all__ = ["Consumer"]

MOST_TAPPED = 10_000  # messages that wait at a tap; thousands come at once when the event loop was held up
MOST_TAPPED_BYTES = 32 << 20

_log = structlog.get_logger(__name__)


class Consumer:
    """A consumer of one queue. Each time it is opened is another generation: a tag means nothing in the next one.

    Args:
        connection: used for consuming; one that publishes is held up when the broker runs short of memory.
        queue: its name. It is there already.
        prefetch: messages that the broker hands out ahead of their acknowledgement.
        tap: name of an exchange, in place of a queue: then it has a queue of its own there, which ends with it, and
            nothing needs to be acknowledged. Nothing bounds what the broker sends, so of what is taken too slowly the
            oldest is dropped and counted: a tap is for what is said again, as heartbeats are.
        keys: binding keys of the tap, where the exchange looks at them.
    """

    def __init__(
        self, connection: Connection, queue: str, prefetch: int, *, tap: str = "", keys: Sequence[str] = ("",)
    ) -> None:
        self.queue = queue
        self.prefetch = prefetch
        self.generation = 0
        self.waiting: deque[Delivery] = deque()
        """What has come and nobody has taken yet. Emptied when the channel ends: the broker offers it again."""
        self.bytes = 0
        """Size of the bodies in `waiting`."""
        self.dropped = 0
        """Messages of a tap that were dropped, for what takes them is too slow."""
        self._connection = connection
        self._channel: Channel | None = None
        self._came = asyncio.Event()
        self._tag = ""
        self._tap = tap
        self._keys = keys

    @property
    def open(self) -> bool:
        """Whether deliveries come."""
        return self._channel is not None and self._channel.open

    async def begin(self) -> None:
        """Have deliveries come, unless they do.

        Raises:
            BrokerUnavailable: the broker does not answer.
            BrokerRefuses: the queue is not there, or is another one than it should be.
        """
        if self.open:
            return
        self._forget()
        channel = await self._connection.channel()
        channel.ended.add_done_callback(lambda _: self._lose(channel))
        channel.raw.add_on_cancel_callback(lambda _: channel.close())  # its queue was deleted, or moved to another node
        self._channel = channel
        self.generation += 1
        try:
            if self._tap:
                made = await channel.call("queue_declare", "", exclusive=True, auto_delete=True)
                self.queue = made.queue
                for key in self._keys:
                    await channel.call("queue_bind", self.queue, self._tap, routing_key=key)
            await self._consume(channel)
        except BaseException:
            self.end()  # or it would be taken for one to which deliveries come
            raise

    async def resize(self, prefetch: int) -> None:
        """Change the prefetch; what was delivered stays delivered.

        Raises:
            BrokerUnavailable: the channel has ended.
        """
        self.prefetch = prefetch
        if self._channel is None or not self._channel.open:
            return
        try:
            await self._channel.call("basic_cancel", self._tag)
            await self._consume(self._channel)
        except BaseException:
            self.end()
            raise

    def take(self) -> Delivery:
        """The next delivery of those that wait."""
        delivery = self.waiting.popleft()
        self.bytes -= len(delivery.body)
        return delivery

    async def wait(self, seconds: float) -> None:
        """Wait until something comes or has come, the channel ends, or the time is over."""
        if self.waiting:
            return
        self._came.clear()
        with contextlib.suppress(TimeoutError):  # nothing came
            async with asyncio.timeout(seconds):  # unlike wait_for in Python 3.11, it never swallows a cancellation
                await self._came.wait()

    def acknowledge(self, tag: int, generation: int) -> bool:
        """Acknowledge all deliveries of a generation up to a tag. False: it is over, the broker offers them again."""
        if self._channel is None or not self._channel.open or generation != self.generation:
            return False
        self._channel.raw.basic_ack(tag, multiple=True)
        return True

    def end(self) -> None:
        """Stop. What was delivered and not acknowledged goes back to the queue."""
        if self._channel is not None:
            self._channel.close()
        self._forget()

    async def _consume(self, channel: Channel) -> None:
        await channel.call("basic_qos", prefetch_count=self.prefetch)  # of the consumers that begin after it
        answer = await channel.call("basic_consume", self.queue, self._on_message, auto_ack=bool(self._tap))
        self._tag = answer.consumer_tag

    def _on_message(self, _: Any, frame: Any, properties: Any, body: bytes) -> None:
        self.waiting.append(Delivery(frame, properties, body))
        self.bytes += len(body)
        while self._tap and self._is_too_much():
            self._drop()
        self._came.set()

    def _is_too_much(self) -> bool:
        return len(self.waiting) > MOST_TAPPED or (self.bytes > MOST_TAPPED_BYTES and len(self.waiting) > 1)

    def _drop(self) -> None:
        """Drop the oldest; say so at the first, and then now and then."""
        self.take()
        self.dropped += 1
        if self.dropped % MOST_TAPPED == 1:
            remedy = "They come faster than they are dealt with: see whether the disk or this machine is overloaded."
            _log.warning("amqp.tap_dropped", exchange=self._tap, messages=self.dropped, remedy=remedy)

    def _lose(self, channel: Channel) -> None:
        if channel is self._channel:
            self._forget()

    def _forget(self) -> None:
        self._channel = None
        self.waiting.clear()
        self.bytes = 0
        self._came.set()
