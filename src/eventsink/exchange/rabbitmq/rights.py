"""What the user of the event sink may do on RabbitMQ, tried with things that are gone afterwards; nothing is published.

In: an address. Out: points. Called by `eventsink doctor`. AMQP 0-9-1 asks for permissions by name (RabbitMQ, "Access
Control"): to declare is to configure, to bind needs write on the destination and read on the source, to get needs read.
"""

import contextlib
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from eventsink import amqp
from eventsink.amqp import Address, Binding, Management, MessageService
from eventsink.errors import BrokerRefuses, BrokerUnavailable
from eventsink.exchange.rabbitmq.accounts import DEAD
from eventsink.exchange.rabbitmq.claim import CLAIM
from eventsink.exchange.rabbitmq.dead_queue import PREFIX
from eventsink.exchange.rabbitmq.heartbeats import HEARTBEATS
from eventsink.exchange.rabbitmq.settlements import SETTLEMENTS
from eventsink.point import Point

__all__ = ["ask_permissions", "try_permissions"]

_FORBIDDEN = 403  # AMQP 0-9-1, access-refused


async def try_permissions(address: Address, exchange: str) -> Point:
    """Over AMQP: whether we may configure, write and read under our names, and on the exchange if it is there.

    Raises:
        BrokerUnavailable: the broker does not answer.
    """
    async with MessageService(address, name="eventsink doctor") as service:
        name = f"{PREFIX}doctor-{secrets.token_hex(4)}"
        queue = amqp.Queue(name, durable=False, exclusive=True)  # it goes with the connection
        if not await _may(lambda: service.declare(queues=[queue])):
            found = f"user {address.user!r} may not configure {PREFIX}…: what is missing cannot be made"
            return Point("permissions", found, _remedy(address), minor=True)
        if not await _may(lambda: service.get(name)):
            lacking = [f"read {PREFIX}…"]
        else:
            lacking = await _lacking(service, exchange, name)
    if lacking:
        return Point("permissions", f"user {address.user!r} may not {', '.join(lacking)}", _remedy(address))
    return Point("permissions", f"user {address.user!r} may configure, write and read")


def ask_permissions(management: Management, address: Address, exchange: str, workers: Sequence[str]) -> Point | None:
    """Over the management API: the permissions of every name of ours; None where we may not ask for them.

    Raises:
        BrokerUnavailable: it does not answer.
    """
    permissions = management.permissions(address.user)
    if permissions is None:
        return None
    names = [exchange, f"{exchange}.types", DEAD, SETTLEMENTS, HEARTBEATS, CLAIM, *(PREFIX + one for one in workers)]
    for kind, pattern in permissions.items():
        for name in names:
            if not _matches(pattern, name):
                found = f"user {address.user!r} may not {kind} {name}"
                return Point("permissions by name", found, _remedy(address))
    return Point("permissions by name", f"user {address.user!r} has those of all {len(names)} names")


async def _lacking(service: MessageService, exchange: str, name: str) -> list[str]:
    """What else we may not do: bindings with an exchange of ours, to which nobody publishes, say it.

    Args:
        name: of a queue that we may configure and read, and of that exchange.
    """
    ours = amqp.Exchange(name, "topic", durable=False)
    await service.declare(exchanges=[ours])
    try:
        if not await _may(lambda: service.declare(bindings=[Binding(name, name)])):
            return [f"write {PREFIX}…"]
        # Or an event that nobody else's queue takes would count as delivered to ours.
        await service.declare(unwanted=[Binding(name, name)])
        if not await service.exists(exchange):
            return []
        onward, back = Binding(exchange, name, to_exchange=True), Binding(name, exchange, to_exchange=True)
        tries = {"read": onward, "write": back}
        return [
            f"{word} {exchange}"
            for word, one in tries.items()
            if not await _may(partial(service.declare, bindings=[one]))
        ]
    finally:
        with contextlib.suppress(BrokerUnavailable):
            await service.delete_exchange(name)  # with its bindings


async def _may(attempt: Callable[[], Awaitable[object]]) -> bool:
    try:
        await attempt()
    except BrokerRefuses as error:
        if error.code != _FORBIDDEN:
            raise
        return False
    return True


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:  # Erlang knows some that Python does not: the names are tried over AMQP as well
        return True


def _remedy(address: Address) -> str:
    names = "clowder\\.metrics.*|events\\..*|amq\\..*"
    return f"rabbitmqctl set_permissions -p {address.vhost} {address.user} '{names}' '{names}' '{names}'"
