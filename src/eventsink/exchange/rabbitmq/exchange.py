"""The exchange on RabbitMQ: a fanout exchange, as Clowder declares it, and a durable quorum queue for each worker."""

import asyncio
import os
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from eventsink import __version__, amqp
from eventsink.amqp import Address, Message, MessageService
from eventsink.catalogue import matches
from eventsink.errors import (
    BrokerRefuses,
    BrokerUnavailable,
    ExchangeUnavailable,
    NotKeptHere,
    SettingsError,
    Unconfirmed,
    Unroutable,
    WorkerInUse,
)
from eventsink.event import Event
from eventsink.exchange.canary import Canary
from eventsink.exchange.contract import Account, DeadLetter, Spool
from eventsink.exchange.rabbitmq.accounts import DEAD, Keeper
from eventsink.exchange.rabbitmq.accounts_file import Book, Stored
from eventsink.exchange.rabbitmq.aside import Aside
from eventsink.exchange.rabbitmq.claim import claim
from eventsink.exchange.rabbitmq.dead_queue import PREFIX
from eventsink.exchange.rabbitmq.entries import Entries
from eventsink.exchange.rabbitmq.guard import Guard
from eventsink.exchange.rabbitmq.heartbeats import Heartbeat, Heartbeats, oldest, summary
from eventsink.exchange.rabbitmq.layout import Layout
from eventsink.exchange.rabbitmq.missing import Missing
from eventsink.exchange.rabbitmq.novelties import Novelties
from eventsink.exchange.rabbitmq.queue import RabbitQueue
from eventsink.exchange.rabbitmq.settlements import SETTLEMENTS, Record, Settlements
from eventsink.exchange.rabbitmq.wire import pack

__all__ = ["RabbitExchange", "RabbitOptions"]

