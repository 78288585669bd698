"""A connection to RabbitMQ that is made anew when it broke, and channels on it that end with it."""

import asyncio
import random
import ssl
from typing import Any

import pika
import structlog
from pika.adapters.asyncio_connection import AsyncioConnection

from eventsink.amqp.address import Address
from eventsink.amqp.lenient import read_any_header
from eventsink.amqp.message import Delivery
from eventsink.amqp.refusals import explain
from eventsink.errors import BrokerRefuses, BrokerUnavailable

__all__ = ["Channel", "Connection"]

HEARTBEAT = 20  # seconds; below 5 a busy loop is taken for a dead peer, 60 notices a dead broker late
CONNECT_WITHIN = 10.0  # seconds
CLOSE_WITHIN = 5.0  # seconds to wait for a farewell
ANSWER_WITHIN = 15.0  # seconds that any declaration may take

_log = structlog.get_logger(__name__)


class Connection:
    """One connection, opened when a channel is asked for. Publishing and consuming each get one of their own.

    Args:
        address: its nodes are tried in turn, from a random one on, so that many processes spread over a cluster.
        name: shown by RabbitMQ's management.
    """

    def __init__(self, address: Address, name: str) -> None:
        self.address = address
        self.name = name
        self.blocked: str | None = None
        """Why the broker takes nothing to publish now, as a memory alarm; None when it does."""
        self.version: str | None = None
        """Of the broker that was connected to last, as it says itself."""
        self._connection: Any = None
        self._making: asyncio.Task[Any] | None = None
        self._first = random.randrange(len(address.nodes))  # noqa: S311 - spreads load, no secret
        self._closed = False

    async def channel(self) -> "Channel":
        """A new channel.

        Raises:
            BrokerUnavailable: no node answers.
            BrokerRefuses: a person must change something: user, password, virtual host.
        """
        connection = await self._open()
        opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            raw = connection.channel(
                on_open_callback=lambda channel: channel.close() if opened.done() else opened.set_result(channel)
            )
            raw.add_on_close_callback(lambda _, reason: _fail(opened, explain(reason, self.address)))
            async with asyncio.timeout(CONNECT_WITHIN):
                return Channel(self, await opened)
        except TimeoutError as error:
            self._drop(connection)
            raise explain(error, self.address) from error
        except pika.exceptions.AMQPError as error:
            raise explain(error, self.address) from error

    def drop(self, channel: "Channel") -> None:
        """Break off the connection that a channel is on, as one that hangs; the next channel makes another."""
        self._drop(channel.raw.connection)

    async def close(self) -> None:
        """Close it for good. Safe to call twice."""
        self._closed = True
        if self._making is not None:
            await asyncio.wait([self._making], timeout=CLOSE_WITHIN)
        if self._making is not None:
            self._making.cancel()
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed:
            return
        closed = asyncio.Event()
        connection.add_on_close_callback(lambda *_: closed.set())
        if connection.is_open:
            connection.close()
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await closed.wait()
        except TimeoutError:  # a broker that hangs
            _break_off(connection)
            await asyncio.sleep(0)  # the socket is closed in the next turn of the loop

    def _drop(self, connection: Any) -> None:
        if connection is self._connection:
            self._connection = None
            self.blocked = None
        _break_off(connection)

    async def _open(self) -> Any:
        """The connection, made where there is none; when one who waits for it goes away, the others still get it."""
        if not self._closed and (self._connection is None or not self._connection.is_open):
            if self._making is None:
                self._making = asyncio.create_task(self._connect())
                self._making.add_done_callback(self._on_made)
            await asyncio.shield(self._making)
        if self._closed or self._connection is None:
            raise BrokerUnavailable("The connection to RabbitMQ is closed.")
        return self._connection

    def _on_made(self, making: "asyncio.Task[Any]") -> None:
        self._making = None
        if not making.cancelled() and making.exception() is None:
            self._connection = making.result()

    async def _connect(self) -> Any:
        self.blocked = None
        nodes = self.address.urls()
        failure: Exception | None = None
        for _ in nodes:
            try:
                return await self._connect_to(nodes[self._first % len(nodes)])
            except BrokerRefuses:
                raise
            except BrokerUnavailable as error:
                failure = error
                self._first += 1
        raise failure or BrokerUnavailable("There is no node to connect to.")

    async def _connect_to(self, url: str) -> Any:
        read_any_header()
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[Any] = loop.create_future()
        connection = AsyncioConnection(
            _parameters(url, self.name, tls=self.address.tls),
            on_open_callback=lambda connection: connection.close() if opened.done() else opened.set_result(connection),
            on_open_error_callback=lambda _, error: _fail(opened, explain(error, self.address)),
            on_close_callback=self._on_close,
            custom_ioloop=loop,
        )
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                made = await opened
        except TimeoutError as error:  # pika gives it up by itself; aborted, it would complain
            raise explain(error, self.address) from error
        self.version = str((made.server_properties or {}).get("version", ""))
        return made

    def _on_close(self, connection: Any, reason: Exception) -> None:
        if connection is self._connection:
            self.blocked = None
            if not self._closed:
                _log.warning("amqp.connection_lost", name=self.name, reason=str(explain(reason, self.address)))

    def _on_blocked(self, connection: Any, frame: Any) -> None:
        if connection is not self._connection:
            return
        self.blocked = str(frame.method.reason)
        _log.warning("amqp.blocked", name=self.name, reason=self.blocked)

    def _on_unblocked(self, connection: Any, frame: Any) -> None:
        if connection is not self._connection:
            return
        self.blocked = None
        _log.info("amqp.unblocked", name=self.name)


