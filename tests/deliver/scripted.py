"""A worker that does as a script says, and what a runner's tests need around it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from eventsink.deliver.retry import Policy
from eventsink.deliver.runner import Runner
from eventsink.deliver.worker import Worker
from eventsink.errors import TryLater
from eventsink.event import Event
from eventsink.exchange.contract import Account, DeadLetter
from eventsink.exchange.embedded import EmbeddedExchange
from eventsink.testing import sample_events

SOON = Policy(first=0.001, longest=0.002, attempts=3)

Step = Callable[[Sequence[Event]], Any]


class Scripted(Worker[None]):
    """Does one step of its script at each call; when the script is over it delivers.

    Args:
        script: each step is called with the events; what it returns is awaited if it can be, what it raises is raised.
        opening: the same for `open`.
    """

    batch_wait = 0.001

    def __init__(self, script: Sequence[Step] = (), *, opening: Sequence[Step] = ()) -> None:
        super().__init__(None)
        self.script = list(script)
        self.opening = list(opening)
        self.calls: list[int] = []
        self.delivered: list[str] = []
        self.opened = 0
        self.closed = 0

    async def open(self) -> None:
        self.opened += 1
        if self.opening:
            await _done(self.opening.pop(0)([]))

    async def deliver(self, events: Sequence[Event]) -> None:
        self.calls.append(len(events))
        try:
            if self.script:
                await _done(self.script.pop(0)(events))
        except TryLater as error:
            self.delivered += [event.id for event in events if error.events and event not in error.events]
            raise
        self.delivered += [event.id for event in events]

    async def close(self) -> None:
        self.closed += 1


class Always(Scripted):
    """Does the same step at every call."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    async def deliver(self, events: Sequence[Event]) -> None:
        self.script = [self.step]
        await super().deliver(events)


def raising(error: Callable[[], BaseException]) -> Step:
    """A step that raises a new error each time."""

    def step(events: Sequence[Event]) -> None:
        raise error()

    return step


def refusing(bad: set[str], error: Callable[[Sequence[Event]], BaseException]) -> Step:
    """A step that raises when one of the bad events is among those given: `error` makes it of the bad ones."""

    def step(events: Sequence[Event]) -> None:
        if found := [event for event in events if event.id in bad]:
            raise error(found)

    return step


class Tally:
    """Counters that add up."""

    def __init__(self) -> None:
        self.deliveries = 0
        self.outcomes: list[str] = []
        self.dead = 0
        self.told: list[tuple[str, str | int]] = []  # of which worker
        self.skips: list[tuple[str, int]] = []

    def delivered(self, worker: str, events: int, seconds: float) -> None:
        self.deliveries += events
        self.told.append((worker, events))

    def failed(self, worker: str, outcome: str) -> None:
        self.outcomes.append(outcome)
        self.told.append((worker, outcome))

    def buried(self, worker: str, events: int) -> None:
        self.dead += events
        self.told.append((worker, events))

    def skipped(self, worker: str, reason: str, events: int) -> None:
        self.skips.append((reason, events))


class Bench:
    """A worker, its runner and its queue in a real exchange."""

    def __init__(self, exchange: EmbeddedExchange, worker: Worker[Any], runner: Runner, tally: Tally) -> None:
        self.exchange = exchange
        self.worker = worker
        self.runner = runner
        self.tally = tally

    async def publish(self, count: int) -> list[Event]:
        """Publish so many events."""
        events = sample_events(count)
        await self.exchange.publish(events)
        return events

    async def account(self) -> Account:
        """The books of the queue, which must add up."""
        account = (await self.exchange.accounts())["scripted"]
        assert account.accepted == account.delivered + account.waiting + account.dead + account.missing, account
        return account

    async def settled(self, seconds: float = 30.0) -> Account:
        """The books when nothing waits any more; they add up at every look."""
        async with asyncio.timeout(seconds):
            while (account := await self.account()).waiting:
                await asyncio.sleep(0.002)
        return account

    async def letters(self) -> list[DeadLetter]:
        """All dead letters."""
        return await self.exchange.dead_letters(limit=10_000)


@asynccontextmanager
async def bench(
    path: Path, worker: Worker[Any], policy: Policy = SOON, types: Sequence[str] = ()
) -> AsyncIterator[Bench]:
    """An exchange with the queue of a worker, whose runner is not started yet."""
    exchange = await EmbeddedExchange.open(path / "exchange.db")
    tally = Tally()
    runner = Runner("scripted", worker, await exchange.queue("scripted"), tally, types=types, policy=policy)
    try:
        yield Bench(exchange, worker, runner, tally)
    finally:
        await exchange.close()


@asynccontextmanager
async def running(
    path: Path, worker: Worker[Any], policy: Policy = SOON, types: Sequence[str] = ()
) -> AsyncIterator[Bench]:
    """The same with the runner running, stopped at the end."""
    async with bench(path, worker, policy, types) as made:
        task = asyncio.create_task(made.runner.run())
        try:
            yield made
        finally:
            made.runner.stop()
            async with asyncio.timeout(30):
                await task


async def until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


async def _done(outcome: Any) -> None:
    if asyncio.iscoroutine(outcome):
        await outcome
