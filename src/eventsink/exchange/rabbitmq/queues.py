"""What the management API says of our queues: one that nobody wants any more, one to which nothing goes.

In: the API, and the workers of the settings. Out: points. Called by `eventsink doctor`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from eventsink.amqp import Management
from eventsink.exchange.rabbitmq.accounts import DEAD
from eventsink.exchange.rabbitmq.claim import CLAIM
from eventsink.exchange.rabbitmq.dead_queue import PREFIX
from eventsink.exchange.rabbitmq.settlements import SETTLEMENTS
from eventsink.point import Point

__all__ = ["ask_queues"]

_OURS = frozenset({DEAD, SETTLEMENTS, CLAIM})


def ask_queues(management: Management, exchange: str, workers: Sequence[str]) -> Iterator[Point]:
    """What is not as it should be with the queues of workers, those of no settings included; nothing if all is well.

    Raises:
        BrokerUnavailable: the API does not answer, or refuses.
    """
    wanted = {PREFIX + worker for worker in workers}
    found = {str(queue.get("name", "")): queue for queue in management.queues()}
    if wanted & found.keys():
        yield from _behind(management, found.keys())
    for name, queue in found.items():
        if name in wanted:
            yield from _binding(management, exchange, name)
        elif name.startswith(PREFIX) and name not in _OURS and not queue.get("exclusive"):
            yield _unwanted(name, queue)


def _behind(management: Management, names: Collection[str]) -> Iterator[Point]:
    """What stands behind the queues of all workers: where dead letters and the accounts go."""
    remedy = "Start `eventsink serve`, which makes it: front doors and workers do, too."
    for name, loss in ((DEAD, "what RabbitMQ itself gives up is lost"), (SETTLEMENTS, "nobody can keep the accounts")):
        if name not in names:
            yield Point(f"queue {name}", f"not there: {loss}", remedy)
    if DEAD in names and not any(binding.source == DEAD for binding in management.bindings(DEAD)):
        yield Point(f"binding {DEAD}", f"nothing goes from the exchange {DEAD} to it", remedy)


def _binding(management: Management, exchange: str, name: str) -> Iterator[Point]:
    sources = {binding.source for binding in management.bindings(name)}
    if not sources & {exchange, f"{exchange}.types"}:
        worker = name.removeprefix(PREFIX)
        remedy = (
            f"Start `eventsink serve` or `api`, which binds it, then `eventsink replay --to {worker}` for the rest."
        )
        yield Point(f"binding {name}", f"nothing goes from {exchange} to it: it misses all events", remedy)


def _unwanted(name: str, queue: Mapping[str, Any]) -> Point:
    waiting = int(queue.get("messages") or 0)
    worker = name.removeprefix(PREFIX)
    found = f"{waiting:,} messages wait for the worker {worker}, which is in no settings"
    remedy = f"Give it a section [workers.{worker}], or throw them away with `eventsink workers forget {worker}`."
    return Point(f"queue {name}", found, remedy, minor=not waiting)