class Channel:
    """An open channel. A mistake, or the end of the connection, ends it: then it is not used again.

    Args:
        connection: that it is on.
        raw: pika's.
    """

    def __init__(self, connection: Connection, raw: Any) -> None:
        self.connection = connection
        self.raw = raw
        self.ended: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        """Done with the reason when the channel has ended."""
        self._got: asyncio.Future[Any] | None = None
        raw.add_on_close_callback(self._on_close)

    @property
    def open(self) -> bool:
        """Whether it can be used."""
        return not self.ended.done() and bool(self.raw.is_open)

    async def call(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a method of AMQP by pika's name for it; gives the method of the answer.

        Raises:
            BrokerUnavailable: the connection was lost.
            BrokerRefuses: the broker said no, and has closed the channel.
        """
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            getattr(self.raw, method)(*arguments, **keywords, callback=lambda frame: _settle(answered, frame))
            await asyncio.wait([answered, self.ended], timeout=ANSWER_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        except pika.exceptions.AMQPError as error:
            raise explain(error, self.connection.address) from error
        if answered.done():
            return answered.result().method
        if self.ended.done():
            raise self.ended.result()
        self.close()  # and no more: others on this connection may be served; should it be dead, its heartbeat ends it
        where = self.connection.address
        raise BrokerUnavailable(f"RabbitMQ at {where} did not answer {method} {arguments[:1]} in {ANSWER_WITHIN:g} s.")

    async def get(self, queue: str) -> Delivery | None:
        """The next message of a queue, to be acknowledged; None where there is none.

        Raises:
            BrokerUnavailable: the connection was lost.
            BrokerRefuses: there is no such queue, and the channel has ended.
        """
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._got is None:  # once for the channel: pika compares every callback with all others
            self.raw.add_callback(self._on_empty, [pika.spec.Basic.GetEmpty], one_shot=False)
        self._got = answered
        try:
            self.raw.basic_get(queue, lambda _, *message: _settle(answered, Delivery(*message)))
            await asyncio.wait([answered, self.ended], timeout=ANSWER_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        except pika.exceptions.AMQPError as error:
            raise explain(error, self.connection.address) from error
        if answered.done():
            found: Delivery | None = answered.result()
            return found
        if self.ended.done():
            raise self.ended.result()
        self.close()
        where = self.connection.address
        raise BrokerUnavailable(f"RabbitMQ at {where} did not say what is in {queue!r} in {ANSWER_WITHIN:g} s.")

    async def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that a message that was got here is dealt with, and wait until it has heard it.

        Raises:
            BrokerUnavailable: the channel has ended: the message is in its queue again.
        """
        if not self.open:
            raise BrokerUnavailable("The channel has ended, and the message is in its queue again.")
        self.raw.basic_ack(delivery.tag)
        await self.call("basic_qos", prefetch_count=0)  # answered after what was said before

    def close(self) -> None:
        """Close it. What was delivered on it and not acknowledged goes back to its queue."""
        if self.raw.is_open:
            self.raw.close()

    def _on_empty(self, _: Any) -> None:
        if self._got is not None:
            _settle(self._got, None)

    def _on_close(self, _: Any, reason: Exception) -> None:
        _settle(self.ended, explain(reason, self.connection.address))


def _parameters(url: str, name: str, *, tls: bool) -> Any:
    parameters = pika.URLParameters(url)
    parameters.heartbeat = HEARTBEAT
    parameters.connection_attempts = 1
    parameters.socket_timeout = parameters.stack_timeout = CONNECT_WITHIN / 2
    parameters.client_properties = {"connection_name": name, "product": "Clowder event sink"}
    if tls:
        parameters.ssl_options = pika.SSLOptions(ssl.create_default_context(), parameters.host)
    return parameters


def _break_off(connection: Any) -> None:
    """End a connection whose peer hangs, and answers no close."""
    if connection.is_open:
        connection.close()
    if not connection.is_closed:
        connection._terminate_stream(pika.exceptions.ConnectionOpenAborted("it hangs"))  # noqa: SLF001


def _settle(future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
