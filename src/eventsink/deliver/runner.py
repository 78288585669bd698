"""The runner: takes batches from a queue, has a worker deliver them, and settles every event one way or the other.

Each event ends as delivered or as a dead letter; until then it waits in the exchange. A destination that is away holds
its own queue and nobody else's; single events that it does not take now hold nobody. Whatever a worker raises is dealt
with here.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
import structlog

from eventsink.catalogue import matches
from eventsink.deliver.dead_letters import failure, sentence
from eventsink.deliver.retry import Policy, delay, named_time
from eventsink.deliver.suspects import Suspects
from eventsink.deliver.waiting import SOON, Hand, Later, Waiting, groups
from eventsink.deliver.worker import Worker
from eventsink.errors import EventSinkError, ExchangeUnavailable, NoAnswer, Refused, TryLater
from eventsink.event import Event
from eventsink.exchange.canary import CANARY, Canary, seen
from eventsink.exchange.contract import Batch, Failure, Queue
from eventsink.traces import Traces
from eventsink.worker_state import FAILED, paused

__all__ = ["Counters", "Runner"]


LONGEST_ALONE = 3600.0  # seconds between attempts of an event that is not answered and may be kept each time

_log = structlog.get_logger(__name__)


class Counters(Protocol):
    """What the runner tells about its work."""

    def delivered(self, worker: str, events: int, seconds: float) -> None:
        """A call of a worker went well."""

    def failed(self, worker: str, outcome: str) -> None:
        """A call of a worker ended with `try_later`, `refused` or `error`."""

    def buried(self, worker: str, events: int) -> None:
        """Events became dead letters."""

    def skipped(self, worker: str, reason: str, events: int) -> None:
        """A worker passed events over on purpose. They count as delivered, too."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of some events: all are delivered but for those that are given up, and those that wait."""

    failures: list[Failure]
    later: list[Later]


