"""What RabbitMQ has for an exchange and its workers, as values: the layout declares it, AsyncAPI describes it."""

from collections.abc import Sequence

from eventsink.amqp import Binding, Exchange, Queue
from eventsink.exchange.rabbitmq.dead_queue import PREFIX

__all__ = ["CLOWDERS_KEYS", "binding_key", "bindings", "fanout", "queue_of", "quorum", "topic"]

CLOWDERS_KEYS = ("", "event.sink")  # routing keys of Clowder's own messages: of 1.15.1 and later, and of 1.15.0


def fanout(name: str) -> Exchange:
    """The exchange into which everybody publishes, exactly as Clowder declares it."""
    return Exchange(name, "fanout")


def topic(name: str) -> Exchange:
    """The exchange behind the fanout of this name, for workers that want some types only."""
    return Exchange(f"{name}.types", "topic")


def quorum(name: str) -> Queue:
    """A queue that is on disk at a majority of the nodes."""
    return Queue(name, {"x-queue-type": "quorum"})


def queue_of(worker: str) -> Queue:
    """The queue of a worker."""
    return quorum(PREFIX + worker)


def bindings(exchange: str, worker: str, types: Sequence[str]) -> list[Binding]:
    """What brings events into the queue of a worker.

    Args:
        exchange: name of the fanout.
        types: that it wants, as `storage.*`; all if empty.
    """
    queue = queue_of(worker).name
    if not types:
        return [Binding(exchange, queue)]
    behind = topic(exchange).name
    keys = sorted({*map(binding_key, types), *CLOWDERS_KEYS})
    return [Binding(exchange, behind, to_exchange=True), *(Binding(behind, queue, one) for one in keys)]


def binding_key(pattern: str) -> str:
    """A binding key for types as we write them: `storage.*` is all that begins with `storage.`."""
    return f"{pattern[:-1]}#" if pattern.endswith(".*") else "#" if pattern == "*" else pattern
