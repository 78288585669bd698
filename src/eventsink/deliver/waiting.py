"""Single events that their destination does not take now, while it takes others, and the batches that they are of.

A batch is settled when none of its events waits any more, and batches are settled in their order, as every exchange
wants it. Until then they are in memory alone and unsettled: whoever kills the process loses none of them.
"""

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec

from eventsink.deliver.dead_letters import sentence
from eventsink.errors import Refused, TryLater
from eventsink.event import Event
from eventsink.exchange.contract import Batch, Failure

__all__ = ["MOST_TAKEN", "MOST_WAITING", "Hand", "Later", "Waiting", "groups"]

MOST_WAITING = 10_000  # events that wait
MOST_TAKEN = 50_000  # events of batches that cannot be settled: some hundred megabytes when they are large
GRID = 0.05  # seconds: what is due nearly at once is due at once, and keeps its order
SOON = 600.0  # seconds: if no room is there before, what waits makes room for the others


class Later(msgspec.Struct, frozen=True):
    """One event that waits.

    Args:
        due: time of the loop at which it is offered again, seconds.
        attempts: how often it was tried; `first_seen` is when first.
        reason: why it waits.
    """

    event: Event
    due: float
    attempts: int
    first_seen: datetime
    reason: str


class Hand(msgspec.Struct):
    """A batch that was taken and is not settled.

    Args:
        left: how many of its events wait.
        failures: those of its events that are given up.
    """

    batch: Batch
    left: int
    failures: list[Failure]


class Waiting:
    """What waits, and what cannot be settled before that."""

    def __init__(self) -> None:
        self._hands: deque[Hand] = deque()
        self._due: list[tuple[float, int, Later, Hand]] = []  # a heap; the number keeps the order of equal times
        self._numbers = itertools.count()
        self._taken = 0

    def __len__(self) -> int:
        return len(self._due)

    @property
    def reason(self) -> str:
        """Why the event waits that is offered next."""
        return self._due[0][2].reason if self._due else ""

    @property
    def full(self) -> bool:
        """Whether nothing more may be taken before something is settled."""
        return len(self._due) >= MOST_WAITING or self._taken >= MOST_TAKEN

    def seconds(self, now: float) -> float:
        """Until the next event is to be offered; without end if none waits."""
        return max(self._due[0][0] - now, 0.0) if self._due else float("inf")

    def begin(self, batch: Batch) -> Hand:
        """Take a batch in hand."""
        hand = Hand(batch, 0, [])
        self._hands.append(hand)
        self._taken += len(batch.events)
        return hand

    def add(self, hand: Hand, later: Later) -> None:
        """Have an event of a batch wait."""
        hand.left += 1
        due = math.ceil(later.due / GRID) * GRID
        heapq.heappush(self._due, (due, next(self._numbers), later, hand))

    def pop(self, now: float, most: int) -> list[tuple[Later, Hand]]:
        """Up to `most` events whose time has come: they wait no longer, in the order in which they came."""
        found: list[tuple[int, Later, Hand]] = []
        while self._due and self._due[0][0] <= now and len(found) < most:
            _, number, later, hand = heapq.heappop(self._due)
            hand.left -= 1
            found.append((number, later, hand))
        return [(later, hand) for _, later, hand in sorted(found, key=lambda item: item[0])]

    def complete(self) -> Iterator[Hand]:
        """The batches that can be settled now, in their order. Each is out of hand when the next is asked for."""
        while self._hands and not self._hands[0].left:
            yield self._hands[0]
            self._taken -= len(self._hands.popleft().batch.events)

    def give_up(self, when: datetime, beyond: float) -> int:
        """Give up what waits and is not due before a time, as too much waits for too long. Returns how many events."""
        given_up = [item for item in self._due if item[0] > beyond]
        why = f"{MOST_WAITING:,} events wait, or {MOST_TAKEN:,} behind them, and others could not go on"
        for _, _, later, hand in sorted(given_up, key=lambda item: item[1]):
            said = f"{later.reason} {why}: retry them later with `eventsink dead retry`."
            failure = Failure(
                event=later.event,
                reason=sentence(Refused(said)),
                attempts=later.attempts,
                first_seen=later.first_seen,
                last_seen=when,
            )
            hand.failures.append(failure)
            hand.left -= 1
        self._due = [item for item in self._due if item[0] <= beyond]
        heapq.heapify(self._due)
        return len(given_up)

    def drop(self, held: Callable[[Batch], bool]) -> Sequence[Batch]:
        """Give batches out of hand that their queue does not hold any more, the last first: they are offered again.

        The first that was taken is the first that is lost.
        """
        if not self._hands or held(self._hands[0].batch):
            return ()
        lost = [hand for hand in reversed(self._hands) if not held(hand.batch)]
        ids = {id(hand) for hand in lost}
        self._hands = deque(hand for hand in self._hands if id(hand) not in ids)
        self._due = [item for item in self._due if id(item[3]) not in ids]
        heapq.heapify(self._due)
        self._taken = sum(len(hand.batch.events) for hand in self._hands)
        return [hand.batch for hand in lost]

    def forget(self) -> Sequence[Batch]:
        """Give all batches out of hand, the last first, for they are offered again."""
        batches = [hand.batch for hand in reversed(self._hands)]
        self._hands.clear()
        self._due.clear()
        self._taken = 0
        return batches


def groups(error: TryLater) -> Iterator[TryLater]:
    """What a worker says of some events, and what it says of others for which there is another time.

    It says so by raising the one from the other: `raise TryLater(…, events=long) from TryLater(…, events=short)`.
    """
    found: BaseException | None = error
    for _ in range(1000):  # or a chain that bites its tail would have no end
        if not isinstance(found, TryLater) or not found.events:
            return
        yield found
        found = found.__cause__
