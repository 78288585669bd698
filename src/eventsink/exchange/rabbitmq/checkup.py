"""Is RabbitMQ as the exchange needs it? What is asked, and the policy that makes it better."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from eventsink import amqp
from eventsink.amqp import Address, Management, MessageService
from eventsink.errors import BrokerRefuses, BrokerUnavailable
from eventsink.exchange.rabbitmq.accounts import DEAD
from eventsink.exchange.rabbitmq.dead_queue import PREFIX
from eventsink.exchange.rabbitmq.plan import quorum
from eventsink.point import Point

__all__ = [
    "POLICIES",
    "ask_broker",
    "ask_management",
    "ask_policies",
    "ask_replies",
    "missing_policies",
    "set_policies",
    "set_policy",
]

STARTING = 10.0  # seconds in which a worker may come that is starting, as after a restart
LOOK_EVERY = 0.5  # seconds
LAST_OLD = [3, 10]
_OLD = (
    "It is old: its makers mend no faults of it any more, it limits deliveries by our policy alone, and its consumer"
    " timeout holds for all queues at once. Plan RabbitMQ 4."
)
NAME, OWN = "eventsink-workers", "eventsink-own"
# Whatever a worker cannot settle, as a message that ends its process each time, must not be thrown away: RabbitMQ 4
# drops it after 20 deliveries. A destination that is away costs one delivery in 20 minutes, so the limit is far off.
POLICIES: dict[str, dict[str, Any]] = {
    NAME: {
        "pattern": r"^events\.(?!dead$|settlements$|heartbeats$|serve$)",
        "apply-to": "queues",
        "priority": 10,
        "definition": {
            "dead-letter-exchange": DEAD,
            "dead-letter-strategy": "at-least-once",
            "overflow": "reject-publish",  # which at-least-once needs; without a max-length it rejects nothing
            "delivery-limit": 1000,
        },
    },
    # What the accounts are made of has nowhere else to go.
    OWN: {
        "pattern": r"^events\.(dead|settlements)$",
        "apply-to": "queues",
        "priority": 10,
        "definition": {"delivery-limit": 1_000_000},
    },
}


async def ask_broker(address: Address, exchange: str, workers: Sequence[str]) -> list[Point]:
    """Over AMQP: the exchange and the queues of the workers."""
    async with MessageService(address, name="eventsink doctor") as service:
        points = [await _exchange(service, exchange)]
        if points[0].well:
            until = asyncio.get_running_loop().time() + STARTING
            points += [await _queue(service, worker, until) for worker in workers]
        return points


async def ask_replies(address: Address, queue: str) -> Point:
    """Over AMQP: the queue in which extractors report."""
    async with MessageService(address, name="eventsink doctor") as service:
        try:
            depth = await service.depth(queue)
        except BrokerUnavailable as error:
            return Point("extractors", str(error), "Mend this, and start `eventsink serve` once.")
    if not depth.consumers:
        return Point("extractors", f"{depth.ready:,} messages wait in {queue}, and nobody reads them", "Start `serve`.")
    return Point("extractors", f"{queue} on {address} is read, {depth.ready:,} messages wait")


def ask_management(management: Management, workers: Sequence[str]) -> list[Point]:
    """Over the management API: version, and the policy of the workers' queues.

    Raises:
        BrokerUnavailable: it does not answer, or refuses.
    """
    return [_version(management), ask_policies(management, workers)]


def set_policies(management: Management) -> None:
    """Set the policies of all queues, whatever was set before.

    Raises:
        BrokerUnavailable: the management API does not answer, or refuses.
    """
    for name in POLICIES:
        set_policy(management, name)


def set_policy(management: Management, name: str) -> None:
    """Set one of the policies.

    Raises:
        BrokerUnavailable: the management API does not answer, or refuses.
    """
    management.set_policy(name, POLICIES[name])


def missing_policies(management: Management) -> list[str]:
    """The names of those that are not set at all.

    Raises:
        BrokerUnavailable: the management API does not answer, or refuses.
    """
    return [name for name in POLICIES if management.policy(name) is None]


def ask_policies(management: Management, workers: Sequence[str]) -> Point:
    """Whether the policies are in force on the queues of the workers.

    Raises:
        BrokerUnavailable: the management API does not answer, or refuses.
    """
    for name, wanted in POLICIES.items():
        policy = management.policy(name)
        if policy is None or any(policy.get(key) != value for key, value in wanted.items()):
            state = "is not set" if policy is None else "is another one than it should be"
            remedy = "`eventsink doctor --fix` sets it."
            return Point("policy", f"{name} {state}: what RabbitMQ itself gives up would be lost", remedy)
    for worker in workers:
        found = management.queue(PREFIX + worker)
        if found is not None and found.get("policy") not in (None, NAME):
            other, ours = found["policy"], POLICIES[NAME]["priority"]
            remedy = f"Give {other!r} a lower priority than {ours}, or put the settings of {NAME} into it."
            return Point("policy", f"policy {other!r} is in force on {PREFIX}{worker} instead of {NAME}", remedy)
    matched = [worker for worker in workers if re.match(POLICIES[NAME]["pattern"], PREFIX + worker)]
    return Point("policy", f"{NAME} is in force on {len(matched)} queue{'' if len(matched) == 1 else 's'}")


def _version(management: Management) -> Point:
    version = management.version()
    found = f"version {version}, {management.where}"
    numbers = [int(part) for part in re.findall(r"\d+", version)[:2]]
    return Point("RabbitMQ", found, _OLD if numbers <= LAST_OLD else "", minor=True)


async def _exchange(service: MessageService, name: str) -> Point:
    try:
        if not await service.exists(name):
            return Point("exchange", f"{name} is not there yet: `eventsink serve` or `api` makes it")
        await service.declare(exchanges=[amqp.Exchange(name)])  # which says how it differs, and makes nothing
    except BrokerUnavailable as error:
        return Point("exchange", str(error), "Mend this first: events wait in the spool meanwhile.")
    return Point("exchange", f"{name} on {service.address}, virtual host {service.address.vhost}")


async def _queue(service: MessageService, worker: str, until: float) -> Point:
    name = PREFIX + worker
    try:
        depth = await _depth(service, name, until)
    except BrokerRefuses as error:
        if error.code != 404:
            return Point(f"queue {name}", str(error), "Give the user access to it.")
        return Point(f"queue {name}", "not there, so it misses events", f"Start {_command(worker)} once.")
    except BrokerUnavailable as error:
        return Point(f"queue {name}", str(error), "Look at the log of RabbitMQ.")
    try:
        await service.declare(queues=[quorum(name)])
    except BrokerRefuses as error:
        return Point(f"queue {name}", str(error), f"Let it run empty, delete it, and start {_command(worker)} again.")
    ready, consumers = depth.ready, depth.consumers
    if not consumers:
        return Point(f"queue {name}", f"{ready:,} messages wait, and nobody takes them", f"Start {_command(worker)}.")
    return Point(f"queue {name}", f"{ready:,} messages wait, {consumers} process{'es' if consumers > 1 else ''}")


async def _depth(service: MessageService, queue: str, until: float) -> amqp.Depth:
    """How a queue is, once somebody takes from it, or at that time of the loop's clock."""
    while True:
        depth = await service.depth(queue)
        if depth.consumers or asyncio.get_running_loop().time() > until:
            return depth
        await asyncio.sleep(LOOK_EVERY)


def _command(worker: str) -> str:
    return "`eventsink serve`" if worker == "store" else f"`eventsink worker {worker}`"
