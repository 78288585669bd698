"""Publishing with confirms in flight: a message is done when the broker has it durably in every queue it went to."""

import asyncio
import itertools
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pika

from eventsink.amqp.connection import Channel, Connection
from eventsink.amqp.message import PROPERTIES, Message
from eventsink.amqp.refusals import explain
from eventsink.errors import BrokerUnavailable, InvalidMessage, Unconfirmed, Unroutable

__all__ = ["Publisher", "check"]

TIMEOUT = 5.0  # seconds to wait for a confirm: a broker under alarm reads nothing, and says so late or never
IN_FLIGHT = 4000  # messages that wait for their confirm at most; more only fill the broker's memory

Identity = tuple[str, str, str | None, str | None, bytes]
UNENCODABLE = (
    pika.exceptions.ShortStringTooLong,
    pika.exceptions.UnsupportedAMQPFieldException,
    AssertionError,
    struct.error,
)  # what pika raises before anything is sent


class Publisher:
    """Publishes on a channel of its own, which is made anew when it broke.

    Args:
        connection: used for publishing alone, for the broker holds it up as a whole when it runs short of memory.
        timeout: seconds to wait for a confirm.
    """

    def __init__(self, connection: Connection, timeout: float = TIMEOUT) -> None:
        self._connection = connection
        self._timeout = timeout
        self._confirms: _Confirms | None = None
        self._opening = asyncio.Lock()
        self._room = asyncio.Semaphore(IN_FLIGHT)

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages, and wait until the broker has confirmed all of them.

        Raises:
            Unroutable: no queue takes some of them, which it names; the broker has the others.
            BrokerUnavailable: some of them may be in their queues, and others not. Publish all of them again.
        """
        self._check_blocked()
        confirms: _Confirms | None = None
        confirmed: list[asyncio.Future[None]] = []
        outcomes: list[BaseException | None] = []
        try:
            async with asyncio.timeout(self._timeout):
                confirms = await self._open()
                for message in messages:
                    await self._room.acquire()
                    confirmed.append(self._send(confirms, message))
                outcomes = await asyncio.gather(*confirmed, return_exceptions=True)
        except TimeoutError:
            self._give_up(confirms)
            self._check_blocked()
            raise Unconfirmed(f"RabbitMQ confirmed nothing within {self._timeout:g} seconds.") from None
        finally:
            for future in confirmed:
                future.cancel()  # nobody waits for it any more
        _raise_worst(messages, outcomes)

    def _send(self, confirms: "_Confirms", message: Message) -> "asyncio.Future[None]":
        try:
            confirmed = confirms.send(message)
        except BaseException:
            self._room.release()
            raise
        confirmed.add_done_callback(lambda _: self._room.release())  # one by one: a publication may be larger than room
        return confirmed

    def _check_blocked(self) -> None:
        if self._connection.blocked is not None:
            raise BrokerUnavailable(f"RabbitMQ has blocked publishing: {self._connection.blocked}.")

    async def _open(self) -> "_Confirms":
        async with self._opening:
            if self._confirms is None or not self._confirms.channel.open:
                confirms = _Confirms(await self._connection.channel())
                try:
                    await confirms.begin()
                except BaseException:
                    confirms.channel.close()  # or each attempt would leave one open
                    raise
                self._confirms = confirms
            return self._confirms

    def _give_up(self, confirms: "_Confirms | None") -> None:
        """A broker that is blocked says so and is asked again later; one that says nothing is left."""
        if self._connection.blocked is None and confirms is not None and confirms is self._confirms:
            self._confirms = None
            self._connection.drop(confirms.channel)


class _Confirms:
    """What one channel has published and the broker not confirmed yet."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._sent = 0
        self._waiting: dict[int, tuple[asyncio.Future[None], Message]] = {}
        self._returned: Counter[Identity] = Counter()  # the same message may be on its way twice
        channel.raw.add_on_return_callback(self._on_return)
        channel.ended.add_done_callback(lambda ended: self._on_end(ended.result()))

    async def begin(self) -> None:
        """Ask the broker to confirm."""
        await self.channel.call("confirm_delivery", self._on_confirm)

    def send(self, message: Message) -> "asyncio.Future[None]":
        """Hand a message to the socket; the future is done when it is confirmed."""
        try:
            self.channel.raw.basic_publish(
                message.exchange, message.routing_key, message.body, _properties(message), message.mandatory
            )
        except UNENCODABLE as error:
            raise _cannot_hold(error) from error
        except pika.exceptions.AMQPError as error:  # the channel has ended: it was not sent
            raise explain(error, self.channel.connection.address) from error
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sent += 1  # the broker counts from 1, too
        self._waiting[self._sent] = confirmed, message
        return confirmed

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        accepted = isinstance(method, pika.spec.Basic.Ack)
        if not method.multiple:
            self._confirm(method.delivery_tag, accepted=accepted)
            return
        for tag in list(itertools.takewhile(lambda tag: tag <= method.delivery_tag, self._waiting)):
            self._confirm(tag, accepted=accepted)

    def _confirm(self, tag: int, *, accepted: bool) -> None:
        confirmed, message = self._waiting.pop(tag, (None, None))
        if confirmed is None or message is None:
            return
        returned = bool(self._returned) and self._take_return(message)  # a return always comes before its confirm
        if confirmed.done():
            return
        if not accepted:
            confirmed.set_exception(BrokerUnavailable("RabbitMQ did not take a message: a queue is full or failing."))
        elif returned:
            confirmed.set_exception(Unroutable("No queue takes this message."))
        else:
            confirmed.set_result(None)

    def _take_return(self, message: Message) -> bool:
        identity = _identity(message.exchange, message.routing_key, message, message.body)
        if identity not in self._returned:
            return False
        self._returned[identity] -= 1
        if not self._returned[identity]:
            del self._returned[identity]
        return True

    def _on_return(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._returned[_identity(method.exchange, method.routing_key, properties, body)] += 1

    def _on_end(self, reason: Exception) -> None:
        waiting, self._waiting = self._waiting, {}
        for confirmed, _ in waiting.values():
            if not confirmed.done():
                confirmed.set_exception(reason)


def check(message: Message) -> None:
    """Say before a message is sent whether it can be.

    Raises:
        InvalidMessage: AMQP cannot hold it.
    """
    try:
        _properties(message).encode()
        pika.spec.Basic.Publish(exchange=message.exchange, routing_key=message.routing_key).encode()
    except UNENCODABLE as error:
        raise _cannot_hold(error) from error


def _cannot_hold(error: Exception) -> InvalidMessage:
    match error:
        case pika.exceptions.ShortStringTooLong():
            reason = "a name, a routing key or a property has more than 255 bytes"
        case pika.exceptions.UnsupportedAMQPFieldException():
            kind = type(error.args[-1]).__name__
            reason = f"a header is a value of type {kind}, which pika cannot send; give it as a text"
        case _:
            reason = f"a property has a wrong type or is out of range ({error})"
    return InvalidMessage(reason)


def _raise_worst(messages: Sequence[Message], outcomes: Sequence[BaseException | None]) -> None:
    for outcome in outcomes:
        if outcome is not None and not isinstance(outcome, Unroutable):
            raise outcome
    returned = [message for message, outcome in zip(messages, outcomes, strict=True) if outcome is not None]
    if returned:
        raise Unroutable(f"No queue takes {len(returned)} of {len(messages)} messages.", returned=returned)


def _properties(message: Message) -> Any:
    return pika.BasicProperties(**{name: getattr(message, name) for name in PROPERTIES})


def _identity(exchange: str, routing_key: str, properties: Any, body: bytes) -> Identity:
    """What a returned message is known by; of two that are the same in all of this, either may stand for the other."""
    return exchange, routing_key, properties.message_id, properties.correlation_id, body
