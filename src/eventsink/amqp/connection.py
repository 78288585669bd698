"""A connection to RabbitMQ that is made anew when it broke, and channels on it that end with it."""

import asyncio
import contextlib
import random
import ssl
from typing import Any

import pika
import structlog
from pika.adapters.asyncio_connection import AsyncioConnection

from eventsink.amqp.address import Address
from eventsink.amqp.refusals import explain
from eventsink.errors import BrokerRefuses, BrokerUnavailable

__all__ = ["Channel", "Connection"]

HEARTBEAT = 20  # seconds; below 5 a busy loop is taken for a dead peer, 60 notices a dead broker late
CONNECT_WITHIN = 10.0  # seconds
ANSWER_WITHIN = 30.0  # seconds that any declaration may take

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
        self._connection: Any = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def channel(self) -> "Channel":
        """A new channel.

        Raises:
            BrokerUnavailable: no node answers.
            BrokerRefuses: a person must change something: user, password, virtual host.
        """
        async with self._opening:
            if self._closed:
                raise BrokerUnavailable("The connection to RabbitMQ is closed.")
            if self._connection is None or not self._connection.is_open:
                self._connection = await self._connect()
            connection = self._connection
        opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            raw = connection.channel(on_open_callback=lambda channel: _settle(opened, channel))
            raw.add_on_close_callback(lambda _, reason: _fail(opened, explain(reason, self.address)))
            async with asyncio.timeout(CONNECT_WITHIN):
                return Channel(self, await opened)
        except (pika.exceptions.AMQPError, TimeoutError) as error:
            raise explain(error, self.address) from error

    async def drop(self) -> None:
        """Break the connection off, as one that hangs; the next channel makes another."""
        connection, self._connection = self._connection, None
        self.blocked = None
        if connection is not None and not connection.is_closed:
            with contextlib.suppress(pika.exceptions.AMQPError):  # it was closing already
                connection.close()
            # A peer that hangs answers no close: what is left of the connection ends now.
            connection._terminate_stream(pika.exceptions.ConnectionOpenAborted("dropped"))  # noqa: SLF001

    async def close(self) -> None:
        """Close it for good. Safe to call twice."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed:
            return
        closed = asyncio.Event()
        connection.add_on_close_callback(lambda *_: closed.set())
        with contextlib.suppress(pika.exceptions.AMQPError):  # it was closing already
            connection.close()
        with contextlib.suppress(TimeoutError):  # a broker that hangs: the process ends without its answer
            await asyncio.wait_for(closed.wait(), 5)

    async def _connect(self) -> Any:
        self.blocked = None
        nodes = self.address.urls()
        start = random.randrange(len(nodes))  # noqa: S311 - spreads load, no secret
        failure: Exception | None = None
        for url in nodes[start:] + nodes[:start]:
            try:
                return await self._connect_to(url)
            except BrokerRefuses:
                raise
            except BrokerUnavailable as error:
                failure = error
        raise failure or BrokerUnavailable("There is no node to connect to.")

    async def _connect_to(self, url: str) -> Any:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[Any] = loop.create_future()
        connection = AsyncioConnection(
            _parameters(url, self.name, tls=self.address.tls),
            on_open_callback=lambda connection: _settle(opened, connection),
            on_open_error_callback=lambda _, error: _fail(opened, explain(error, self.address)),
            on_close_callback=self._on_close,
            custom_ioloop=loop,
        )
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                return await opened
        except TimeoutError as error:
            raise explain(error, self.address) from error

    def _on_close(self, connection: Any, reason: Exception) -> None:
        if connection is self._connection:
            self.blocked = None
            if not self._closed:
                _log.warning("amqp.connection_lost", name=self.name, reason=str(explain(reason, self.address)))

    def _on_blocked(self, connection: Any, frame: Any) -> None:
        self.blocked = str(frame.method.reason)
        _log.warning("amqp.blocked", name=self.name, reason=self.blocked)

    def _on_unblocked(self, connection: Any, frame: Any) -> None:
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
        raise BrokerUnavailable(f"RabbitMQ at {self.connection.address} did not answer within {ANSWER_WITHIN:g} s.")

    def close(self) -> None:
        """Close it. What was delivered on it and not acknowledged goes back to its queue."""
        if self.raw.is_open:
            self.raw.close()

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


def _settle(future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
