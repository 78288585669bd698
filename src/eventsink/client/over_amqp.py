"""Events straight into the exchange of a RabbitMQ, as CloudEvents: in batches of one type."""

import asyncio
import os

import msgspec

from eventsink.amqp import Address, Message, MessageService
from eventsink.client.transport import NotNow, Verdict
from eventsink.errors import BrokerUnavailable, InvalidMessage, Unroutable

__all__ = ["OverAmqp"]

EXCHANGE = "clowder.metrics"
BATCH = "application/cloudevents-batch+json"


class _Type(msgspec.Struct):
    """What is read of an event."""

    type: str


class OverAmqp:
    """A connection to RabbitMQ, on an event loop of the thread that uses it.

    Args:
        url: amqp://user:password@host/vhost.
        timeout: seconds for one batch.

    Raises:
        SettingsError: the URL cannot be one.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._address = Address.parse(url)
        self._timeout = timeout
        self._exchange = os.environ.get("EVENTSINK_EXCHANGE__NAME") or EXCHANGE
        self._loop = asyncio.new_event_loop()
        # Made on that loop with the first events: where this is made, the program may have a loop that runs.
        self._service: MessageService | None = None

    def send(self, lines: bytes, events: int) -> Verdict:
        """Publish events, one a line; RabbitMQ has confirmed them when this returns.

        Raises:
            NotNow: RabbitMQ is away, or has no exchange or queue for them.
        """
        try:
            messages, unreadable = self._messages(lines.split(b"\n"))
            self._loop.run_until_complete(self._publish(messages))
        except (BrokerUnavailable, TimeoutError) as error:
            raise NotNow(str(error) or "RabbitMQ confirmed nothing in time.") from error
        except Unroutable as error:
            raise NotNow(f"{error} Start the event sink, which makes its queues.", patient=True) from error
        except InvalidMessage as error:
            return self._in_parts(lines.split(b"\n"), str(error))
        return Verdict(events - unreadable, unreadable, "It is no JSON." if unreadable else "")

    def idle(self) -> None:
        """Give and take heartbeats: RabbitMQ closes a connection on which none come, and the next events would fail."""
        self._loop.run_until_complete(asyncio.sleep(0))

    def close(self) -> None:
        """Close the connection and the loop."""
        if not self._loop.is_closed():
            if self._service is not None:
                self._loop.run_until_complete(self._service.close())
            self._loop.close()

    async def _publish(self, messages: list[Message]) -> None:
        if self._service is None:
            self._service = MessageService(self._address, name="eventsink client")
        async with asyncio.timeout(self._timeout):
            await self._service.publish_all(messages)

    def _in_parts(self, lines: list[bytes], reason: str) -> Verdict:
        if len(lines) <= 1:
            return Verdict(0, len(lines), reason)
        middle = len(lines) // 2
        first = self.send(b"\n".join(lines[:middle]), middle)
        return first.plus(self.send(b"\n".join(lines[middle:]), len(lines) - middle))

    def _messages(self, lines: list[bytes]) -> tuple[list[Message], int]:
        """A message for each type, in the order in which the types came; and how many lines cannot be read."""
        by_type: dict[str, list[bytes]] = {}
        unreadable = 0
        for line in lines:
            try:
                by_type.setdefault(msgspec.json.decode(line, type=_Type).type, []).append(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):  # somebody else has written into the file
                unreadable += 1
        exchange = self._exchange
        messages = [
            Message(body=b"[%b]" % b",".join(some), exchange=exchange, routing_key=kind[:255], content_type=BATCH)
            for kind, some in by_type.items()
        ]
        return messages, unreadable
