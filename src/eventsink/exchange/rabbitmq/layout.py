"""The exchanges, queues and bindings that RabbitMQ must have so that no configured destination misses an event.

In: the settings of all destinations. Out: their queues, there and bound before the first event is accepted, whether
anybody has started their workers yet or not; and a look at them now and then, for whoever changes the broker does not
tell us.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from eventsink import amqp
from eventsink.amqp import Binding, Connection, MessageService
from eventsink.catalogue import CATALOGUE
from eventsink.errors import BrokerRefuses, BrokerUnavailable, EventSinkError
from eventsink.exchange.rabbitmq.accounts import DEAD
from eventsink.exchange.rabbitmq.aside import Aside
from eventsink.exchange.rabbitmq.claim import taken
from eventsink.exchange.rabbitmq.dead_queue import PREFIX
from eventsink.exchange.rabbitmq.heartbeats import HEARTBEATS
from eventsink.exchange.rabbitmq.plan import binding_key, bindings, fanout, quorum, topic
from eventsink.exchange.rabbitmq.settlements import SETTLEMENTS

__all__ = ["Layout"]

# Killed within a second after it made a quorum queue, RabbitMQ 3.10 comes back with one that answers nothing.
FLUSHED_AFTER = 1.0  # seconds
# Made anew within milliseconds after it was deleted, a quorum queue inherits consumers to which it delivers nothing.
CANCELLED_AFTER = 0.5  # seconds
EVERY = 20.0  # seconds
ANSWERS_WITHIN = 3.0  # seconds
ASKED_AGAIN_AFTER = 60.0  # seconds
# A queue that takes nothing is unbound when every front door has had the time to see it, and keeps its messages aside.
UNBOUND_AFTER = 2 * EVERY
REMEMBERED = timedelta(days=1)

_log = structlog.get_logger(__name__)


class Layout:
    """What one process sees to.

    Args:
        service: to declare with.
        exchange: name of the fanout exchange.
        destinations: the types that each wants, by its name; all if empty.
    """

    def __init__(self, service: MessageService, exchange: str, destinations: Mapping[str, Sequence[str]]) -> None:
        self._service = service
        self._exchange = exchange
        self._destinations = dict(destinations)
        self._one = asyncio.Lock()
        self._known: set[str] = set()  # queues that were there at a look
        self._aside: Aside | None = None
        self._silent: dict[str, datetime] = {}  # since when queues have not answered, while others did
        self._suspicious = False
        self._ask_again_at = 0.0  # of the event loop: what is asked moves messages, and is not asked all the time
        self._rival = ""  # who else keeps the accounts
        self._refused: dict[str, str] = {}
        self._gone: dict[str, tuple[datetime, str]] = {}  # when something of a worker was found missing, and a sentence
        self._looked = datetime.now(UTC)  # when all was well
        self.declared = False
        """Whether it was all there at the last look, and nothing has spoken against it since."""

    def mind(self, aside: Aside) -> None:
        """Have messages kept for queues that do not answer, and unbind these: for a process that publishes."""
        self._aside = aside

    def suspect(self) -> None:
        """Something that was published was not confirmed in time: one of the queues may be the reason."""
        self.declared = False
        self._suspicious = True

    async def answers(self, name: str) -> bool:
        """Whether the queue of a worker takes messages: of one without a majority, nobody can say what is next in it.

        Its depth says nothing: without a majority, its leader goes on telling what it knew. A message that is there is
        put back. On a connection of its own, for RabbitMQ may close the one on which this is asked.

        Raises:
            BrokerUnavailable: the broker itself does not answer.
        """
        try:
            await self._service.depth(PREFIX + name)
        except BrokerRefuses:  # it is not there, or we may not read it: nothing speaks against its taking messages
            return True
        connection = Connection(self._service.address, "eventsink asking a queue")
        try:
            channel = await connection.channel()
            try:
                async with asyncio.timeout(ANSWERS_WITHIN):
                    await channel.get(PREFIX + name)
            except BrokerRefuses:
                pass
            except (BrokerUnavailable, TimeoutError):
                connection.drop(channel)  # it would wait with its goodbye, too
                return False
            return True
        finally:  # also where this process is ending
            await connection.close()

    async def declare(self) -> list[str]:
        """Make sure that all is there; gives the queues that were not.

        Raises:
            BrokerRefuses: what all need cannot be made; a sentence says what to do. What only one destination needs is
                a concern.
            BrokerUnavailable: the broker does not answer.
        """
        async with self._one:
            try:
                await self._service.declare(exchanges=[fanout(self._exchange)])
            except BrokerRefuses as error:
                raise BrokerRefuses(f"{error} The setting of the name is exchange.name.", code=error.code) from error
            await self._service.declare(exchanges=[fanout(DEAD), fanout(HEARTBEATS)])
            await self.make([SETTLEMENTS, DEAD])
            await self._service.declare(bindings=[Binding(DEAD, DEAD)])
            made = await self._declare_destinations()
            self.declared = True
            return made

    async def make(self, queues: Sequence[str]) -> list[str]:
        """Make queues that are not there, and give these."""
        gone = [queue for queue in queues if queue in self._known and await self._is_gone(queue)]
        if gone:
            self.declared = False  # what is published before it is there and bound again would miss it
            await asyncio.sleep(CANCELLED_AFTER)
        made = await self._service.declare(queues=[quorum(queue) for queue in queues])
        for queue in made:
            if queue in self._known and queue.removeprefix(PREFIX) in self._destinations:
                self._note(queue.removeprefix(PREFIX), "was gone, with what waited in it, and was made again")
        self._known.update(queues)
        if made:
            await asyncio.sleep(FLUSHED_AFTER)
        return made

    async def _is_gone(self, queue: str) -> bool:
        try:
            await self._service.depth(queue)
        except BrokerRefuses as error:
            if error.code != 404:
                raise
            return True
        return False

    async def bind(self, name: str, types: Sequence[str]) -> None:
        """Have a queue that is there get events of these types, and see to it from now on; all if there are none."""
        await self._bind(name, types)
        self._destinations[name] = list(types)

    async def _bind(self, name: str, types: Sequence[str]) -> None:
        wanted, queue, behind = bindings(self._exchange, name, types), PREFIX + name, topic(self._exchange)
        if not types:
            await self._service.declare(bindings=wanted)
            return
        # What it may have wanted before; AMQP cannot say which bindings there are.
        before = {"#", *CATALOGUE, *(binding_key(f"{kind.partition('.')[0]}.*") for kind in CATALOGUE)}
        before -= {binding.routing_key for binding in wanted}
        await self._service.declare(
            exchanges=[behind],
            bindings=wanted,
            unwanted=[Binding(self._exchange, queue), *(Binding(behind.name, queue, one) for one in before)],
        )

    async def forget(self, name: str) -> None:
        """See to a worker no more."""
        async with self._one:  # what is being declared is done before its queue is deleted
            self._destinations.pop(name, None)
            self._known.discard(PREFIX + name)
            self._gone.pop(name, None)
            self._silent.pop(name, None)

    async def watch(self, *, tell: bool) -> None:
        """Look now and then, and mend what is missing. Ends when it is cancelled.

        Args:
            tell: for the process that keeps the accounts: whether to ask the management API for bindings that are gone,
                so that it can be said, and for the claim to be the only one.
        """
        while True:
            await asyncio.sleep(EVERY)
            try:
                if tell:
                    await self._keep_claim()
                    async with self._one:  # what is being made is not missing
                        await self._look_for_bindings()
                await self.declare()
            except EventSinkError as error:  # who publishes or consumes says so; or a disk keeps nothing aside
                self.declared = False
                _log.info("exchange.not_looked_at", reason=str(error))
            except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to look never again
                self.declared = False
                _log.exception("exchange.look_failed")
            else:
                self._looked = datetime.now(UTC)

    def concerns(self) -> list[str]:
        """What a person should do: what cannot be made, and what was missing in the last day."""
        recent = datetime.now(UTC) - REMEMBERED
        return [
            *([f"{self._rival} Stop one of the two: each gets half of the events."] if self._rival else []),
            *(f"{name} gets no events: {reason}" for name, reason in self._refused.items()),
            *(self._say_silent(name, since) for name, since in self._silent.items()),
            *(sentence for at, sentence in self._gone.values() if at > recent),
        ]

    # --- how ---------------------------------------------------------------------------------------------------------

    @property
    def _topic(self) -> str:
        return topic(self._exchange).name

    async def _declare_destinations(self) -> list[str]:
        """One that is declared differently, or may not be made, does not keep events from the others."""
        made, refused = await self._make_destinations()
        await self._look_for_silent([name for name in self._destinations if name not in refused])
        for name, types in list(self._destinations.items()):
            try:
                if name in self._silent:
                    await self._set_aside(name)
                elif name not in refused:
                    await self._bind(name, types)
                    if self._aside:
                        self._aside.end(name)
            except BrokerRefuses as error:
                refused[name] = str(error)
        for name, reason in refused.items():
            if self._refused.get(name) != reason:
                _log.error("exchange.destination_refused", worker=name, reason=reason)
        self._refused = refused
        return made

    async def _make_destinations(self) -> tuple[list[str], dict[str, str]]:
        """Make the queues of all; gives those that were made, and those that cannot be and why."""
        made: list[str] = []
        refused: dict[str, str] = {}
        try:
            made += await self.make([PREFIX + name for name in self._destinations])
        except BrokerRefuses:  # one of them: each by itself
            for name in self._destinations:
                try:
                    made += await self.make([PREFIX + name])
                except BrokerRefuses as error:
                    refused[name] = str(error)
        return made, refused

    async def _look_for_silent(self, names: Sequence[str]) -> None:
        """Which queues do not answer, while others do: where none does, it is the broker.

        Asked is only when there is a reason, for it moves messages. What one process finds, all learn by a mark: an
        exchange, to which nothing is bound.
        """
        marked = [name for name in names if await self._service.exists(_mark(name))]
        now = asyncio.get_running_loop().time()
        all_of_them = self._suspicious and now >= self._ask_again_at
        suspects = names if all_of_them else marked
        answers = dict(zip(suspects, await asyncio.gather(*map(self.answers, suspects)), strict=True))
        if all_of_them and not any(answers.values()):
            return
        if all_of_them:
            self._suspicious, self._ask_again_at = False, now + ASKED_AGAIN_AFTER
        for name in suspects:
            if answers[name] or (name not in marked and await self.answers(name)):  # it was choosing a leader
                await self._note_answer(name, marked=name in marked)
            elif name not in self._silent:
                self._silent[name] = datetime.now(UTC)
                with contextlib.suppress(BrokerRefuses):  # who may declare nothing tells the others nothing
                    await self._service.declare(exchanges=[amqp.Exchange(_mark(name), durable=False)])
                _log.error("exchange.queue_silent", worker=name, reason=self._say_silent(name, self._silent[name]))
        # Of those that are not marked any more, another process has seen an answer; or none could mark them.
        for name in [name for name in self._silent if name not in suspects and await self.answers(name)]:
            await self._note_answer(name, marked=False)

    async def _note_answer(self, name: str, *, marked: bool) -> None:
        if marked:
            await self._bind(name, self._destinations[name])  # before others hear that they may
            await self._service.delete_exchange(_mark(name))
        if since := self._silent.pop(name, None):
            _log.info("exchange.queue_answers_again", worker=name, since=since.isoformat())

    async def _set_aside(self, name: str) -> None:
        if self._aside is None:
            return
        self._aside.begin(name)
        if (datetime.now(UTC) - self._silent[name]).total_seconds() >= UNBOUND_AFTER:
            await self._unbind(name)

    async def _unbind(self, name: str) -> None:
        bound = bindings(self._exchange, name, self._destinations[name])
        siphoned = [binding for binding in bound if binding.source == self._topic]
        await self._service.declare(unwanted=[Binding(self._exchange, PREFIX + name), *siphoned])

    def _say_silent(self, name: str, since: datetime) -> str:
        waiting = f" {self._aside.waiting(name):,} events wait here for it." if self._aside else ""
        return (
            f"{PREFIX}{name} has not answered since {since:%Y-%m-%d %H:%M:%S} UTC, while other queues do: it has lost"
            f" the majority of its nodes. Start them; the others go on meanwhile.{waiting} What other programs publish"
            f" now is missing there: `eventsink replay --to {name} --since {since:%Y-%m-%dT%H:%M:%SZ}` delivers it."
        )

    async def _keep_claim(self) -> None:
        try:
            rival = await taken(self._service)
        except BrokerRefuses:  # who may not configure may not claim
            return
        if rival and not self._rival:
            _log.error("exchange.claim_lost", reason=rival)
        self._rival = rival

    async def _look_for_bindings(self) -> None:
        for name, types in list(self._destinations.items()):
            if name in self._refused or name in self._silent:  # it was never bound, or is not to be
                continue
            try:
                await self._service.depth(PREFIX + name)  # a queue that is gone is seen when it is made again
                found = await self._service.bindings(PREFIX + name)
            except BrokerUnavailable:  # many brokers have no management API
                continue
            if not any(binding.source == (self._topic if types else self._exchange) for binding in found):
                self.declared = False
                self._note(name, f"got nothing from {self._topic if types else self._exchange}, and was bound again")

    def _note(self, name: str, what: str) -> None:
        since = self._looked.isoformat(timespec="seconds").replace("+00:00", "Z")
        sentence = (
            f"At {datetime.now(UTC):%Y-%m-%d %H:%M} UTC the queue {PREFIX}{name} {what}. Events accepted since"
            f" {since} may be missing there: `eventsink replay --to {name} --since {since}` delivers them again."
        )
        if name not in self._gone or self._gone[name][0] < self._looked:
            self._gone[name] = datetime.now(UTC), sentence
            _log.error("exchange.queue_was_gone", worker=name, reason=sentence)


def _mark(name: str) -> str:
    """What all processes see as long as the queue of a worker does not answer; it goes with the broker's restart."""
    return f"{PREFIX}{name}.silent"
