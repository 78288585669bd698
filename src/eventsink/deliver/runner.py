"""The runner: takes batches from a queue, has a worker deliver them, and settles every event one way or the other.

Each event ends as delivered or as a dead letter; until then it waits in the exchange. A destination that is away holds
its own queue and nobody else's. Whatever a worker raises is dealt with here.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from eventsink.catalogue import matches
from eventsink.deliver.dead_letters import failure, sentence
from eventsink.deliver.retry import Policy, delay
from eventsink.deliver.suspects import Suspects
from eventsink.deliver.worker import Worker
from eventsink.errors import EventSinkError, ExchangeUnavailable, NoAnswer, Refused, TryLater
from eventsink.event import Event
from eventsink.exchange.contract import Batch, Failure, Queue

__all__ = ["Counters", "Runner"]


_log = structlog.get_logger(__name__)


class Counters(Protocol):
    """What the runner tells about its work."""

    def delivered(self, worker: str, events: int, seconds: float) -> None:
        """A call of a worker went well."""

    def failed(self, worker: str, outcome: str) -> None:
        """A call of a worker ended with `try_later`, `refused` or `error`."""

    def buried(self, worker: str, events: int) -> None:
        """Events became dead letters."""


class Runner:
    """Runs one worker on one queue until it is told to stop.

    Args:
        name: of the worker, for logs and counters.
        worker: opened and closed by the runner.
        queue: that nobody else takes from in this process.
        counters: told of every outcome.
        types: that the worker wants, as `storage.*`; all if empty. Others are passed over.
        policy: delays and attempts.
    """

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        name: str,
        worker: Worker[Any],
        queue: Queue,
        counters: Counters,
        *,
        types: Sequence[str] = (),
        policy: Policy = Policy(),
    ) -> None:
        self.name = name
        self.state = "starting"
        self._worker = worker
        self._queue = queue
        self._counters = counters
        self._types = types
        self._policy = policy
        self._stop = asyncio.Event()
        self._suspects = Suspects()
        self._taken: Sequence[Event] = ()  # an event that the destination has, and keeps one of when it comes again
        self._paused_since: datetime | None = None
        self._away = 0  # turns in a row in which the exchange did not answer

    async def run(self) -> None:
        """Deliver until `stop` was called and the batch in hand is settled."""
        try:
            if await self._open():
                while not self._stop.is_set():
                    await self._guarded_turn()
        finally:
            self.state = "stopped"
            await self._close()

    def stop(self) -> None:
        """Ask it to end after the batch in hand; a batch whose destination is away is given back."""
        self._stop.set()

    # --- one batch ---------------------------------------------------------------------------------------------------

    async def _guarded_turn(self) -> None:
        try:
            await self._turn()
        except Exception:  # noqa: BLE001 - a bug of ours or of the exchange: said, and no reason to deliver nothing any more
            self.state = "failed, see the log"
            _log.exception("worker.turn_failed", worker=self.name)
            await self._pause(self._policy.longest / 10)

    async def _turn(self) -> None:
        try:
            batch = await self._queue.take(self._worker.batch_size, self._worker.batch_wait)
        except ExchangeUnavailable as error:
            self._away += 1
            self._say_paused("worker.exchange_away", self._away, error)
            await self._pause(1.0)
            return
        if self._away:
            self._away, self._paused_since = 0, None
        if batch is None:
            self.state = "idle"
            return
        try:
            failures = await self._deliver_all(self._wanted(batch.events))
            if failures is not None:
                await self._settle(batch, failures)
        except Exception:
            await self._queue.release(batch)  # or the next batch would be settled over this one
            raise
        if failures is None:
            await self._queue.release(batch)

    def _wanted(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events of the types that the worker wants: an exchange may send others all the same."""
        return [event for event in events if matches(event.type, self._types)] if self._types else events

    async def _settle(self, batch: Batch, failures: Sequence[Failure]) -> None:
        attempt = 0
        while True:
            attempt += 1
            try:
                await self._queue.done(batch, failures)
                break
            except ExchangeUnavailable as error:
                _log.warning("worker.not_settled", worker=self.name, reason=str(error))
                if self._stop.is_set():
                    return  # offered again at the next start; the destination keeps one of each
                await self._pause(delay(self._policy, attempt))
        for letter in failures[:1]:
            _log.error("worker.dead_letters", worker=self.name, count=len(failures), reason=letter.reason)
        self._counters.buried(self.name, len(failures))

    async def _deliver_all(self, events: Sequence[Event]) -> list[Failure] | None:
        """Have all events delivered or given up. None: the batch is to be given back, for that is not known yet."""
        failures: list[Failure] = []
        first_seen = datetime.now(UTC)
        silent: list[tuple[Sequence[Event], int]] = []  # events to which alone no answer came
        # A part and the attempts that it had before; a batch may be empty, where the disk has lost all of it.
        parts: list[tuple[Sequence[Event], int]] = [(events, 0)] if events else []
        while parts or (silent and self._taken):
            if not parts:  # all others are done
                parts, silent = silent[::-1], []
            part, attempts = parts.pop()
            outcome, attempts = await self._persist(part, attempts)
            if outcome is None:
                self._suspects.acquit(part)
                self._taken = part[:1]
                continue
            if isinstance(outcome, TryLater) and (self._stop.is_set() or not isinstance(outcome, NoAnswer)):
                return None
            if isinstance(outcome, NoAnswer) and len(part) == 1:
                verdict = await self._judge(part[0], outcome)
                if verdict is None:
                    silent.append((part, attempts))
                    continue
                outcome = verdict
            named = _named(outcome, part)
            if named or len(part) == 1:
                dead = named or list(part)
                failures += [failure(event, outcome, attempts=attempts, first_seen=first_seen) for event in dead]
                given_up = {event.identity for event in dead}
                rest = [event for event in part if event.identity not in given_up]
                parts += [(rest, 0)] if rest else []
            else:
                middle = len(part) // 2
                parts += [(part[middle:], attempts), (part[:middle], attempts)]
        return None if silent else failures

    async def _judge(self, event: Event, error: NoAnswer) -> Refused | None:
        """Whether an event is given up to which alone no answer came: not unless the destination answers to another."""
        if self._taken and await self._attempt(self._taken) is None:
            self._suspects.suspect(event)
        return self._suspects.verdict(event, error)

    async def _persist(self, part: Sequence[Event], attempts: int) -> tuple[BaseException | None, int]:
        """Try one part until it is delivered, refused, or its failures may be its own fault. `TryLater`: told to stop.

        No answer in time may be the fault of the destination or of what it was given: that is returned, too.
        """
        away = silent = 0
        while True:
            attempts += 1
            error = await self._attempt(part)
            if error is None or isinstance(error, Refused):
                return error, attempts
            if isinstance(error, TryLater):
                away += 1
                silent = silent + 1 if isinstance(error, NoAnswer) else 0
                if self._stop.is_set() or silent == self._policy.attempts:
                    return error, attempts
                await self._wait_for_destination(error, away)
                continue
            if attempts - away >= self._policy.attempts:
                return error, attempts
            if self._stop.is_set():
                return TryLater(sentence(error)), attempts
            await self._pause(delay(self._policy, attempts))

    async def _attempt(self, part: Sequence[Event]) -> BaseException | None:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._worker.timeout):
                await self._worker.deliver(part)
        except TryLater as error:
            self._counters.failed(self.name, "try_later")
            return error
        except Refused as error:
            self._counters.failed(self.name, "refused")
            return error
        except TimeoutError:
            self._counters.failed(self.name, "try_later")
            return NoAnswer(f"No answer within {self._worker.timeout:g} seconds.")
        except BaseException as error:  # noqa: BLE001 - whatever a worker raises must not end the others
            _go_on_unless_cancelled(error)
            self._counters.failed(self.name, "error")
            _log.error("worker.failed", worker=self.name, events=len(part), reason=sentence(error), exc_info=error)
            return error
        self.state = "delivering"
        self._paused_since = None
        self._counters.delivered(self.name, len(part), time.perf_counter() - started)
        return None

    # --- waiting -----------------------------------------------------------------------------------------------------

    async def _open(self) -> bool:
        """Open the worker, however often that takes. False: told to stop before."""
        attempt = 0
        while not self._stop.is_set():
            attempt += 1
            try:
                async with asyncio.timeout(self._worker.timeout):
                    await self._worker.open()
                self._paused_since = None
                return True
            except BaseException as error:  # noqa: BLE001 - the destination may be away, or the worker broken: the others go on
                _go_on_unless_cancelled(error)
                self._counters.failed(self.name, "try_later")
                if isinstance(error, TimeoutError):
                    error = TryLater(f"No answer within {self._worker.timeout:g} seconds.")
                self._say_paused("worker.not_opened", attempt, error)
                await self._pause(delay(self._policy, attempt, getattr(error, "after", None)))
        return False

    async def _wait_for_destination(self, error: TryLater, times: int) -> None:
        seconds = delay(self._policy, times, error.after)
        self._say_paused("worker.paused", times, error)
        await self._pause(seconds)

    def _say_paused(self, what: str, times: int, error: BaseException) -> None:
        """Say it and since when, and do not repeat it at every attempt. Of a bug the log has the traceback."""
        self._paused_since = self._paused_since or datetime.now(UTC)
        why = sentence(error)
        self.state = f"paused since {self._paused_since:%Y-%m-%d %H:%M} UTC: {why}{'' if why.endswith('.') else '.'}"
        if times in (1, 5) or times % 20 == 0:
            bug = None if isinstance(error, EventSinkError) else error
            say = _log.error if bug else _log.warning
            say(what, worker=self.name, times=times, reason=why, exc_info=bug)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):  # unlike wait_for in Python 3.11, it never swallows a cancellation
                await self._stop.wait()
        except TimeoutError:  # nobody asked to stop
            return

    async def _close(self) -> None:
        try:
            await self._worker.close()
        except BaseException as error:  # noqa: BLE001 - it is over; what was delivered is settled
            _go_on_unless_cancelled(error)
            _log.warning("worker.not_closed", worker=self.name, reason=sentence(error))


def _go_on_unless_cancelled(error: BaseException) -> None:
    """Raise a cancellation that is meant for us, and not one that a worker made up."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error


def _named(error: BaseException, part: Sequence[Event]) -> list[Event]:
    """The events of this part that a refusal names; none, if it names none or others."""
    if not isinstance(error, Refused):
        return []
    refused = {event.identity for event in error.events if isinstance(event, Event)}
    return [event for event in part if event.identity in refused]
