"""One worker's queue on RabbitMQ: messages opened into events, settled in order, acknowledged in groups."""

import asyncio
import itertools
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import msgspec
import structlog

from eventsink.amqp import Consumer, Delivery
from eventsink.event import Event, encode
from eventsink.exchange.contract import Batch, Failure
from eventsink.exchange.rabbitmq.aside import KIND
from eventsink.exchange.rabbitmq.novelties import Novelties
from eventsink.exchange.rabbitmq.settlements import Letter, Record, Settlement, Settlements
from eventsink.exchange.rabbitmq.wire import APP, OURS, Broken, Parcel, is_little_work, key_of, unpack

__all__ = ["InHand", "RabbitQueue"]

FIRST_PREFETCH = 20  # messages, before it is seen how large they are
MOST_PREFETCH = 2000  # of a quorum queue in RabbitMQ 4
LEAST_PREFETCH = 20
AHEAD = 24 << 20  # bytes of messages to hold ahead at most
HOLD = 20 * 60.0  # seconds; RabbitMQ closes the channel of a consumer that acknowledges nothing for 30 minutes

_log = structlog.get_logger(__name__)


class InHand(msgspec.Struct, frozen=True):
    """What a worker has taken from the broker and not settled.

    Args:
        messages: how many.
        oldest: when the first event of them was accepted.
    """

    messages: int
    oldest: datetime | None


class _Opened:
    """A message whose events are being delivered."""

    def __init__(self, delivery: Delivery, generation: int, parcel: Parcel) -> None:
        self.tag = delivery.tag
        self.generation = generation
        self.parcel = parcel
        self.left = len(self.parcel.events)
        self.bytes = len(delivery.body)
        self.letters = [_unreadable(broken) for broken in self.parcel.broken]
        self._key = key_of(delivery)
        self._named = bool(delivery.properties.message_id)
        self._surely = self._named or delivery.redelivered
        self._foreign = delivery.properties.app_id != APP
        kind = None if delivery.exchange or self._foreign else (delivery.properties.headers or {}).get(KIND)
        self._alone = not delivery.exchange and kind is None
        self._kind = delivery.routing_key if kind is None else str(kind)

    def settlement(self, more: Sequence[Letter]) -> Settlement:
        """What becomes of it with these letters besides, when nothing is left."""
        held = len(self.parcel.events) + len(self.parcel.broken)
        letters = [*self.letters, *more]
        return Settlement(
            self._key, self._kind, self._alone, held, letters, self._surely, self._foreign, named=self._named
        )


class RabbitBatch(msgspec.Struct, frozen=True):
    """Events of one or more messages: for each message, which of its events."""

    slices: list[tuple[_Opened, Sequence[Event]]]

    @property
    def events(self) -> Sequence[Event]:
        """The events, decoded."""
        if len(self.slices) == 1:
            return self.slices[0][1]
        return [event for _, events in self.slices for event in events]


