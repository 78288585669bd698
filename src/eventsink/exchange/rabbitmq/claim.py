"""There is one `eventsink serve` in a virtual host: two would each get half of the events, and count half of them.

Who holds the claim has an exclusive queue, which RabbitMQ takes away from a process with its connection.
"""

import asyncio

import structlog

from eventsink import amqp
from eventsink.amqp import MessageService
from eventsink.errors import BrokerRefuses, BrokerUnavailable, DataDirectoryInUse

__all__ = ["CLAIM", "claim", "taken"]

CLAIM = "events.serve"
LOCKED = 405  # AMQP 0-9-1, resource-locked
WITHIN = 60.0  # seconds: RabbitMQ notices within them that the machine of another is gone
EVERY = 1.0  # seconds

_log = structlog.get_logger(__name__)
_QUEUE = amqp.Queue(CLAIM, durable=False, exclusive=True)


async def claim(service: MessageService) -> None:
    """Hold the claim from now on, once nobody else does.

    Raises:
        DataDirectoryInUse: another process holds it.
        BrokerUnavailable: the broker does not answer.
    """
    deadline = asyncio.get_running_loop().time() + WITHIN
    other = await taken(service)
    if other:
        _log.warning("exchange.waiting_for_claim", reason=other, seconds=WITHIN)
    while other:
        if asyncio.get_running_loop().time() > deadline:
            raise DataDirectoryInUse(f"{other} Stop that one, or give this one a virtual host of its own.")
        await asyncio.sleep(EVERY)
        other = await taken(service)


async def taken(service: MessageService) -> str:
    """Take the claim if nobody else has it; else who does, as a sentence.

    Raises:
        BrokerUnavailable: the broker does not answer, or does not allow it.
    """
    try:
        await service.declare(queues=[_QUEUE])
    except BrokerRefuses as error:
        if error.code != LOCKED:
            raise
        where = f"the virtual host {service.address.vhost!r} of RabbitMQ at {service.address}"
        return f"Another `eventsink serve`{await _whence(service)} keeps the store and the accounts of {where}."
    return ""


async def _whence(service: MessageService) -> str:
    try:
        found = await asyncio.to_thread(service.management.queue, CLAIM)
    except BrokerUnavailable:  # many brokers have no management API
        return ""
    owner = (found or {}).get("owner_pid_details")
    host = owner.get("peer_host") if isinstance(owner, dict) else None
    return f", connected from {host}:{owner['peer_port']}," if isinstance(owner, dict) and host else ""
