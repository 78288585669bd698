"""The monitor: runs every check when it is due, and makes events of what it finds.

No check waits for another, and none runs twice at once: each has a task of its own. What a run has found is handed to
`keep`, which makes it durable; when that fails, the result is counted as lost and the next one says so.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from eventsink.causes import why, why_unreachable
from eventsink.errors import EventSinkError
from eventsink.event import Event
from eventsink.redact import hide_secrets
from eventsink.watch.check import Down, Measurement, Unknown
from eventsink.watch.loading import Planned
from eventsink.watch.online import Online
from eventsink.watch.result import Place, Result, change, removal, update
from eventsink.watch.schedule import Schedule
from eventsink.watch.standstill import standstill
from eventsink.watch.states import State, States

__all__ = ["Monitor", "run_once"]

GRACE = 0.5  # seconds beyond its time limit in which a check may say itself where it was stuck
NAP = 1.0  # seconds after which the wall clock is looked at again: somebody may set it
# Failures that may as well be those of the network in which the monitor stands.
_OF_NETWORK = frozenset({"name", "unreachable", "timeout", "loss"})
_OF_TIME = frozenset({"timeout", "loss"})  # failures of a time limit, for half of which the monitor has to be there
STILL = 1.0  # seconds: less is no standstill
LONGEST_MESSAGE = 1000

_log = structlog.get_logger(__name__)

Keep = Callable[[Sequence[Event]], Awaitable[None]]


class Monitor:
    """Runs checks until it is stopped.

    Args:
        planned: what to run.
        place: where it stands.
        keep: makes events durable.
        online: whether the network of the monitor itself is well.
        states: what was known before.
    """

    def __init__(self, planned: Sequence[Planned], place: Place, keep: Keep, online: Online, states: States) -> None:
        self._planned = planned
        self._place = place
        self._keep = keep
        self._online = online
        self._states = states
        self._lost: dict[str, int] = {}
        self.latest: dict[str, Result] = {}
        """The last result of each check."""
        self.missed = 0
        """Runs that were left out, and results that could not be kept."""
        self.running = False
        """Whether its checks run."""

    @property
    def planned(self) -> int:
        """How many checks it runs."""
        return len(self._planned)

    async def run(self) -> None:
        """Run all checks for ever; ends when it is cancelled."""
        _log.info("monitor.running", checks=len(self._planned), region=self._place.region, name=self._place.monitor)
        if not await self._online.ask():
            remedy = "Name host:port of what nearly always answers: while none does, nothing is told to be down."
            _log.warning("monitor.references_silent", remedy=remedy)
        await self._tell_removed()
        try:
            async with asyncio.TaskGroup() as group:
                for planned in self._planned:
                    group.create_task(self._repeat(planned), name=f"check-{planned.name}")
                self.running = True
        finally:
            self.running = False
            outcomes = await asyncio.gather(*(one.check.close() for one in self._planned), return_exceptions=True)
            for one, outcome in zip(self._planned, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    _log.error("check.not_closed", check=one.name, exc_info=outcome)
            await self._states.finish()

    async def _tell_removed(self) -> None:
        """Say of checks that ran once and are in the settings no more that nobody need wait for them."""
        removed = self._states.others(planned.name for planned in self._planned)
        if not removed:
            return
        events = [removal(name, self._place, known.since, self._states.life) for name, known in removed.items()]
        try:
            await self._keep(events)
        except EventSinkError as error:
            _log.warning("monitor.removal_not_told", checks=[*removed], reason=str(error))  # the next start tells it
            return
        await self._states.drop(removed)
        _log.info("monitor.checks_removed", checks=[*removed])

    async def _repeat(self, planned: Planned) -> None:
        schedule = Schedule(f"{self._place.monitor}/{planned.name}", planned.every, time.time())
        while True:
            await _sleep(schedule)
            missed = schedule.begin(time.time()) + self._lost.pop(planned.name, 0)
            self.missed += missed
            if missed:
                _log.warning("monitor.runs_missed", check=planned.name, runs=missed)
            try:
                results = await measure(planned, self._online, missed)
                if all([await self._is_reported(result) for result in results]):
                    async with asyncio.timeout(planned.timeout + GRACE):
                        await planned.check.kept()
            except Exception:  # noqa: BLE001 - a stranger's check, or a bug of ours: said, and the others live on
                _log.exception("check.not_reported", check=planned.name)

    async def _is_reported(self, result: Result) -> bool:
        self.latest[result.check] = result
        if result.traceback:
            _log.error("check.failed", check=result.check, traceback=result.traceback)
        known = self._states.get(result.check)
        changed = result.up is not None and result.state != (known.state if known else "up")
        events = [update(result, self._place)]
        if changed:
            before = known.state if known else "up"
            events.append(change(result, self._place, known.since if known else None, before, self._states.life))
            log = _log.info if result.up else _log.warning
            log(f"check.{result.state}", check=result.check, target=result.target, reason=result.message or None)
        try:
            await self._keep(events)
        except EventSinkError as error:
            self._lost[result.check] = self._lost.get(result.check, 0) + 1 + result.missed  # told by it alone
            _log.error("monitor.result_lost", check=result.check, reason=str(error))
            return False
        if result.up is not None and (changed or known is None):
            await self._states.note({result.check: State(result.state, result.time)})
        return True


async def _sleep(schedule: Schedule) -> None:
    """Wait until a run is due."""
    left = schedule.wait(time.time())
    while left > 0:
        await asyncio.sleep(min(left, NAP))
        left = schedule.wait(time.time())


async def run_once(planned: Sequence[Planned], online: Online, at_once: int = 100) -> list[Result]:
    """Run each check once; gives the results in the order of the checks."""
    room = asyncio.Semaphore(at_once)

    async def run(one: Planned) -> list[Result]:
        async with room:
            try:
                return await measure(one, online, 0)
            finally:
                await one.check.close()

    return [result for results in await asyncio.gather(*map(run, planned)) for result in results]


async def measure(planned: Planned, online: Online, missed: int) -> list[Result]:
    """Run a check, and say what it has come to. It never raises for what the check does."""
    began, started = datetime.now(UTC), time.perf_counter()
    measured: list[Measurement] = []
    failure: Down | None = None
    bug = ""
    async with standstill() as stood:
        try:
            async with asyncio.timeout(planned.timeout + GRACE):
                measured = _checked(await planned.check.measure())
        except Down as error:
            failure = error
        except TimeoutError:
            failure = Down("timeout", f"No answer within {planned.timeout:g} seconds.")
        except (Exception, SystemExit, GeneratorExit, BaseExceptionGroup, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_ending():
                raise
            failure = _of(error)  # of a stranger's check: the monitor lives on, and says what is wrong
            bug = hide_secrets(traceback.format_exc()) if isinstance(failure, Unknown) else ""
        still = stood.longest
    if failure and failure.reason in _OF_TIME and still > max(planned.timeout / 2, STILL):
        failure = Unknown("standstill", f"Nothing ran here for {still:.1f} s: {failure.message}", failure.numbers)
    if failure and failure.reason in _OF_NETWORK and planned.check.network and not await online.ask():
        failure = Unknown("offline", f"The monitor's own network is down: {failure.message}", failure.numbers)
    elapsed = 1000 * (time.perf_counter() - started)
    if failure is None and elapsed > 1000 * (planned.timeout + GRACE):
        failure = Unknown("failed", f"The check held up all others for {elapsed / 1000:.1f} s: it must await.")
    if failure:
        measured = [Measurement(failure.numbers, failure.message)]
    up = None if isinstance(failure, Unknown) else failure is None
    return [
        Result(
            check=planned.name,
            kind=planned.kind,
            target=planned.check.target,
            event=planned.check.event,
            up=up and not one.reason,
            reason=str(failure.reason or "failed") if failure else one.reason,
            message=hide_secrets(str(one.message or ""))[:LONGEST_MESSAGE],
            numbers={**planned.check.about, **one.numbers},
            time=one.time or began,
            elapsed_ms=elapsed,
            every_s=planned.every,
            missed=missed,
            key=one.key,
            traceback=bug,
        )
        for one in measured
    ]


def _checked(found: object) -> list[Measurement]:
    """What a check has found, if it is what the contract says.

    Raises:
        TypeError: it is not.
    """
    measured: list[Any] = found if isinstance(found, list) else [found]
    for one in measured:
        if not isinstance(one, Measurement):
            raise TypeError(f"measure() must return a Measurement, and returns {type(one).__name__}")
        numbers: object = one.numbers
        message: object = one.message
        if not isinstance(numbers, Mapping) or not isinstance(message, str):
            raise TypeError("a Measurement has numbers, by their names, and a message, which is a text")
    return measured


def _is_ending() -> bool:
    """Whether this task itself is being cancelled, and not something that the check has waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _of(error: BaseException) -> Down:
    """What an error means that a check did not explain itself."""
    words = why_unreachable(error)
    if words is None:
        return Unknown("failed", f"The check itself failed: {type(error).__name__}: {why(error)}.")
    reason = "refused" if isinstance(error, ConnectionRefusedError) else "unreachable"
    return Down(reason, f"It cannot be reached: {words}.")