class Runner:
    """Runs one worker on one queue until it is told to stop.

    Args:
        name: of the worker, for logs and counters.
        worker: opened and closed by the runner.
        queue: that nobody else takes from in this process.
        counters: told of every outcome.
        types: that are asked for, as `storage.*`; those that the worker wants by itself if empty. Others are passed
            over.
        policy: delays and attempts.
        traces: makes a span of each call of the worker.
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
        traces: Traces | None = None,
    ) -> None:
        self.name = name
        self.state = "starting"
        self.canary: Canary | None = None
        """The last that the destination has taken, or the worker passed over."""
        self._worker = worker
        self._queue = queue
        self._counters = counters
        self._types = types or worker.types
        self._policy = policy
        self._traces = traces
        self._stop = asyncio.Event()
        self._suspects = Suspects()
        self._taken: Sequence[Event] = ()  # an event that the destination has, and keeps one of when it comes again
        self._paused_since: datetime | None = None
        self._away = 0  # turns in a row in which the exchange did not answer
        self._waiting = Waiting()
        self._full_since: float | None = None
        self._answers = 0  # parts that were taken
        self._alone: dict[tuple[str, str], int] = {}  # how many that were when no answer came to an event alone
        self._unanswered = 0  # calls in a row, by a worker whose destination keeps repeats
        self._skipped: Counter[str] = Counter()  # ever, by reason
        self._passed_over: set[tuple[str, str]] = set()  # by the worker in its last call

    @property
    def awaits_canary(self) -> bool:
        """Whether canaries are among the events that it asks for."""
        return matches(CANARY, self._types)

    async def run(self) -> None:
        """Deliver until `stop` was called and the batch in hand is settled."""
        try:
            if await self._open():
                while not self._stop.is_set():
                    await self._guarded_turn()
                await self._give_back()
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
            self.state = FAILED
            _log.exception("worker.turn_failed", worker=self.name)
            await self._pause(self._policy.longest / 10)

    async def _turn(self) -> None:
        try:
            known = await self._step()
        except Exception:
            await self._give_back()  # or the next batch would be settled over this one
            raise
        if not known:
            await self._give_back()

    async def _step(self) -> bool:
        """Deliver what is next, and settle what can be. False: what is in hand is to be given back."""
        await self._drop_lost()
        if not self._waiting.full:
            self._full_since = None
        if self._waiting.seconds(self._now()) <= 0:
            return await self._deliver_due() and await self._settle_complete()
        if self._waiting.full:
            return await self._make_room() and await self._settle_complete()
        batch = await self._take()
        return batch is None or (await self._deliver_batch(batch) and await self._settle_complete())

    async def _take(self) -> Batch | None:
        wait = min(self._worker.batch_wait, self._waiting.seconds(self._now()))
        try:
            batch = await self._queue.take(self._worker.batch_size, wait)
        except ExchangeUnavailable as error:
            self._away += 1
            self._say_paused("worker.exchange_away", self._away, error)
            await self._pause(1.0)
            return None
        await self._drop_lost()
        if self._away:
            self._away, self._paused_since = 0, None
        if batch is None:
            self.state = f"{len(self._waiting):,} events wait: {self._waiting.reason}" if self._waiting else "idle"
        return batch

    async def _deliver_batch(self, batch: Batch) -> bool:
        """Have a batch delivered. False: it is to be given back."""
        hand = self._waiting.begin(batch)
        outcome = await self._deliver_all(self._wanted(batch.events))
        if outcome is None:
            return False
        hand.failures += outcome.failures
        for later in outcome.later:
            self._waiting.add(hand, later)
        return True

    async def _deliver_due(self) -> bool:
        """Offer events again whose time has come. False: all that is in hand is to be given back."""
        due = self._waiting.pop(self._now(), self._worker.batch_size)
        hands: dict[tuple[str, str], deque[Hand]] = {}  # one event may be there twice
        for later, hand in due:
            hands.setdefault(later.event.identity, deque()).append(hand)
        first_seen = min(later.first_seen for later, _ in due)
        attempts = max(later.attempts for later, _ in due)
        outcome = await self._deliver_all([later.event for later, _ in due], attempts, first_seen)
        if outcome is None:
            return False
        for dead in outcome.failures:
            hands[dead.event.identity].popleft().failures.append(dead)
        for later in outcome.later:
            self._waiting.add(hands[later.event.identity].popleft(), later)
        return True

    async def _make_room(self) -> bool:
        """Give up what waits for long; if that is nothing, wait until something is offered again.

        One user who has to wait for hours, or again and again, must not stop all others.
        """
        now, seconds = self._now(), self._waiting.seconds(self._now())
        self._full_since = now if self._full_since is None else self._full_since
        stuck = now - self._full_since > SOON
        if count := self._waiting.give_up(datetime.now(UTC), 0.0 if stuck else now + SOON):
            self._full_since = None
            _log.error("worker.gave_up_waiting", worker=self.name, events=count, seconds=round(seconds))
        else:
            self._show_pause(f"{len(self._waiting):,} events wait, and no more may: {self._waiting.reason}")
            await self._pause(seconds)
        return True

    async def _drop_lost(self) -> None:
        """Forget what waits of batches that the queue has let go: it offers them again."""
        held: Callable[[Batch], bool] | None = getattr(self._queue, "holds", None)  # not every exchange lets go
        lost = self._waiting.drop(held) if held else ()
        for batch in lost:
            await self._queue.release(batch)
        if lost:
            _log.info("worker.offered_again", worker=self.name, batches=len(lost))
            await self._settle_complete()

    async def _settle_complete(self) -> bool:
        """Settle all batches of which nothing waits. False: told to stop before."""
        for hand in self._waiting.complete():
            if not await self._settle(hand.batch, hand.failures):
                return False
        return True

    async def _give_back(self) -> None:
        """Give back what is in hand. What was delivered of it comes again, too."""
        try:
            for batch in self._waiting.forget():
                await self._queue.release(batch)
        except ExchangeUnavailable as error:  # it is unsettled there all the same
            _log.warning("worker.not_given_back", worker=self.name, reason=str(error))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _wanted(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events of the types that the worker wants: an exchange may send others all the same."""
        return [event for event in events if matches(event.type, self._types)] if self._types else events

    async def _settle(self, batch: Batch, failures: Sequence[Failure]) -> bool:
        """Settle a batch, however often that takes. False: told to stop before."""
        attempt = 0
        holds = getattr(self._queue, "holds", None)
        while True:
            attempt += 1
            try:
                lost = holds is not None and not holds(batch)
                await self._queue.done(batch, failures)
                if lost:
                    return True  # it comes again, and then its dead letters are counted
                break
            except ExchangeUnavailable as error:
                _log.warning("worker.not_settled", worker=self.name, reason=str(error))
                if self._stop.is_set():
                    return False  # offered again at the next start; the destination keeps one of each
                await self._pause(delay(self._policy, attempt))
        for letter in failures[:1]:
            _log.error("worker.dead_letters", worker=self.name, count=len(failures), reason=letter.reason)
        self._counters.buried(self.name, len(failures))
        return True

    async def _deliver_all(  # noqa: C901 - one case after the other
        self, events: Sequence[Event], before: int = 0, first_seen: datetime | None = None
    ) -> Outcome | None:
        """Have all events delivered or given up, or wait. None: they are to be given back, for that is not known yet.

        Args:
            before: attempts that they had, and `first_seen`: when the first was.
        """
        failures: list[Failure] = []
        later: list[Later] = []
        first_seen = first_seen or datetime.now(UTC)
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
                for event in part if self._alone else ():
                    self._alone.pop(event.identity, None)
                self._unanswered = 0
                self._answers += any(event.identity not in self._passed_over for event in part)
                self._taken = [event for event in part if event.identity not in self._passed_over][:1] or self._taken
                continue
            if isinstance(outcome, TryLater) and _named(outcome, part):
                later += self._put_all_off(part, outcome, before + attempts, first_seen)
                continue
            if isinstance(outcome, TryLater) and (self._stop.is_set() or not isinstance(outcome, NoAnswer)):
                return None
            if isinstance(outcome, NoAnswer) and len(part) == 1 and self._worker.keeps_repeats:
                refusal = self._judge_unasked(part[0], outcome)
                if refusal is None:
                    seconds = min(self._policy.first * 2.0 ** min((before + attempts) // 2, 30), LONGEST_ALONE)
                    waits = TryLater(outcome.reason, after=seconds)
                    later += self._put_off(part, waits, before + attempts, first_seen)
                    continue
                outcome = refusal
            elif isinstance(outcome, NoAnswer) and len(part) == 1:
                verdict = await self._judge(part[0], outcome)
                if verdict is None:
                    silent.append((part, attempts))
                    continue
                outcome = verdict
            named = _named(outcome, part)
            if named or len(part) == 1:
                dead = named or list(part)
                tried = before + attempts
                failures += [failure(event, outcome, attempts=tried, first_seen=first_seen) for event in dead]
                given_up = {event.identity for event in dead}
                rest = [event for event in part if event.identity not in given_up]
                parts += [(rest, 0)] if rest else []
            else:
                middle = len(part) // 2
                parts += [(part[middle:], attempts), (part[:middle], attempts)]
        return None if silent else Outcome(failures, later)

    def _put_all_off(self, part: Sequence[Event], error: TryLater, attempts: int, first_seen: datetime) -> list[Later]:
        """Have those events of a part wait that an error names, each for its time."""
        later: list[Later] = []
        left = list(part)
        for group in groups(error):
            named = {event.identity for event in group.events if isinstance(event, Event)}
            waiting = [event for event in left if event.identity in named]
            left = [event for event in left if event.identity not in named]
            later += self._put_off(waiting, group, attempts, first_seen) if waiting else []
        return later

    def _put_off(self, waiting: Sequence[Event], error: TryLater, attempts: int, first_seen: datetime) -> list[Later]:
        """Have events wait for a time of their own."""
        # Without much jitter where a time is named: those of one user that came in several batches keep their order.
        due = self._now() + delay(self._policy, 1 if named_time(error.after) else attempts, error.after)
        if (attempts == 1 and not self._waiting) or attempts == 5 or attempts % 20 == 0:
            _log.warning("worker.some_wait", worker=self.name, events=len(waiting), reason=sentence(error))
        return [Later(event, due, attempts, first_seen, sentence(error)) for event in waiting]

    async def _judge(self, event: Event, error: NoAnswer) -> Refused | None:
        """Whether an event is given up to which alone no answer came: not unless the destination answers to another."""
        if self._taken and await self._attempt(self._taken) is None:
            if self._passed_over:  # meanwhile it is: nothing was asked
                self._taken = ()
            else:
                self._suspects.suspect(event)
        return self._suspects.verdict(event, error)

    def _judge_unasked(self, event: Event, error: NoAnswer) -> Refused | None:
        """The same where the destination keeps what comes twice: others may have been taken."""
        before = self._alone.get(event.identity)
        if before is not None and self._answers > before:
            self._suspects.suspect(event)
        self._alone[event.identity] = self._answers
        verdict = self._suspects.verdict(event, error)
        if verdict:
            del self._alone[event.identity]
        return verdict

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
                if _named(error, part):
                    return error, attempts
                away += 1
                silent = silent + 1 if isinstance(error, NoAnswer) else 0
                if silent == self._policy.attempts and self._worker.keeps_repeats:
                    await self._wait_for_destination(error, away)  # or the next part would be sent at once
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
        if self._traces is None:
            return await self._call(part)
        with self._traces.deliver(self.name, part) as span:
            error = await self._call(part)
            span.end(_outcome(error))
        return error

    async def _call(self, part: Sequence[Event]) -> BaseException | None:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._worker.timeout):
                await self._worker.deliver(part)
        except TryLater as error:
            self._counters.failed(self.name, "try_later")
            if waiting := _named(error, part):
                kept = {event.identity for event in waiting}
                self._note_delivered([event for event in part if event.identity not in kept], started)
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
        finally:
            self._tell_skipped()
        self._note_delivered(part, started)
        return None

    def _note_delivered(self, events: Sequence[Event], started: float) -> None:
        self.state = "delivering"
        self._paused_since = None
        self._counters.delivered(self.name, len(events), time.perf_counter() - started)
        self.canary = seen(events) or self.canary

    def _tell_skipped(self) -> None:
        """Count what the worker has passed over, and say it when the first was, the tenth, the hundredth and so on."""
        found: list[tuple[Event, str]] = getattr(self._worker, "skipped", [])  # a stranger's worker may have none
        self._passed_over = {event.identity for event, _ in found}
        for reason, events in Counter(reason for _, reason in found).items():
            before, total = self._skipped[reason], self._skipped[reason] + events
            self._skipped[reason] = total
            self._counters.skipped(self.name, reason, events)
            if len(str(total)) > (len(str(before)) if before else 0):
                _log.info("worker.skipped", worker=self.name, reason=reason, events_so_far=total)
        found.clear()

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
        if self._worker.keeps_repeats and isinstance(error, NoAnswer):
            # What is not answered may be kept each time, so it is not tried sooner because it is another part.
            self._unanswered += 1
            cap = min(self._policy.longest, self._policy.first * 2.0 ** min(self._unanswered, 30))
            error = TryLater(error.reason, after=max(named_time(error.after) or 0.0, cap))
        seconds = delay(self._policy, times, error.after)
        self._say_paused("worker.paused", times, error)
        await self._pause(seconds)

    def _say_paused(self, what: str, times: int, error: BaseException) -> None:
        """Say it and since when, and do not repeat it at every attempt. Of a bug the log has the traceback."""
        why = sentence(error)
        self._show_pause(why)
        if times in (1, 5) or times % 20 == 0:
            bug = None if isinstance(error, EventSinkError) else error
            say = _log.error if bug else _log.warning
            say(what, worker=self.name, times=times, reason=why, exc_info=bug)

    def _show_pause(self, why: str) -> None:
        self._paused_since = self._paused_since or datetime.now(UTC)
        self.state = paused(self._paused_since, why)

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


def _outcome(error: BaseException | None) -> str:
    """What became of a call of a worker, in a word."""
    if error is None:
        return "delivered"
    return "try_later" if isinstance(error, TryLater) else "refused" if isinstance(error, Refused) else "error"


def _named(error: BaseException, part: Sequence[Event]) -> list[Event]:
    """The events of this part that an error of a worker names; none, if it names none or others."""
    if not isinstance(error, Refused | TryLater):
        return []
    said = groups(error) if isinstance(error, TryLater) else [error]
    named = {event.identity for each in said for event in each.events if isinstance(event, Event)}
    return [event for event in part if event.identity in named]
