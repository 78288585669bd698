"""What an exchange promises, whatever it is made of. `eventsink.testing.check_exchange` proves it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from eventsink.event import Event

__all__ = ["Account", "Batch", "DeadLetter", "Exchange", "Failure", "Queue", "Spool"]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why one event of a batch will not be delivered.

    Args:
        event: the event.
        reason: a sentence for the operator.
        attempts: how often its delivery was tried.
        first_seen: when it was tried first; `last_seen`: when last.
        traceback: where the worker failed, if by a bug.
    """

    event: Event
    reason: str
    attempts: int
    first_seen: datetime
    last_seen: datetime
    traceback: str | None = None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event that a worker could not deliver, where it waits for a person.

    Args:
        id: number within the exchange; the handle for show, retry and drop.
        worker: name of the queue that it was in.
        body: the event as it was tried.
    """

    id: int
    worker: str
    reason: str
    attempts: int
    first_seen: datetime
    last_seen: datetime
    body: dict[str, Any]
    traceback: str | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The books of one queue: accepted = delivered + waiting + dead + missing, at all times.

    Args:
        accepted: events that were put into this queue, ever.
        delivered: events that its worker is done with.
        waiting: events still to be delivered.
        dead: events that could not be delivered, those dropped by a person included.
        dropped: how many of the dead a person has thrown away.
        missing: events that are nowhere any more, ever: somebody purged or deleted a queue, or a disk was damaged.
        missing_since: when the last of them were found missing, unless a replay has delivered them since.
        lag_seconds: age of the oldest waiting event, 0 when none waits.
    """

    accepted: int
    delivered: int
    waiting: int
    dead: int
    dropped: int
    missing: int
    lag_seconds: float
    missing_since: datetime | None = None


class Spool(msgspec.Struct, frozen=True):
    """What waits for an exchange that is away.

    Args:
        away: whether events go there now.
    """

    events: int
    bytes: int
    away: bool = False


class Batch(Protocol):
    """Events taken from a queue and not settled yet, in the order of publishing."""

    @property
    def events(self) -> Sequence[Event]:
        """The events, decoded."""


class Queue(Protocol):
    """The events that wait for one worker."""

    name: str

    async def take(self, limit: int, wait: float) -> Batch | None:
        """Up to `limit` events; None when none came within `wait` seconds.

        A batch that is taken and not settled is offered again to the next process that asks. More may be taken before
        it is settled; they are settled in the order in which they were taken.
        """

    async def done(self, batch: Batch, failures: Sequence[Failure] = ()) -> None:
        """Settle a batch: its events are delivered, but for `failures`, which become dead letters, all in one step.

        Raises:
            ExchangeUnavailable: nothing was settled; the batch may be settled again.
        """

    async def release(self, batch: Batch) -> None:
        """Give a batch back unsettled: it is the next to be offered. Of several the last that was taken comes first."""


class Exchange(Protocol):
    """Takes accepted events and gives a copy of each to every queue."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Make events durable: when this returns they survive kill -9 and loss of power.

        Raises:
            ExchangeUnavailable: none of them was stored.
        """

    async def check(self) -> None:
        """See whether events could be made durable now.

        Raises:
            ExchangeUnavailable: as `publish` would.
        """

    async def queue(self, name: str, types: Sequence[str] = ()) -> Queue:
        """The queue of a worker, made when it is not there. It gets what is published from then on.

        Args:
            types: those that the worker wants, as `storage.*`; all if empty. Where a broker can, it sends no others;
                where not, others may come all the same.
        """

    async def put_back(self, worker: str, events: Sequence[Event]) -> None:
        """Put events into one worker's queue alone: a replay.

        Raises:
            ExchangeUnavailable: none of them was stored.
        """

    async def accounts(self) -> dict[str, Account]:
        """The books of every queue, all read at one moment."""

    async def spool(self) -> Spool:
        """What waits for the exchange itself; zero where the exchange is always there."""

    async def dead_letters(self, *, worker: str | None = None, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters in the order of their numbers, those above `after`."""

    async def retry(self, ids: Sequence[int]) -> int:
        """Put dead letters back into the queues that they came from. Returns how many there were."""

    async def drop(self, ids: Sequence[int]) -> int:
        """Throw dead letters away, for good. Returns how many there were."""

    async def forget(self, worker: str) -> int:
        """Take away the queue of a worker that nobody needs any more, with what waits in it and its dead letters.

        Returns:
            how many events waited.

        Raises:
            WorkerInUse: its worker runs.
            KeyError: there is no such queue.
        """

    async def close(self) -> None:
        """Finish what is under way and free the files and connections. Safe to call twice."""