class RabbitQueue:
    """A queue that one runner takes from.

    Args:
        name: of the worker.
        types: that the worker wants; they stand in its records.
        consumer: of its queue.
        begin: makes sure that the queue is there, and has deliveries come.
        settlements: where settlements are recorded.
        source: of events that name none.
        novelties: told of what is not known here.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it is made of
        self,
        name: str,
        types: Sequence[str],
        consumer: Consumer,
        begin: Callable[[], Awaitable[None]],
        settlements: Settlements,
        source: str,
        novelties: Novelties,
    ) -> None:
        self.name = name
        self._types = list(types)
        self._consumer = consumer
        self._begin = begin
        self._settlements = settlements
        self._source = source
        self._novelties = novelties
        self._nonce = uuid.uuid4().hex
        self._ready: deque[tuple[_Opened, Sequence[Event]]] = deque()  # opened or given back, to be taken next
        self._opened: deque[_Opened] = deque()  # all that is not settled, in the order of their tags
        self._out: list[RabbitBatch] = []  # taken, and neither settled nor given back
        self._fitting = MOST_PREFETCH  # messages of the size of the last ones that may be held
        self._held: asyncio.TimerHandle | None = None
        self._unacknowledged: list[_Opened] = []  # settled, and not recorded yet
        consumer.prefetch = FIRST_PREFETCH

    async def take(self, limit: int, wait: float) -> RabbitBatch | None:
        """Up to `limit` events as soon as they are there, or what has come when the time is over.

        Raises:
            BrokerUnavailable: the broker does not answer.
        """
        if not self._consumer.open:
            self._forget()
            await self._begin()
        await self._reach_past_what_is_held()
        deadline = asyncio.get_running_loop().time() + wait
        while not await self._open_enough(limit):
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await self._consumer.wait(left)
        await self._fit_prefetch(limit)
        slices = self._pop(limit)
        if not slices:
            await self._settlements.settle_up()
            await self._settle(())  # messages that hold no event at all, and what was not recorded before
            # All that the broker hands out may be in somebody's hands: who asks again at once asks for ever.
            await asyncio.sleep(max(deadline - asyncio.get_running_loop().time(), 0))
            return None
        self._held = self._held or asyncio.get_running_loop().call_later(HOLD, self._let_go)
        batch = RabbitBatch(slices)
        self._out.append(batch)
        return batch

    async def done(self, batch: Batch, failures: Sequence[Failure] = ()) -> None:
        """Record what became of the messages that are complete now, and acknowledge them.

        A batch whose channel has ended is not settled: the broker offers its messages again.

        Raises:
            BrokerUnavailable: nothing was settled; the batch may be settled again.
            ValueError: it was settled or given back before.
        """
        taken = self._expect(batch)
        if self._is_over(taken):
            _log.info("queue.offered_again", queue=self.name, events=len(taken.events))
        else:
            await self._settle(taken.slices, failures)
        self._put_down(taken)

    async def release(self, batch: Batch) -> None:
        """Give a batch back: its events are the next to be taken."""
        taken = self._expect(batch)
        if not self._is_over(taken):
            self._ready.extendleft(reversed(taken.slices))
        self._put_down(taken)

    def holds(self, batch: Batch) -> bool:
        """Whether a batch can still be settled. If not, its channel has ended, and the broker offers it again."""
        return isinstance(batch, RabbitBatch) and not self._is_over(batch)

    @property
    def open(self) -> bool:
        """Whether messages come."""
        return self._consumer.open

    def in_hand(self) -> InHand:
        """What was taken from the broker and is not settled."""
        if not self._consumer.open:
            return InHand(self._settlements.owed(self.name), None)  # the broker has the rest again
        received = next((event.received for opened in self._opened for event in opened.parcel.events[:1]), None)
        unsettled = len(self._opened) + len(self._consumer.waiting)
        return InHand(unsettled + max(len(self._unacknowledged), self._settlements.owed(self.name)), received)

    def end(self) -> None:
        """Take no more; what is not settled goes back to the queue."""
        self._hold_no_more()
        self._consumer.end()
        self._forget()

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _open_enough(self, limit: int) -> bool:
        """Open messages that have come, until they hold `limit` events. False: more are needed, and may come."""
        events = sum(len(part) for _, part in self._ready)
        while events < limit and self._consumer.waiting:
            opened = await self._open_next()
            if opened is None:
                return False
            self._novelties.tell(opened.parcel.notices)
            self._opened.append(opened)
            if opened.left:
                self._ready.append((opened, opened.parcel.events))
            events += opened.left
        return events >= limit or len(self._opened) >= self._consumer.prefetch

    async def _open_next(self) -> _Opened | None:
        """Open the next message. None: its channel has ended meanwhile, and the broker offers it again."""
        delivery, generation = self._consumer.waiting[0], self._consumer.generation
        if is_little_work(delivery):
            parcel = unpack(delivery, self._source)
        else:
            parcel = await asyncio.to_thread(unpack, delivery, self._source)
            if not self._consumer.open or self._consumer.generation != generation:
                return None
        self._consumer.take()  # not before: who is stopped meanwhile has lost nothing
        return _Opened(delivery, generation, parcel)

    def _pop(self, limit: int) -> list[tuple[_Opened, Sequence[Event]]]:
        slices: list[tuple[_Opened, Sequence[Event]]] = []
        while self._ready and limit > 0:
            opened, events = self._ready.popleft()
            slices.append((opened, events[:limit]))
            if len(events) > limit:
                self._ready.appendleft((opened, events[limit:]))
            limit -= len(slices[-1][1])
        return slices

    async def _settle(
        self, slices: Sequence[tuple[_Opened, Sequence[Event]]], failures: Sequence[Failure] = ()
    ) -> None:
        """Record and acknowledge all messages, from the oldest on, of which nothing is left after these events."""
        failed = {failure.event.identity: failure for failure in failures}
        settled: dict[int, int] = {}
        letters: dict[int, list[Letter]] = {}
        for opened, events in slices:
            settled[id(opened)] = settled.get(id(opened), 0) + len(events)
            found = [_letter(failed[event.identity]) for event in events if event.identity in failed] if failed else []
            letters.setdefault(id(opened), []).extend(found)
        complete = [*itertools.takewhile(lambda opened: opened.left == settled.get(id(opened), 0), self._opened)]
        if complete:
            settlements = [opened.settlement(letters.get(id(opened), ())) for opened in complete]
            last = complete[-1]
            record_id = f"{self._nonce}-{last.generation}-{last.tag}"
            await self._settlements.write(Record(self.name, self._types, settlements, record_id))
            if not self._opened or self._opened[0] is not complete[0]:
                return  # let go meanwhile: the broker offers them again, and who keeps the accounts knows them
        for opened, events in slices:
            opened.left -= len(events)
            opened.letters += letters.pop(id(opened), [])
        for _ in complete:
            self._opened.popleft()
        # While the broker takes no records, what is settled is not acknowledged as long as more can be handed out:
        # should this process end, it comes again to the next one and is counted there.
        self._unacknowledged += complete
        if not self._settlements.owed(self.name) or len(self._unacknowledged) > self._consumer.prefetch // 2:
            self._acknowledge()

    def _acknowledge(self) -> None:
        if self._unacknowledged:
            last = self._unacknowledged[-1]
            self._unacknowledged.clear()
            self._consumer.acknowledge(last.tag, last.generation)

    def _is_over(self, batch: RabbitBatch) -> bool:
        """Whether the channel that a batch came on has ended."""
        generation = self._consumer.generation if self._consumer.open else -1
        return any(opened.generation != generation for opened, _ in batch.slices)

    async def _fit_prefetch(self, limit: int) -> None:
        """Hold more small messages ahead than large ones: enough for the next batches, and never too many bytes."""
        waiting = len(self._consumer.waiting)
        held = len(self._opened) + waiting
        if not waiting and held < self._consumer.prefetch:  # no more have come, and more might
            return
        size = self._consumer.bytes + sum(opened.bytes for opened in self._opened)
        fitting = AHEAD // max(size // max(held, 1), 1)
        self._fitting = min(max(fitting, LEAST_PREFETCH), MOST_PREFETCH)
        wanted = min(max(2 * limit, LEAST_PREFETCH), self._fitting)
        shrinks = wanted <= self._consumer.prefetch // 2 and not self._out
        if wanted >= 2 * self._consumer.prefetch or shrinks:
            await self._consumer.resize(wanted)

    async def _reach_past_what_is_held(self) -> None:
        """Have more come while batches are out that cannot be settled yet: they use up what the broker hands out."""
        held = len(self._opened)
        if self._out and 2 * held >= self._consumer.prefetch and self._consumer.prefetch < self._fitting:
            await self._consumer.resize(min(2 * self._consumer.prefetch, self._fitting))

    def _let_go(self) -> None:
        """The destination is away for long: the messages go back, before RabbitMQ takes the consumer for dead."""
        self._held = None
        _log.warning("queue.let_go", queue=self.name, messages=len(self._opened), after_seconds=HOLD)
        self._consumer.end()
        self._forget()

    def _expect(self, batch: Batch) -> RabbitBatch:
        if not isinstance(batch, RabbitBatch):
            raise TypeError(f"a batch of this queue is needed, not {type(batch).__name__}")
        if not any(batch is taken for taken in self._out):
            raise ValueError(f"a batch of queue {self.name} is settled or given back once")
        return batch

    def _put_down(self, batch: RabbitBatch) -> None:
        self._out = [taken for taken in self._out if taken is not batch]
        if not self._out:
            self._hold_no_more()

    def _hold_no_more(self) -> None:
        if self._held:
            self._held.cancel()
        self._held = None

    def _forget(self) -> None:
        self._ready.clear()
        self._opened.clear()
        self._unacknowledged.clear()


def _letter(failure: Failure) -> Letter:
    return Letter(
        _encodable(failure.reason),
        failure.attempts,
        failure.first_seen,
        failure.last_seen,
        None if failure.traceback is None else _encodable(failure.traceback),
        OURS,
        encode(failure.event),
    )


def _unreadable(broken: Broken) -> Letter:
    """A letter for what is no event: as it came, to be read again once a newer version knows it."""
    now = datetime.now(UTC)
    return Letter(broken.reason, 1, now, now, None, broken.properties, broken.body)


def _encodable(text: str) -> str:
    """What a worker said, without the halves of surrogate pairs that Python has for undecodable file names."""
    return text.encode("utf-8", "replace").decode()
