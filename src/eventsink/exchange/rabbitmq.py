"""The exchange on RabbitMQ: a fanout exchange, as Clowder declares it, and a durable quorum queue for each worker."""

import asyncio
import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from eventsink import amqp
from eventsink.amqp import Address, Binding, Connection, Consumer, Message, Publisher
from eventsink.errors import BrokerRefuses, BrokerUnavailable, NotKeptHere, SettingsError, Unroutable
from eventsink.event import Event
from eventsink.exchange import backlog
from eventsink.exchange.contract import Account, DeadLetter, Spool
from eventsink.exchange.dead_queue import PREFIX
from eventsink.exchange.ledger import LEDGER, Ledger, Record
from eventsink.exchange.office import DEAD, Office
from eventsink.exchange.office_file import Stored
from eventsink.exchange.pulse import PULSE, Pulse, Pulses, oldest, summary
from eventsink.exchange.rabbitmq_queue import RabbitQueue
from eventsink.exchange.wire import APP, pack

__all__ = ["RabbitExchange", "RabbitOptions"]

QUORUM = {"x-queue-type": "quorum"}
OURS = ("dead", "ledger", "pulse")  # what follows `events.` in names that are no worker's
CLOWDERS_KEYS = ("", "event.sink")  # routing keys of Clowder's own messages: of 1.15.1 and later, and of 1.15.0
SETTLED_WITHIN = 2.0  # seconds to wait for what workers have recorded to be filed

_log = structlog.get_logger(__name__)


class RabbitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to use a broker.

    Args:
        name: of the fanout exchange.
        source: of events that name none, in messages of others.
        single: one message an event.
    """

    name: str = "clowder.metrics"
    source: str = "clowder"
    single: bool = False


class RabbitExchange:
    """Events in RabbitMQ. Make it with `open`.

    Args:
        publishing: a connection for publishing alone; RabbitMQ holds it up when it runs short of memory.
        consuming: another one for all else.
        office: keeps accounts and dead letters; None where another process does.
    """

    def __init__(
        self, publishing: Connection, consuming: Connection, office: Office | None, options: RabbitOptions
    ) -> None:
        self._publishing = publishing
        self._consuming = consuming
        self._office = office
        self._options = options
        self._publisher = Publisher(publishing)
        self._ledger = Ledger(self._publisher, publishing)
        self._pulses = Pulses(consuming, self._publisher, listen=office is not None)
        self._pulses.tell(self._own_pulses)
        self._states: Callable[[], Mapping[str, str]] = dict
        self._process = f"{socket.gethostname()}:{os.getpid()}"
        self._queues: dict[str, RabbitQueue] = {}
        self._declared = False
        self._looking: amqp.Channel | None = None
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
        publishing, consuming = Connection(address, "eventsink publishing"), Connection(address, "eventsink consuming")
        opened = await Office.open(consuming, office) if office else None
        exchange = cls(publishing, consuming, opened, options)
        try:
            await exchange._declare()
        except BrokerRefuses:
            await exchange.close()
            raise
        except BrokerUnavailable as error:
            _log.warning("exchange.away", reason=str(error))
        return exchange

    # --- publishing --------------------------------------------------------------------------------------------------

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish events, and wait until RabbitMQ has confirmed that every queue has them on disk.

        Raises:
            Unroutable: no queue takes some of them, which it names; the others are durable.
            BrokerUnavailable: some of them may be durable. Publish all of them again.
        """
        packed = pack(events, self._options.name, single=self._options.single)
        try:
            if not self._declared:
                await self._declare()
            await self._publisher.publish([message for message, _ in packed])
        except Unroutable as error:
            returned = {id(message) for message in error.returned}
            back = [event for message, part in packed if id(message) in returned for event in part]
            raise Unroutable(str(error), returned=back) from error
        except BrokerUnavailable:
            self._declared = False  # it may be another broker that answers next
            raise

    async def put_back(self, worker: str, events: Sequence[Event]) -> None:
        """Put events into one worker's queue alone."""
        messages = [_alone(message, worker, uuid.uuid4().hex) for message, _ in pack(events, "")]
        await self._publisher.publish(messages)
        if self._office:
            await self._office.note_put(worker, len(events) - len(messages))

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
        if self._office:
            await self._office.register(name, types)
        consumer = Consumer(self._consuming, PREFIX + name, 0)

        async def declare() -> None:
            await self._declare()
            await self._declare_queue(name, types)
            await self._ledger.write(Record(name, list(types)))

        queue = RabbitQueue(name, types, consumer, declare, self._ledger, self._options.source)
        try:
            await declare()
        except BrokerRefuses:
            raise
        except BrokerUnavailable as error:
            _log.warning("exchange.queue_not_made_yet", queue=name, reason=str(error))
        self._queues[name] = queue
        return queue

    def announce(self, states: Callable[[], Mapping[str, str]]) -> None:
        """Tell the other processes once a second what the workers of this one are doing."""
        self._states = states

    def states(self) -> dict[str, str]:
        """What the workers of other processes say that they are doing."""
        return {worker: summary(pulses) for worker, pulses in self._pulses.of_others().items()}

    # --- looking -----------------------------------------------------------------------------------------------------

    async def accounts(self) -> dict[str, Account]:
        """The books of every worker: delivered and dead as recorded, waiting as RabbitMQ says now.

        While RabbitMQ is away, what waits is what waited when it was last seen.

        Raises:
            NotKeptHere: this process keeps no accounts.
        """
        office = self._need_office()
        depths: dict[str, int] | None = None
        try:
            await self._catch_up(office)
            depths = await self._depths([*await office.books()])
        except BrokerUnavailable as error:
            _log.info("exchange.accounts_of_before", reason=str(error))
        books = await office.books()
        if depths is not None:
            self._waiting = backlog.waiting(books, depths, office.events_per_message)
            await office.set_even(backlog.even(books, depths))
        return {name: self._account(name, book) for name, book in books.items()}

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
        letters = await office.find(ids)
        await self._publisher.publish([_again(letter) for letter in letters])
        return await office.remove([letter[0] for letter in letters], dropped=False)

    async def drop(self, ids: Sequence[int]) -> int:
        """Throw dead letters away."""
        return await self._need_office().remove(ids, dropped=True)

    async def close(self) -> None:
        """Give back what is in hand and close the connections. Safe to call twice."""
        for queue in self._queues.values():
            queue.end()
        await self._pulses.close()
        try:
            await self._ledger.settle_up()
        except (BrokerUnavailable, TimeoutError) as error:
            _log.warning("exchange.counts_lost", reason=str(error))
        if self._office:
            await self._office.close()
        await self._publishing.close()
        await self._consuming.close()

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _declare(self) -> None:
        await amqp.declare(
            self._consuming,
            exchanges=[amqp.Exchange(self._options.name), amqp.Exchange(DEAD), amqp.Exchange(PULSE)],
            queues=[amqp.Queue(LEDGER, QUORUM), amqp.Queue(DEAD, QUORUM)],
            bindings=[Binding(DEAD, DEAD)],
        )
        self._declared = True

    async def _declare_queue(self, name: str, types: Sequence[str]) -> None:
        queue, fanout, topic = PREFIX + name, self._options.name, f"{self._options.name}.types"
        if not types:
            await amqp.declare(self._consuming, queues=[amqp.Queue(queue, QUORUM)], bindings=[Binding(fanout, queue)])
            return
        keys = [*map(_topic, types), *CLOWDERS_KEYS]
        await amqp.declare(
            self._consuming,
            exchanges=[amqp.Exchange(topic, "topic")],
            queues=[amqp.Queue(queue, QUORUM)],
            bindings=[Binding(fanout, topic, to_exchange=True), *(Binding(topic, queue, key) for key in keys)],
            unwanted=[Binding(fanout, queue)],
        )

    async def _catch_up(self, office: Office) -> None:
        """Wait until what was recorded is filed; not for ever, for under load something is recorded all the time."""
        deadline = time.monotonic() + SETTLED_WITHIN
        idle = 0
        while idle < 2 and time.monotonic() < deadline:
            channel = await self._look()
            ready = (await amqp.depth(channel, LEDGER))[0] + (await amqp.depth(channel, DEAD))[0]
            idle = idle + 1 if not ready and not office.busy else 0
            await asyncio.sleep(0.002)  # what is on its way from the broker arrives meanwhile

    async def _depths(self, workers: Sequence[str]) -> dict[str, int]:
        """Messages of each worker that are not settled: those ready in its queue, and those in its processes' hands."""
        depths = {}
        others = self._pulses.of_others()
        for worker in workers:
            try:
                ready, consumers = await amqp.depth(await self._look(), PREFIX + worker)
            except BrokerRefuses as error:
                if error.code != 404:
                    raise
                ready, consumers = 0, 0  # its queue was deleted, and what waited in it
            own = self._queues[worker].in_hand().messages if worker in self._queues else 0
            depths[worker] = ready + own + (sum(pulse.messages for pulse in others.get(worker, ())) if consumers else 0)
        return depths

    async def _look(self) -> amqp.Channel:
        if self._looking is None or not self._looking.open:
            self._looking = await self._consuming.channel()
        return self._looking

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
    number, worker, *_, content_type, body = letter
    return Message(
        body=body,
        routing_key=PREFIX + worker,
        content_type=content_type,
        message_id=f"retry-{number}-{uuid.uuid4().hex}",
        app_id=APP if content_type == "application/cloudevents+json" else None,
    )


def _topic(pattern: str) -> str:
    """A binding key for types as we write them: `storage.*` is all that begins with `storage.`."""
    return f"{pattern[:-1]}#" if pattern.endswith(".*") else "#" if pattern == "*" else pattern
