"""Exchanges, queues and bindings, declared so that those of others stay as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from eventsink.amqp.connection import Channel, Connection
from eventsink.errors import BrokerRefuses

__all__ = ["Binding", "Depth", "Exchange", "Queue", "declare", "depth", "exists"]

NOT_FOUND, REFUSED, DIFFERENT = 404, 403, 406  # AMQP 0-9-1, reply codes


class Exchange(msgspec.Struct, frozen=True):
    """An exchange. Whoever declares it otherwise than it was made is refused, arguments included."""

    name: str
    kind: str = "fanout"
    durable: bool = True
    auto_delete: bool = False
    arguments: Mapping[str, Any] = {}


class Queue(msgspec.Struct, frozen=True):
    """A queue. Whoever declares it otherwise than it was made is refused.

    Args:
        arguments: those that cannot be set by a policy, as x-queue-type.
        exclusive: of the connection for consuming, with which it goes; nobody else may use it.
    """

    name: str
    arguments: Mapping[str, Any] = {}
    durable: bool = True
    auto_delete: bool = False
    exclusive: bool = False


class Depth(msgspec.Struct, frozen=True):
    """How a queue is.

    Args:
        ready: messages that wait for a consumer.
        consumers: who consume it.
    """

    ready: int
    consumers: int


class Binding(msgspec.Struct, frozen=True):
    """What goes from an exchange to a queue, or to another exchange."""

    source: str
    destination: str
    routing_key: str = ""
    to_exchange: bool = False


async def declare(
    connection: Connection,
    *,
    exchanges: Sequence[Exchange] = (),
    queues: Sequence[Queue] = (),
    bindings: Sequence[Binding] = (),
    unwanted: Sequence[Binding] = (),
) -> list[str]:
    """Make sure that exchanges, queues and bindings are there, and are what they should be.

    Bindings of queues that are unwanted are removed if they are there.

    Each is asked for passively first: who may use it may not be allowed to declare it.

    Returns:
        the names of the queues that were not there before.

    Raises:
        BrokerRefuses: one is there and different, or may not be made; the message says what to do.
        BrokerUnavailable: the broker does not answer.
    """
    for exchange in exchanges:
        await _declare_exchange(connection, exchange)
    made = [queue.name for queue in queues if await _declare_queue(connection, queue)]
    if not bindings and not unwanted:
        return made
    channel = await connection.channel()
    for binding in bindings:
        method = "exchange_bind" if binding.to_exchange else "queue_bind"
        await channel.call(method, binding.destination, binding.source, routing_key=binding.routing_key)
    for binding in unwanted:  # after the others, so that nothing is missed in between
        await channel.call("queue_unbind", binding.destination, binding.source, routing_key=binding.routing_key)
    channel.close()
    return made


async def depth(channel: Channel, queue: str) -> Depth:
    """How many messages of a queue are ready, and who consumes it.

    Raises:
        BrokerRefuses: there is no such queue; the channel has ended.
    """
    found = await channel.call("queue_declare", queue, passive=True)
    return Depth(found.message_count, found.consumer_count)


async def exists(connection: Connection, exchange: str) -> bool:
    """Whether there is an exchange of this name."""
    return await _there(connection, "exchange_declare", exchange)


async def _declare_exchange(connection: Connection, exchange: Exchange) -> None:
    there = await _there(connection, "exchange_declare", exchange.name)
    made = {"durable": exchange.durable, "auto_delete": exchange.auto_delete, "arguments": dict(exchange.arguments)}
    try:
        await _once(connection, "exchange_declare", exchange.name, exchange_type=exchange.kind, **made)
    except BrokerRefuses as error:
        if error.code == DIFFERENT:
            raise BrokerRefuses(
                f"RabbitMQ has an exchange {exchange.name!r} that is declared differently: it must be"
                f" {_described(exchange.kind, exchange)}. Delete it once nobody uses it"
                f" (`rabbitmqadmin delete exchange name={exchange.name}`), or have another name used here."
                f" RabbitMQ says: {error}",
                code=DIFFERENT,
            ) from error
        if error.code != REFUSED or not there:
            raise


async def _declare_queue(connection: Connection, queue: Queue) -> bool:
    """Declare a queue. True: it was not there before."""
    there = await _there(connection, "queue_declare", queue.name)
    made = {"durable": queue.durable, "auto_delete": queue.auto_delete, "arguments": dict(queue.arguments)}
    made["exclusive"] = queue.exclusive
    try:
        await _once(connection, "queue_declare", queue.name, **made)
    except BrokerRefuses as error:
        if error.code == DIFFERENT:
            kind = queue.arguments.get("x-queue-type", "classic")
            raise BrokerRefuses(
                f"RabbitMQ has a queue {queue.name!r} that is declared differently: it must be"
                f" {_described(str(kind), queue)}. When it is empty or its messages may go, delete it"
                f" (`rabbitmqctl delete_queue {queue.name}`), or have another name used here. RabbitMQ says: {error}",
                code=DIFFERENT,
            ) from error
        if error.code != REFUSED or not there:
            raise
    return not there


def _described(kind: str, thing: Exchange | Queue) -> str:
    what = "exchange" if isinstance(thing, Exchange) else "queue"
    nature = "durable" if thing.durable else "transient"
    deleted = ", deleted by itself," if thing.auto_delete else ""
    arguments = f"with no arguments but {dict(thing.arguments)}" if thing.arguments else "without arguments"
    return f"a {nature} {kind} {what}{deleted} {arguments}"


async def _there(connection: Connection, method: str, name: str) -> bool:
    try:
        await _once(connection, method, name, passive=True)
    except BrokerRefuses as error:
        if error.code == NOT_FOUND:
            return False
        raise
    return True


async def _once(connection: Connection, method: str, name: str, **keywords: Any) -> None:
    """On a channel of its own, which a refusal ends."""
    channel = await connection.channel()
    await channel.call(method, name, **keywords)
    channel.close()
