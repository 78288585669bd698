"""Checks that do what a test says."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eventsink.event import Event
from eventsink.watch.check import Check, Measurement, Site
from eventsink.watch.loading import Planned
from eventsink.watch.monitor import Monitor
from eventsink.watch.online import Online
from eventsink.watch.result import Place
from eventsink.watch.states import States

HERE = Place("urbana", "here")


@dataclass(frozen=True)
class Options:
    """None."""


class Scripted(Check[Options]):
    """Does at each run what comes next: returns it, raises it, or calls it; the last for ever."""

    def __init__(self, script: Sequence[Any], site: Site) -> None:
        super().__init__(Options(), site)
        self.script = [*script]
        self.runs = 0
        self.running = 0
        self.kept_runs = 0

    @property
    def target(self) -> str:
        """Of nothing."""
        return "nothing"

    async def measure(self) -> Measurement | list[Measurement]:
        """The next of the script."""
        self.running += 1
        assert self.running == 1, "never two at once"
        step = self.script[min(self.runs, len(self.script) - 1)]
        self.runs += 1
        try:
            if isinstance(step, BaseException):
                raise step
            found: Measurement | list[Measurement] = await step() if callable(step) else step
            return found
        finally:
            self.running -= 1

    async def kept(self) -> None:
        """Count."""
        self.kept_runs += 1


def planned(name: str, *script: Any, every: float = 0.05, timeout: float = 1.0) -> Planned:
    """A check of a script."""
    site = Site(name=name, every=every, timeout=timeout)
    return Planned(name, "scripted", Scripted(script, site), every, timeout)


class Kept:
    """Where events go; fails as often as it is told to."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failing: Exception | None = None

    async def __call__(self, events: Sequence[Event]) -> None:
        """Keep events."""
        await asyncio.sleep(0)
        if self.failing:
            raise self.failing
        self.events += events

    def of(self, kind: str) -> list[Event]:
        """Those of one type."""
        return [event for event in self.events if event.type == kind]

    @property
    def changes(self) -> list[bool]:
        """What went down and up, in order."""
        return [event.data["up"] for event in self.of("health.status_changed")]


async def run(
    checks: Sequence[Planned], kept: Kept, until: Callable[[], bool], states: States | None = None, **more: Any
) -> Monitor:
    """Run a monitor until something is so."""
    monitor = Monitor(checks, HERE, kept, more.get("online") or Online([]), states or States(None))
    task = asyncio.create_task(monitor.run())
    try:
        async with asyncio.timeout(30):
            while not until() and not task.done():
                await asyncio.sleep(0.005)
    finally:
        task.cancel()
        outcomes = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError), outcomes
    return monitor
