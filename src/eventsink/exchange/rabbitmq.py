"""The exchange on RabbitMQ: a fanout exchange, as Clowder declares it, and a durable quorum queue for each worker."""

import asyncio
import os
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from eventsink import amqp
from eventsink.amqp import Address, Message, MessageService
from eventsink.errors import (
    BrokerRefuses,
    BrokerUnavailable,
    ExchangeUnavailable,
    NotKeptHere,
    SettingsError,
    Unroutable,
    WorkerInUse,
)
from eventsink.event import Event
from eventsink.exchange import backlog
from eventsink.exchange.claim import claim
from eventsink.exchange.contract import Account, DeadLetter, Spool
from eventsink.exchange.dead_queue import PREFIX
from eventsink.exchange.guard import Guard
from eventsink.exchange.layout import Layout
from eventsink.exchange.ledger import LEDGER, Ledger, Record
from eventsink.exchange.novelties import Novelties
from eventsink.exchange.office import DEAD, Office
from eventsink.exchange.office_file import Stored
from eventsink.exchange.pulse import EVERY, Pulse, Pulses, oldest, summary
from eventsink.exchange.rabbitmq_queue import RabbitQueue
from eventsink.exchange.wire import pack

__all__ = ["RabbitExchange", "RabbitOptions"]

OURS = ("dead", "ledger", "pulse", "serve")  # what follows `events.` in names that are no worker's
SETTLED_WITHIN = 2.0  # seconds to wait for what workers have recorded to be filed

_log = structlog.get_logger(__name__)


class RabbitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to use a broker.

    Args:
        name: of the fanout exchange.
        source: of events that name none, in messages of others.
        single: one message an event.
        management: address of the management API; empty for port 15672 of the first node.
        destinations: the types that each wants, by its name, all if empty. Their queues are there before anything is
            accepted.
    """

    name: str = "clowder.metrics"
    source: str = "clowder"
    single: bool = False
    management: str = ""
    destinations: Mapping[str, Sequence[str]] = {}


class RabbitExchange:
    """Events in RabbitMQ. Make it with `open`.

    Args:
        service: to talk with the broker; without a spool, which is around the whole.
        office: keeps accounts and dead letters; None where another process does.
    """

    def __init__(self, service: MessageService, office: Office | None, options: RabbitOptions) -> None:
        self._service = service
        self._office = office
        self._options = options
        self._layout = Layout(service, options.name, options.destinations)
        self._ledger = Ledger(service, self._layout.declare)
        self._pulses = Pulses(service, listen=office is not None)
        self._pulses.tell(self._own_pulses)
        self._guard = Guard(service, self._known_workers)
        self._watching = [asyncio.create_task(self._layout.watch(tell=office is not None), name="exchange-layout")]
        if office:
            self._watching.append(asyncio.create_task(self._guard.watch(), name="exchange-guard"))
        self._states: Callable[[], Mapping[str, str]] = dict
        # In containers that share the network of their host, all are process 1 on one host.
        self._process = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._queues: dict[str, RabbitQueue] = {}
        self._declaring = asyncio.Lock()
        self._mending = asyncio.Lock()  # of dead letters: none is retried twice
        self._counting = asyncio.Lock()
        self._unheard = False  # whether a queue has consumers that have not said yet what is in their hands
        self._novelties = Novelties()
        self._elsewhere = False  # whether a queue has consumers in other processes
        self._quiet: tuple[float, Mapping[str, backlog.Books]] = 0.0, {}  # since when nothing waits, and the books then
        self._waiting: dict[str, int] = {}  # as last seen
        self._empty: dict[str, float] = {}  # when a queue was last seen empty

    @classmethod
    async def open(cls, address: Address, options: RabbitOptions, office: Path | None = None) -> "RabbitExchange":
        """Declare what all need. A broker that is away is waited for later on.

        Args:
            address: of the broker.
            office: file of the accounts, in the one process that keeps them.

        Raises:
            BrokerRefuses: a person must change something first.
            DataDirectoryInUse: another process keeps these accounts.
        """
        service = MessageService(address, management=options.management)
        try:
            opened = await cls._open_office(service, office, options) if office else None
        except BaseException:
            await service.close()
            raise
        exchange = cls(service, opened, options)
        try:
            await exchange._layout.declare()
        except BaseException as error:
            if isinstance(error, BrokerUnavailable) and not isinstance(error, BrokerRefuses):
                _log.warning("exchange.away", reason=str(error))
                return exchange
            await exchange.close()
            raise
        return exchange

    @staticmethod
    async def _open_office(service: MessageService, path: Path, options: RabbitOptions) -> Office:
        try:
            await claim(service)
        except BrokerUnavailable as error:  # it is claimed when the broker is back
            _log.info("exchange.not_claimed", reason=str(error))
        office = await Office.open(service, path, options.source)
        for name, types in options.destinations.items():
            await office.register(name, types)  # one that nobody has started yet is seen, with what waits for it
        return office

    # --- publishing --------------------------------------------------------------------------------------------------

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish events, and wait until RabbitMQ has confirmed that every queue has them on disk.

        Raises:
            Unroutable: no queue takes some of them, which it names; the others are durable.
            BrokerUnavailable: some of them may be durable. Publish all of them again.
        """
        packed = pack(events, self._options.name, single=self._options.single)
        try:
            async with self._declaring:  # one after the other, so that what waited in order is published in order
                if not self._layout.declared:
                    await self._layout.declare()
            await self._service.publish_all([message for message, _ in packed])
        except Unroutable as error:
            self._layout.declared = False  # somebody may have deleted what was there at the last look
            returned = {id(message) for message in error.returned}
            back = [event for message, part in packed if id(message) in returned for event in part]
            raise Unroutable(f"{error} No worker has made its queue yet.", returned=back) from error
        except BrokerUnavailable:
            self._layout.declared = False  # it may be another broker that answers next
            raise
        if self._office and packed:
            self._office.note_published(len(packed), len(events))

    async def check(self) -> None:
        """See whether RabbitMQ has what events are published into.

        Raises:
            BrokerUnavailable: it is away, or refuses that.
        """
        await self.publish([])

    async def put_back(self, worker: str, events: Sequence[Event]) -> None:
        """Put events into one worker's queue alone."""
        messages = [_alone(message, worker, uuid.uuid4().hex) for message, _ in pack(events, "")]
        await self._service.publish_all(messages)
        if self._office:
            await self._office.note_put(worker, len(messages), len(events))

    # --- consuming ---------------------------------------------------------------------------------------------------

    async def queue(self, name: str, types: Sequence[str] = ()) -> RabbitQueue:
        """The queue of a worker, made and bound when it is not there.

        Args:
            types: that the worker wants, as `storage.*`; all if empty. RabbitMQ sends no others to its queue.

        Raises:
            SettingsError: no worker may have this name.
            BrokerRefuses: there is a queue of this name that is declared differently.
        """
        if name in OURS:
            raise SettingsError(f"A worker cannot be called {name!r} on RabbitMQ: give its section another name.")
        if name in self._queues:
            return self._queues[name]
        consumer = self._service.consumer(PREFIX + name, 0)

        async def begin() -> None:
            await self._layout.declare()
            await self._layout.make([PREFIX + name])
            await consumer.begin()  # one that does not answer is not bound: it would hold up all others
            await self._layout.bind(name, types)
            await self._ledger.write(Record(name, list(types)))

        queue = RabbitQueue(name, types, consumer, begin, self._ledger, self._options.source, self._novelties)
        try:
            await begin()
        except BrokerRefuses:
            raise
        except BrokerUnavailable as error:
            if self._office:
                await self._office.register(name, types)
            _log.warning("exchange.queue_not_made_yet", queue=name, reason=str(error))
        self._queues[name] = queue
        return queue

    def announce(self, states: Callable[[], Mapping[str, str]]) -> None:
        """Tell the other processes some times a second what the workers of this one are doing."""
        self._states = states

    def states(self) -> dict[str, str]:
        """What the workers of other processes say that they are doing."""
        return {worker: summary(pulses) for worker, pulses in self._pulses.of_others().items()}

    # --- looking -----------------------------------------------------------------------------------------------------

    def concerns(self) -> list[str]:
        """What a person should do about RabbitMQ itself."""
        return [*self._layout.concerns(), *([self._guard.concern] if self._guard.concern else [])]

    async def accounts(self) -> dict[str, Account]:
        """The books of every worker: delivered and dead as recorded, waiting as RabbitMQ says now.

        While RabbitMQ is away, what waits is what waited when it was last seen.

        Raises:
            NotKeptHere: this process keeps no accounts.
        """
        office = self._need_office()
        async with self._counting:
            return await self._count(office)

    async def spool(self) -> Spool:
        """Nothing waits here for RabbitMQ: that is what the spool around it does."""
        return Spool(0, 0)

    async def dead_letters(self, *, worker: str | None = None, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters above a number, in order."""
        office = self._need_office()
        try:
            await self._catch_up(office)
        except BrokerUnavailable as error:
            _log.info("exchange.dead_letters_of_before", reason=str(error))
        return await office.dead_letters(worker, after, limit)

    async def retry(self, ids: Sequence[int]) -> int:
        """Put dead letters back into the queues that they came from."""
        office = self._need_office()
        async with self._mending:
            again = [(letter[0], letter[1], _again(letter)) for letter in await office.find(list(dict.fromkeys(ids)))]
            kept: set[int] = set()
            try:
                await self._service.publish_all([message for *_, message in again])
            except Unroutable as error:  # the queue of their worker is not there any more
                returned = set(map(id, error.returned))
                kept = {number for number, _, message in again if id(message) in returned}
            gone = [(number, worker) for number, worker, _ in again if number not in kept]
            for worker, messages in Counter(worker for _, worker in gone).items():
                await office.note_put(worker, messages, messages)
            return await office.remove([number for number, _ in gone], dropped=False)

    async def drop(self, ids: Sequence[int]) -> int:
        """Throw dead letters away."""
        office = self._need_office()
        async with self._mending:
            return await office.remove(ids, dropped=True)

    async def forget(self, worker: str) -> int:
        """Take away the queue of a worker that nobody needs any more. Where it is configured, it is made again.

        Raises:
            WorkerInUse: somebody consumes its queue.
            KeyError: there is no such worker.
            NotKeptHere: this process keeps no accounts.
        """
        office, account = self._need_office(), (await self.accounts())[worker]
        try:
            consumers = (await self._service.depth(PREFIX + worker)).consumers
        except BrokerRefuses as error:
            if error.code != 404:
                raise
            consumers = 0  # somebody has deleted it already
        if consumers:
            raise WorkerInUse(f"{worker} runs: stop its process first, and take it out of the settings.")
        await self._service.delete_queue(PREFIX + worker)  # also if it is not there
        self._layout.forget(worker)
        await office.forget(worker)
        return account.waiting

    async def close(self) -> None:
        """Give back what is in hand and close the connections. Safe to call twice."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        for queue in self._queues.values():
            queue.end()
        await self._pulses.close()
        try:
            await self._ledger.settle_up()
        except (BrokerUnavailable, TimeoutError) as error:
            _log.warning("exchange.counts_lost", reason=str(error))
        if self._office:
            await self._office.close()
        await self._service.close()

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _known_workers(self) -> list[str]:
        return [*await self._need_office().books()]

    async def _count(self, office: Office) -> dict[str, Account]:
        before: dict[str, backlog.Books] = {}
        depths: dict[str, int] | None = None
        try:
            await self._ledger.settle_up()
            before = await office.books()
            # In this order an event is seen at least once: ready in its queue, then in a hand, then in the ledger.
            depths = await self._depths([*before])
            await self._catch_up(office)
        except BrokerUnavailable as error:
            _log.info("exchange.accounts_of_before", reason=str(error))
        books = await office.books()
        if depths is not None:
            depths |= dict.fromkeys(books.keys() - depths.keys(), 0)  # filed first meanwhile
            self._waiting = backlog.waiting(books, depths, office.events_per_message)
            if books == before and self._is_quiet(books, depths):  # nothing was settled while the queues were looked at
                await self._note_even(office, backlog.even(books, depths))
        return {name: self._account(name, book) for name, book in books.items()}

    def _is_quiet(self, books: Mapping[str, backlog.Books], depths: Mapping[str, int]) -> bool:
        """Whether nothing has waited for so long that other processes would have said by now if it were otherwise."""
        now = time.monotonic()
        if any(depths.values()) or books != self._quiet[1]:
            self._quiet = now, books
        return not self._unheard and (not self._elsewhere or now - self._quiet[0] > 2 * EVERY)

    async def _note_even(self, office: Office, zeros: Mapping[str, int]) -> None:
        try:
            await office.set_even(zeros)
        except ExchangeUnavailable as error:  # the disk is full: it is noted the next time
            _log.info("exchange.not_noted", reason=str(error))

    async def _catch_up(self, office: Office) -> None:
        """Wait until what was recorded is filed; not for ever, for under load something is recorded all the time."""
        deadline = time.monotonic() + SETTLED_WITHIN
        idle = 0
        while idle < 2 and time.monotonic() < deadline:
            ready = (await self._service.depth(LEDGER)).ready + (await self._service.depth(DEAD)).ready
            idle = idle + 1 if not ready and not office.busy else 0
            await asyncio.sleep(0.002)  # what is on its way from the broker arrives meanwhile

    async def _depths(self, workers: Sequence[str]) -> dict[str, int]:
        """Messages of each worker that are not settled: those ready in its queue, and those in its processes' hands."""
        found: dict[str, amqp.Depth] = {}
        for worker in workers:
            try:
                found[worker] = await self._service.depth(PREFIX + worker)
            except BrokerRefuses as error:
                if error.code != 404:
                    raise
                found[worker] = amqp.Depth(0, 0)  # its queue was deleted, and what waited in it
        await self._pulses.fresh()
        others = self._pulses.of_others()
        self._unheard = self._elsewhere = False
        depths = {}
        for worker, depth in found.items():
            ready, consumers = depth.ready, depth.consumers
            own = self._queues[worker].in_hand().messages if worker in self._queues else 0
            heard = others.get(worker, ())
            self._elsewhere |= consumers > (worker in self._queues)
            self._unheard |= consumers > len(heard) + (worker in self._queues)
            depths[worker] = ready + own + (sum(pulse.messages for pulse in heard) if consumers else 0)
        return depths

    def _account(self, name: str, book: backlog.Books) -> Account:
        waiting = self._waiting.get(name, 0)
        now = time.time()
        if not waiting:
            self._empty[name] = now
        since = self._oldest(name)
        lag = (datetime.now(UTC) - since).total_seconds() if since else now - self._empty.setdefault(name, now)
        dead = book.dead + book.dropped
        return Account(
            accepted=book.delivered + waiting + dead,
            delivered=book.delivered,
            waiting=waiting,
            dead=dead,
            dropped=book.dropped,
            lost=0,
            lag_seconds=round(max(lag, 0.001), 3) if waiting else 0.0,
        )

    def _oldest(self, name: str) -> datetime | None:
        found = oldest(self._pulses.of_others().get(name, ()))
        own = self._queues[name].in_hand().oldest if name in self._queues else None
        return min((moment for moment in (found, own) if moment), default=None)

    def _own_pulses(self) -> list[Pulse]:
        states = self._states()
        pulses = []
        for name, queue in self._queues.items():
            hand = queue.in_hand()
            state = states.get(name, "")
            pulses.append(
                Pulse(worker=name, process=self._process, state=state, messages=hand.messages, oldest=hand.oldest)
            )
        return pulses

    def _need_office(self) -> Office:
        if self._office is None:
            raise NotKeptHere("This process keeps no accounts: ask the one that runs `eventsink serve`.")
        return self._office


def _alone(message: Message, worker: str, key: str) -> Message:
    return msgspec.structs.replace(message, routing_key=PREFIX + worker, message_id=key)


def _again(letter: Stored) -> Message:
    number, worker, *_, properties, body = letter
    message = Message(body=body, routing_key=PREFIX + worker, message_id=f"retry-{number}-{uuid.uuid4().hex}")
    return msgspec.structs.replace(message, **msgspec.json.decode(properties))
