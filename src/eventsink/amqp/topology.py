"""Exchanges, queues and bindings, declared so that those of others stay as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from eventsink.amqp.connection import Channel, Connection
from eventsink.errors import BrokerRefuses

__all__ = ["Binding", "Exchange", "Queue", "declare", "depth"]

NOT_FOUND, REFUSED, DIFFERENT = 404, 403, 406  # AMQP 0-9-1, reply codes


class Exchange(msgspec.Struct, frozen=True):
    """An exchange: durable, and without arguments, which others would have to repeat to the letter."""

    name: str
    kind: str = "fanout"


class Queue(msgspec.Struct, frozen=True):
    """A durable queue.

    Args:
        arguments: those that cannot be set by a policy, as x-queue-type.
    """

    name: str
    arguments: Mapping[str, Any] = {}


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
    if not bindings:
        return made
    channel = await connection.channel()
    for binding in bindings:
        method = "exchange_bind" if binding.to_exchange else "queue_bind"
        await channel.call(method, binding.destination, binding.source, routing_key=binding.routing_key)
    for binding in unwanted:  # after the others, so that nothing is missed in between
        await channel.call("queue_unbind", binding.destination, binding.source, routing_key=binding.routing_key)
    channel.close()
    return made


async def depth(channel: Channel, queue: str) -> tuple[int, int]:
    """How many messages of a queue are ready for a consumer, and how many consumers it has.

    Raises:
        BrokerRefuses: there is no such queue; the channel has ended.
    """
    found = await channel.call("queue_declare", queue, passive=True)
    return found.message_count, found.consumer_count


async def _declare_exchange(connection: Connection, exchange: Exchange) -> None:
    there = await _there(connection, "exchange_declare", exchange.name)
    try:
        await _once(connection, "exchange_declare", exchange.name, exchange_type=exchange.kind, durable=True)
    except BrokerRefuses as error:
        if error.code == DIFFERENT:
            raise BrokerRefuses(
                f"RabbitMQ has an exchange {exchange.name!r} that is declared differently: it must be {exchange.kind},"
                " durable and without arguments, as Clowder declares it too. Delete it once nobody uses it"
                f" (`rabbitmqadmin delete exchange name={exchange.name}`), or set exchange.name to another name."
                f" RabbitMQ says: {error}",
                code=DIFFERENT,
            ) from error
        if error.code != REFUSED or not there:
            raise


async def _declare_queue(connection: Connection, queue: Queue) -> bool:
    """Declare a queue. True: it was not there before."""
    there = await _there(connection, "queue_declare", queue.name)
    try:
        await _once(connection, "queue_declare", queue.name, durable=True, arguments=dict(queue.arguments))
    except BrokerRefuses as error:
        if error.code == DIFFERENT:
            kind = queue.arguments.get("x-queue-type", "classic")
            raise BrokerRefuses(
                f"RabbitMQ has a queue {queue.name!r} that is declared differently: it must be a durable {kind} queue"
                f" with no arguments but {dict(queue.arguments)}. When it is empty or its messages may go, delete it"
                f" (`rabbitmqctl delete_queue {queue.name}`). RabbitMQ says: {error}",
                code=DIFFERENT,
            ) from error
        if error.code != REFUSED or not there:
            raise
    return not there


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