OURS = ("dead", "settlements", "heartbeats", "serve")  # what follows `events.` in names that are no worker's
LOOK_EVERY = 10.0  # seconds
SPOOLED_FOR = timedelta(seconds=30)  # after which what a front door has in its spool is worth a word
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
        folder: where a process that publishes keeps what a queue without a majority should have; None for one that does
            not publish.
        most_bytes: of that, for each such queue.
    """

    name: str = "clowder.metrics"
    source: str = "clowder"
    single: bool = False
    management: str = ""
    destinations: Mapping[str, Sequence[str]] = {}
    folder: Path | None = None
    most_bytes: int = 10 << 30


class Depth(msgspec.Struct, frozen=True):
    """What waits for a worker, as far as can be seen.

    Args:
        messages: ready, or in the hands of its processes.
        silent: whether somebody consumes its queue who does not say what is in his hands.
    """

    messages: int
    silent: bool

    @property
    def empty(self) -> bool:
        """Whether surely nothing waits."""
        return not self.messages and not self.silent


class RabbitExchange:
    """Events in RabbitMQ. Make it with `open`.

    Args:
        service: to talk with the broker; without a spool, which is around the whole.
        keeper: keeps accounts and dead letters; None where another process does.
    """

    def __init__(self, service: MessageService, keeper: Keeper | None, options: RabbitOptions) -> None:
        self._service = service
        self._keeper = keeper
        self._options = options
        self._layout = Layout(service, options.name, options.destinations)
        self._aside: Aside | None = None
        if options.folder:
            self._aside = Aside(service, options.folder, self._layout.answers, options.most_bytes)
            self._layout.mind(self._aside)
        self._settlements = Settlements(service, self._layout.declare)
        self._heartbeats = Heartbeats(service, listen=keeper is not None)
        self._heartbeats.tell(self._own_heartbeats)
        self._guard = Guard(service, self._known_workers)
        self._watching = [asyncio.create_task(self._layout.watch(tell=keeper is not None), name="exchange-layout")]
        if keeper:
            self._watching.append(asyncio.create_task(self._guard.watch(), name="exchange-guard"))
            self._watching.append(asyncio.create_task(self._look_now_and_then(), name="exchange-accounts"))
        self._states: Callable[[], Mapping[str, str]] = dict
        self._canaries: Callable[[], Mapping[str, Canary]] = dict
        # In containers that share the network of their host, all are process 1 on one host.
        self._process = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._entries = Entries(self._process, keeper.enter if keeper else self._settlements.enter)
        self._missing = Missing()
        self._own_spool = ""
        self._spools: list[tuple[str, int, datetime]] = []  # of other front doors
        self._queues: dict[str, RabbitQueue] = {}
        self._declaring = asyncio.Lock()
        self._mending = asyncio.Lock()  # of dead letters: none is retried twice
        self._counting = asyncio.Lock()
        self._novelties = Novelties()
        self._given: dict[str, int] = {}  # to each worker at least, as far as was last seen
        self._empty: dict[str, float] = {}  # when a queue was last seen empty

    @classmethod
    async def open(cls, address: Address, options: RabbitOptions, keeper: Path | None = None) -> "RabbitExchange":
        """Declare what all need. A broker that is away is waited for later on.

        Args:
            address: of the broker.
            keeper: file of the accounts, in the one process that keeps them.

        Raises:
            BrokerRefuses: a person must change something first.
            DataDirectoryInUse: another process keeps these accounts.
        """
        service = MessageService(address, management=options.management)
        try:
            opened = await cls._open_keeper(service, keeper, options) if keeper else None
        except BaseException:
            await service.close()
            raise
        exchange = cls(service, opened, options)
        made: Collection[str] = ()
        try:
            try:
                made = await exchange._layout.declare()
            except BrokerRefuses:
                raise
            except BrokerUnavailable as error:
                _log.warning("exchange.away", reason=str(error))
            if opened:  # a destination that nobody has started yet is seen, with what waits for it
                for name, types in options.destinations.items():
                    await opened.register(name, types, fresh=PREFIX + name in made)
        except BaseException:
            await exchange.close()
            raise
        return exchange

    @staticmethod
    async def _open_keeper(service: MessageService, path: Path, options: RabbitOptions) -> Keeper:
        try:
            await claim(service)
        except BrokerUnavailable as error:  # it is claimed when the broker is back
            _log.info("exchange.not_claimed", reason=str(error))
        return await Keeper.open(service, path, options.source)

    # --- publishing --------------------------------------------------------------------------------------------------

    async def publish(self, events: Sequence[Event], *, counted: bool = True) -> None:
        """Publish events, and wait until RabbitMQ has confirmed that every queue has them on disk.

        Args:
            counted: whether they enter the accounts here.

        Raises:
            Unroutable: no queue takes some of them, which it names; the others are durable.
            BrokerUnavailable: some of them may be durable. Publish all of them again.
        """
        packed = pack(events, self._options.name, single=self._options.single)
        try:
            async with self._declaring:  # one after the other, so that what waited in order is published in order
                if not self._layout.declared:
                    await self._layout.declare()
            kept = self._aside.kept if self._aside else ()  # what is bound while this is under way gets it twice
            await self._service.publish_all([message for message, _ in packed])
            for worker in kept:
                await self._keep_aside(worker, [message for message, _ in packed])
        except Unroutable as error:
            self._layout.declared = False  # somebody may have deleted what was there at the last look
            returned = {id(message) for message in error.returned}
            back = [event for message, part in packed if id(message) in returned for event in part]
            if counted:
                taken = [event for message, part in packed if id(message) not in returned for event in part]
                self._entries.count(taken)
            raise Unroutable(f"{error} No worker has made its queue yet.", returned=back) from error
        except Unconfirmed:
            self._layout.suspect()
            raise
        except BrokerUnavailable:
            self._layout.declared = False  # it may be another broker that answers next
            raise
        if counted:
            self._entries.count(events)

    async def publish_again(self, events: Sequence[Event]) -> None:
        """Publish events of which it is not known whether they were published, and counted, before.

        Raises:
            Unroutable, BrokerUnavailable: as `publish`.
        """
        await self.publish(events, counted=False)

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
        if self._keeper:
            await self._keeper.note_put(worker, len(events), replayed=True)

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
            made = [*await self._layout.declare(), *await self._layout.make([PREFIX + name])]
            if self._keeper:
                await self._keeper.register(name, types, fresh=PREFIX + name in made)
            await consumer.begin()  # one that does not answer is not bound: it would hold up all others
            await self._layout.bind(name, types)
            await self._settlements.write(Record(name, list(types)))

        if self._keeper:
            await self._read_up(self._keeper)  # what was published before is not for it
        queue = RabbitQueue(name, types, consumer, begin, self._settlements, self._options.source, self._novelties)
        try:
            await begin()
        except BrokerRefuses:
            raise
        except BrokerUnavailable as error:
            if self._keeper:
                await self._keeper.register(name, types)
            _log.warning("exchange.queue_not_made_yet", queue=name, reason=str(error))
        self._queues[name] = queue
        return queue

    def announce(
        self, states: Callable[[], Mapping[str, str]], canaries: Callable[[], Mapping[str, Canary]] = dict
    ) -> None:
        """Tell the other processes some times a second what the workers of this one are doing.

        Args:
            states: in words, by worker.
            canaries: the last that each has delivered.
        """
        self._states, self._canaries = states, canaries

    def states(self) -> dict[str, str]:
        """What the workers of other processes say that they are doing."""
        return {worker: summary(heartbeats) for worker, heartbeats in self._heartbeats.of_others().items()}

    def canaries(self) -> dict[str, Canary]:
        """The last canary that each worker has delivered, as far as any process has said it."""
        return self._heartbeats.canaries()

    # --- looking -----------------------------------------------------------------------------------------------------

    def concerns(self) -> list[str]:
        """What a person should do about RabbitMQ itself."""
        return [
            *self._layout.concerns(),
            *([self._guard.concern] if self._guard.concern else []),
            *dict.fromkeys(self._heartbeats.other_versions()),
            *(
                f"The front door with the spool {spool} has kept {events} events in it since {told:%Y-%m-%d %H:%M:%S}"
                " UTC, as far as it has told: see whether it runs, and what its log says."
                for spool, events, told in self._spools
                if spool != self._own_spool and datetime.now(UTC) - told > SPOOLED_FOR
            ),
        ]

    def mind(self, spool: str, spooled: Callable[[], int]) -> None:
        """Have those know who keep the accounts what waits in the spool of this process.

        Args:
            spool: a name that is the same when this process is started again.
            spooled: gives how many events are in it.
        """
        self._own_spool = spool
        self._entries.mind(spool, spooled)

    async def accounts(self) -> dict[str, Account]:
        """The books of every worker: delivered and dead as recorded, waiting as RabbitMQ says now.

        While RabbitMQ is away, what waits is what waited when it was last seen.

        Raises:
            NotKeptHere: this process keeps no accounts.
        """
        keeper = self._need_keeper()
        async with self._counting:
            return await self._count(keeper)

    async def spool(self) -> Spool:
        """Nothing waits here for RabbitMQ: that is what the spool around it does."""
        return Spool(0, 0)

    async def dead_letters(self, *, worker: str | None = None, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters above a number, in order."""
        keeper = self._need_keeper()
        try:
            await self._catch_up(keeper)
        except BrokerUnavailable as error:
            _log.info("exchange.dead_letters_of_before", reason=str(error))
        return await keeper.dead_letters(worker, after, limit)

    async def retry(self, ids: Sequence[int]) -> int:
        """Put dead letters back into the queues that they came from."""
        keeper = self._need_keeper()
        async with self._mending:
            again = [(letter[0], letter[1], _again(letter)) for letter in await keeper.find(list(dict.fromkeys(ids)))]
            kept: set[int] = set()
            try:
                await self._service.publish_all([message for *_, message in again])
            except Unroutable as error:  # the queue of their worker is not there any more
                returned = set(map(id, error.returned))
                kept = {number for number, _, message in again if id(message) in returned}
            gone = [(number, worker) for number, worker, _ in again if number not in kept]
            for worker, messages in Counter(worker for _, worker in gone).items():
                await keeper.note_put(worker, messages, replayed=False)
            return await keeper.remove([number for number, _ in gone], dropped=False)

    async def drop(self, ids: Sequence[int]) -> int:
        """Throw dead letters away."""
        keeper = self._need_keeper()
        async with self._mending:
            return await keeper.remove(ids, dropped=True)

    async def forget(self, worker: str) -> int:
        """Take away the queue of a worker that nobody needs any more. Where it is configured, it is made again.

        Raises:
            WorkerInUse: somebody consumes its queue.
            KeyError: there is no such worker.
            NotKeptHere: this process keeps no accounts.
        """
        keeper, account = self._need_keeper(), (await self.accounts())[worker]
        try:
            consumers = (await self._service.depth(PREFIX + worker)).consumers
        except BrokerRefuses as error:
            if error.code != 404:
                raise
            consumers = 0  # somebody has deleted it already
        if consumers:
            raise WorkerInUse(f"{worker} runs: stop its process first, and take it out of the settings.")
        await self._layout.forget(worker)
        if self._aside:
            await self._aside.forget(worker)
        await self._service.delete_queue(PREFIX + worker)  # also if it is not there
        await keeper.forget(worker)
        self._given.pop(worker, None)
        self._heartbeats.forget(worker)
        return account.waiting

    async def close(self) -> None:
        """Give back what is in hand and close the connections. Safe to call twice."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        for queue in self._queues.values():
            queue.end()
        await self._heartbeats.close()
        if self._aside:
            await self._aside.close()
        await self._entries.close()
        try:
            await self._settlements.settle_up()
        except (BrokerUnavailable, TimeoutError) as error:
            _log.warning("exchange.counts_lost", reason=str(error))
        if self._keeper:
            await self._keeper.close()
        await self._service.close()

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _keep_aside(self, worker: str, messages: Sequence[Message]) -> None:
        types = self._options.destinations.get(worker, ())
        if self._aside:
            await self._aside.keep(worker, [message for message in messages if matches(message.routing_key, types)])

    async def _known_workers(self) -> list[str]:
        return [*await self._need_keeper().books()]

    async def _look_now_and_then(self) -> None:
        """What is missing is found, and said in the log, also while nobody asks."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.accounts()
            except ExchangeUnavailable as error:
                _log.info("exchange.accounts_not_looked_at", reason=str(error))
            except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to look never again
                _log.exception("exchange.accounts_failed")

    async def _count(self, keeper: Keeper) -> dict[str, Account]:
        """In this order nothing that is on its way is taken for missing.

        First what has entered is read, then whether the queues are empty, then what was settled of it.
        """
        before: dict[str, Book] = {}
        depths: dict[str, Depth] = {}
        idle: list[str] = []
        try:
            await self._settlements.settle_up()
            await self._entries.report()
            before = await keeper.books()
            depths = await self._look([*before])
            if await self._catch_up(keeper):
                idle = [name for name, depth in depths.items() if depth.empty]
        except ExchangeUnavailable as error:
            _log.info("exchange.accounts_of_before", reason=str(error))
        books, self._spools = await keeper.books(), await keeper.spools()
        try:
            begun, missing = self._missing.judge(before, books, idle)
            missing = {
                name: events
                for name, events in missing.items()
                if events < books[name].noted or await self._is_empty(name)
            }
            if begun or missing:
                await keeper.begin({name: books[name] for name in begun})
                await keeper.note_missing(missing)
                for name, events in missing.items():
                    if events > books[name].missing:
                        _log.error("exchange.events_missing", worker=name, events=events - books[name].missing)
                books = await keeper.books()
        except ExchangeUnavailable as error:  # the disk is full: it is noted the next time
            _log.info("exchange.not_noted", reason=str(error))
        if depths:
            messages = {name: depth.messages for name, depth in depths.items()}
            self._given = self._missing.given(self._given, before, books, messages, idle)
        return {name: self._account(name, book) for name, book in books.items()}

    async def _read_up(self, keeper: Keeper) -> None:
        """Have all in the accounts that is known here."""
        try:
            await self._entries.report()
            await self._catch_up(keeper)
        except ExchangeUnavailable as error:
            _log.info("exchange.not_read_up", reason=str(error))

    async def _catch_up(self, keeper: Keeper) -> bool:
        """Wait until what was recorded is filed; not for ever, for under load something is recorded all the time."""
        deadline = time.monotonic() + SETTLED_WITHIN
        idle = 0
        while idle < 2 and time.monotonic() < deadline:
            depths = [await self._service.depth(queue) for queue in (SETTLEMENTS, DEAD)]
            quiet = all(
                depth.consumers and not depth.ready for depth in depths
            )  # without a leader nobody consumes them
            idle = idle + 1 if quiet and not keeper.busy else 0
            await asyncio.sleep(0.002)  # what is on its way from the broker arrives meanwhile
        return idle == 2

    async def _look(self, workers: Sequence[str]) -> dict[str, Depth]:
        """What waits for each worker: in its queue, and in the hands of its processes."""
        found: dict[str, amqp.Depth] = {}
        for worker in workers:
            try:
                found[worker] = await self._service.depth(PREFIX + worker)
            except BrokerRefuses as error:
                if error.code != 404:
                    raise
                found[worker] = amqp.Depth(0, 0)  # its queue was deleted, and what waited in it
        looked = asyncio.get_running_loop().time()
        await self._heartbeats.fresh()
        others, heard = self._heartbeats.of_others(), self._heartbeats.of_others(looked)
        depths = {}
        for worker, depth in found.items():
            own = self._queues[worker].in_hand().messages if worker in self._queues else 0
            known = len(heard.get(worker, ())) + (worker in self._queues and self._queues[worker].open)
            # Of a queue without a leader RabbitMQ says that nobody consumes it and that nothing is in it.
            silent = depth.consumers > known or (depth.consumers == 0 and known > 0)
            in_hand = own + sum(heartbeat.messages for heartbeat in others.get(worker, ()) if depth.consumers)
            depths[worker] = Depth(depth.ready + in_hand, silent)
        return depths

    async def _is_empty(self, worker: str) -> bool:
        """Ask a queue itself, which only one that has a leader answers."""
        try:
            async with self._service.hold() as channel:
                return await channel.get(PREFIX + worker) is None
        except BrokerRefuses as error:
            return error.code == 404
        except BrokerUnavailable:
            return False

    def _account(self, name: str, book: Book) -> Account:
        waiting = max(book.left, self._given.get(name, 0) - book.settled) - book.missing
        now = time.time()
        if not waiting:
            self._empty[name] = now
        since = self._oldest(name)
        lag = (datetime.now(UTC) - since).total_seconds() if since else now - self._empty.setdefault(name, now)
        return Account(
            accepted=book.settled + waiting + book.missing,
            delivered=book.delivered,
            waiting=waiting,
            dead=book.dead + book.dropped,
            dropped=book.dropped,
            missing=book.missing,
            missing_since=book.missing_since,
            lag_seconds=round(max(lag, 0.001), 3) if waiting else 0.0,
        )

    def _oldest(self, name: str) -> datetime | None:
        found = oldest(self._heartbeats.of_others().get(name, ()))
        own = self._queues[name].in_hand().oldest if name in self._queues else None
        return min((moment for moment in (found, own) if moment), default=None)

    def _own_heartbeats(self) -> list[Heartbeat]:
        states, canaries = self._states(), self._canaries()
        heartbeats = []
        for name, queue in self._queues.items():
            hand = queue.in_hand()
            state = states.get(name, "")
            heartbeats.append(
                Heartbeat(
                    worker=name,
                    process=self._process,
                    state=state,
                    messages=hand.messages,
                    oldest=hand.oldest,
                    version=__version__,
                    canary=canaries.get(name),
                )
            )
        return heartbeats

    def _need_keeper(self) -> Keeper:
        if self._keeper is None:
            raise NotKeptHere("This process keeps no accounts: ask the one that runs `eventsink serve`.")
        return self._keeper


def _alone(message: Message, worker: str, key: str) -> Message:
    return msgspec.structs.replace(message, routing_key=PREFIX + worker, message_id=key)


def _again(letter: Stored) -> Message:
    number, worker, *_, properties, body = letter
    message = Message(body=body, routing_key=PREFIX + worker, message_id=f"retry-{number}-{uuid.uuid4().hex}")
    return msgspec.structs.replace(message, **msgspec.json.decode(properties))
