"""The message service: any message to any queue or exchange of one broker, and whatever waits in its queues."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import structlog

from eventsink.amqp import topology
from eventsink.amqp.address import Address
from eventsink.amqp.connection import Channel, Connection
from eventsink.amqp.consumer import Consumer
from eventsink.amqp.management import Management
from eventsink.amqp.message import Delivery, Message
from eventsink.amqp.publisher import Publisher, check
from eventsink.amqp.topology import Binding, Depth, Exchange, Queue
from eventsink.durable import Codec, Spooler, SpoolFile
from eventsink.errors import BrokerRefuses, BrokerUnavailable, InvalidMessage, Unroutable

__all__ = ["MessageService"]

LARGEST_SPOOLED = 16 << 20  # bytes of a message; RabbitMQ 4 takes no more
PATIENCE = 1.0  # seconds between two attempts to consume while the broker is away

_log = structlog.get_logger(__name__)


class MessageService:
    """Talks to one broker, on two connections that are made when they are needed, and again when they broke.

    ::

        async with MessageService("amqp://user:password@host/vhost") as service:
            await service.publish(b"{}", routing_key="some.queue", content_type="application/json")

    Args:
        address: of the broker, as a URL or read already.
        name: shown by RabbitMQ's management.
        management: address of the management API; empty for port 15672 of the first node.
        spool: a file. With one, what the broker cannot take now is kept there, and published in order when it can,
            also by the next process that opens it.
        most_bytes: size of the spool beyond which messages are refused.

    Raises:
        SettingsError: the address is none.
        DataDirectoryInUse: another process has the spool.
        ExchangeUnavailable: the spool cannot be made or opened.
    """

    def __init__(
        self,
        address: Address | str,
        *,
        name: str = "eventsink",
        management: str = "",
        spool: Path | None = None,
        most_bytes: int = 1 << 30,
    ) -> None:
        self.address = Address.parse(address) if isinstance(address, str) else address
        # RabbitMQ holds up a connection that publishes when it runs short of memory: consuming goes on beside it.
        self._publishing = Connection(self.address, f"{name} publishing")
        self._consuming = Connection(self.address, f"{name} consuming")
        self._publisher = Publisher(self._publishing)
        self._management = management
        self._looking: Channel | None = None
        self._one_look = asyncio.Lock()  # a queue that is not there ends the channel for whoever else looks
        self._known: set[str] = {""}  # exchanges that are there: a message to one that is not ends the channel of all
        self._spooler: Spooler[Message] | None = None
        if spool is not None:
            # What messages hold is for others to know: a job has a secret in it.
            file = SpoolFile(spool, Codec(_pack, _unpack), erase=True)
            self._spooler = Spooler(self._publish, file, most_bytes, keep_unroutable=False)

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    # --- publishing --------------------------------------------------------------------------------------------------

    @property
    def blocked(self) -> str | None:
        """Why the broker takes nothing to publish now, as a memory alarm; None when it does."""
        return self._publishing.blocked

    @property
    def version(self) -> str | None:
        """RabbitMQ's version; None as long as it has not answered."""
        return self._consuming.version or self._publishing.version

    @property
    def spooled(self) -> int:
        """Messages that wait in the spool."""
        return self._spooler.file.events if self._spooler else 0

    async def publish(self, body: bytes, *, exchange: str = "", routing_key: str = "", **properties: Any) -> None:
        """Publish one message, and wait until it is durable: in every queue that it goes to, or in the spool.

        Args:
            exchange: empty for the one in which every queue is bound by its name.
            properties: those of `Message`, which are AMQP's: `content_type`, `headers`, `reply_to`, …

        Raises:
            InvalidMessage: AMQP cannot hold it.
            Unroutable: no queue takes it, or there is no such exchange.
            BrokerUnavailable: the broker does not answer; without a spool the message may be in its queue or not.
            ExchangeFull: the broker is away, and the spool full.
        """
        await self.publish_all([Message(body=body, exchange=exchange, routing_key=routing_key, **properties)])

    async def publish_all(self, messages: Sequence[Message]) -> None:
        """Publish messages in order, all of them on the way at once, and wait until they are durable.

        Raises:
            InvalidMessage: AMQP cannot hold one of them.
            Unroutable: no queue takes some of them, which it names; the others are durable.
            BrokerUnavailable: the broker does not answer; without a spool, publish all of them again.
            ExchangeFull: the broker is away, and the spool full.
        """
        if self._spooler is None:
            await self._publish(messages)
            return
        for message in messages:
            self._check_for_spool(message)
        try:
            await self._spooler.publish(messages)
        except Unroutable as error:  # of these, or of others that were published together with them
            ours = set(map(id, messages))
            returned = [message for message in error.returned if id(message) in ours]
            if returned:
                raise Unroutable(str(error), returned=returned) from error

    def _check_for_spool(self, message: Message) -> None:
        """Refuse what could never be sent: it would hold up the spool, and all behind it, for ever.

        Raises:
            InvalidMessage: saying why.
        """
        check(message)
        copies = [(message.headers or {}).get(name, []) for name in ("CC", "BCC")]
        rules = (
            (len(message.body) <= LARGEST_SPOOLED, f"its body has more than {LARGEST_SPOOLED:,} bytes"),
            (message.expiration is None or _is_number(message.expiration), "its expiration is no number"),
            (message.user_id in (None, self.address.user), "its user_id is not the user of the connection"),
            (all(isinstance(names, list) for names in copies), "its CC or BCC is no list"),
        )
        for right, reason in rules:
            if not right:
                raise InvalidMessage(reason)
        try:
            _unpack(_pack([message]))
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
            raise InvalidMessage(f"it cannot be kept in a spool ({error})") from error

    async def _publish(self, messages: Sequence[Message]) -> None:
        lost: list[Message] = []
        try:
            missing = await self._missing({message.exchange for message in messages} - self._known)
            lost = [message for message in messages if message.exchange in missing]
            await self._publisher.publish([m for m in messages if m.exchange not in missing] if missing else messages)
        except Unroutable as error:
            raise Unroutable(str(error), returned=[*error.returned, *lost]) from error
        except BrokerUnavailable:
            self._known = {""}  # it may be another broker that answers next
            raise
        if lost:
            raise Unroutable(f"There is no exchange {', '.join(map(repr, sorted(missing)))}.", returned=lost)

    async def _missing(self, exchanges: set[str]) -> set[str]:
        """Which of these exchanges are not there."""
        missing = set()
        for name in exchanges:
            check(Message(body=b"", exchange=name))
            if await topology.exists(self._consuming, name):
                self._known.add(name)
            else:
                missing.add(name)
        return missing

    # --- declaring and looking ---------------------------------------------------------------------------------------

    async def declare(
        self,
        *,
        exchanges: Sequence[Exchange] = (),
        queues: Sequence[Queue] = (),
        bindings: Sequence[Binding] = (),
        unwanted: Sequence[Binding] = (),
    ) -> list[str]:
        """Make sure that exchanges, queues and bindings are there; see `topology.declare`.

        Returns:
            the names of the queues that were not there before.
        """
        return await topology.declare(
            self._consuming, exchanges=exchanges, queues=queues, bindings=bindings, unwanted=unwanted
        )

    async def depth(self, queue: str) -> Depth:
        """How many messages of a queue are ready, and who consumes it.

        Raises:
            BrokerRefuses: there is no such queue (code 404).
            BrokerUnavailable: the broker does not answer.
        """
        async with self._one_look:
            if self._looking is None or not self._looking.open:
                self._looking = await self._consuming.channel()
            return await topology.depth(self._looking, queue)

    async def delete_queue(self, queue: str) -> None:
        """Delete a queue, with what is in it.

        Raises:
            BrokerRefuses: it is not ours to delete.
            BrokerUnavailable: the broker does not answer.
        """
        channel = await self._consuming.channel()
        await channel.call("queue_delete", queue)  # quorum queues know no `if_unused`
        channel.close()

    async def exists(self, exchange: str) -> bool:
        """Whether there is an exchange of this name.

        Raises:
            BrokerUnavailable: the broker does not answer.
        """
        return await topology.exists(self._consuming, exchange)

    async def delete_exchange(self, exchange: str) -> None:
        """Delete an exchange, if it is there.

        Raises:
            BrokerRefuses: it is not ours to delete.
            BrokerUnavailable: the broker does not answer.
        """
        channel = await self._consuming.channel()
        await channel.call("exchange_delete", exchange)
        channel.close()

    async def bindings(self, queue: str) -> list[Binding]:
        """What goes to a queue, as the management API says.

        Raises:
            BrokerUnavailable: it does not answer.
        """
        return await asyncio.to_thread(self.management.bindings, queue)

    @property
    def management(self) -> Management:
        """The management API of this broker."""
        return Management(self.address, self._management)

    # --- consuming ---------------------------------------------------------------------------------------------------

    async def get(self, queue: str) -> Delivery | None:
        """Take one message out of a queue; None where there is none. Whoever ends with it in hand has lost it.

        Raises:
            BrokerRefuses: there is no such queue (code 404).
            BrokerUnavailable: the broker does not answer.
        """
        async with self.hold() as channel:
            delivery = await channel.get(queue)
            if delivery is not None:
                await channel.acknowledge(delivery)
            return delivery

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[Channel]:
        """A channel to get messages with: those that are not acknowledged are in their queues again afterwards."""
        channel = await self._consuming.channel()
        try:
            yield channel
        finally:
            channel.close()

    def consumer(self, queue: str, prefetch: int, *, tap: str = "", keys: Sequence[str] = ("",)) -> Consumer:
        """A consumer of one queue, to be begun by the caller; see `Consumer`."""
        return Consumer(self._consuming, queue, prefetch, tap=tap, keys=keys)

    async def consume(  # noqa: PLR0913 - what can be said of consuming
        self,
        queue: str,
        handle: Callable[[Sequence[Delivery]], Awaitable[None]],
        *,
        prefetch: int = 200,
        tap: str = "",
        keys: Sequence[str] = ("",),
        prepare: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:
        """Hand over what comes, for ever; what was handed over is acknowledged when `handle` returns.

        A broker that is away is asked again and again. When `handle` raises, the messages are in their queue again.

        Args:
            handle: gets all that has come, in order.
            tap: name of an exchange, in place of a queue: what it gets from now on is handed over, and nobody else
                misses it.
            keys: binding keys of the tap, where the exchange looks at them.
            prepare: declares what is needed, each time before consuming begins.

        Raises:
            BrokerRefuses: there is no such queue, or a person must change something else.
        """
        consumer = self.consumer(queue, prefetch, tap=tap, keys=keys)
        away = False
        try:
            while True:
                try:
                    if not consumer.open and prepare is not None:
                        await prepare()
                    await consumer.begin()
                    away = False
                    await consumer.wait(60.0)
                except BrokerRefuses:
                    raise
                except BrokerUnavailable as error:
                    if not away:
                        _log.warning("amqp.not_consuming", queue=queue or tap, reason=str(error))
                    away = True
                    await asyncio.sleep(PATIENCE)
                    continue
                generation, deliveries = consumer.generation, [consumer.take() for _ in range(len(consumer.waiting))]
                if deliveries:
                    await handle(deliveries)
                if deliveries and not tap:
                    consumer.acknowledge(deliveries[-1].tag, generation)
        finally:
            consumer.end()

    async def close(self) -> None:
        """Finish what is under way, and close connections and spool. Safe to call twice."""
        if self._spooler is not None:
            await self._spooler.finish()
        await self._publishing.close()
        await self._consuming.close()
        if self._spooler is not None:
            await self._spooler.file.close()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Message])


def _pack(messages: Sequence[Message]) -> bytes:
    return _encoder.encode(messages)


def _unpack(packed: bytes) -> list[Message]:
    return _decoder.decode(packed)
