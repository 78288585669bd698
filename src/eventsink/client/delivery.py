"""Batches to the sink: a few on their way at once, tried again while the sink is away, their outcomes in order."""

import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from eventsink.client.batch import Batch
from eventsink.client.sink import Refusal, Sink, Unreachable
from eventsink.client.source import LONGEST_LINE
from eventsink.errors import EventSinkError

__all__ = ["Delivery", "Outcome", "Patience", "Remark"]

CONNECTIONS = 4
AHEAD = 2 * CONNECTIONS  # batches that are read before the first of them is answered
FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0


class Stopped(Exception):
    """The user wants to end."""


@dataclass(frozen=True)
class Remark:
    """What the sink says about one event: why it was not accepted, or a warning."""

    number: int
    message: str
    pointer: str = ""
    expected: str = ""
    got: str = ""


@dataclass
class Outcome:
    """What became of a batch.

    Args:
        untold: events that were not accepted though the sink did not say which.
    """

    batch: Batch
    accepted: int = 0
    rejected: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)
    untold: int = 0

    @property
    def refused(self) -> int:
        """How many were not accepted."""
        return len(self.rejected) + self.untold


class Patience:
    """How long to go on when nothing gets through, one for all connections.

    Args:
        seconds: without any progress, after which it is over. A wait that the sink itself asked for is not counted.
        tell: is told, in words, why there is a wait; with an empty text, that it is over.
    """

    def __init__(self, seconds: float, tell: Callable[[str], None]) -> None:
        self._seconds = seconds
        self._tell = tell
        self._stopped = threading.Event()
        self._failing_since: float | None = None
        self._asked = 0.0
        self._told = ""

    @property
    def stopped(self) -> bool:
        """Whether the user wants to end."""
        return self._stopped.is_set()

    def progressed(self) -> None:
        """Something got through."""
        self._failing_since = None
        self._asked = 0.0
        if self._told:
            self._told = ""
            self._tell("")

    def stop(self) -> None:
        """End all waits."""
        self._stopped.set()

    def wait(self, attempt: int, error: EventSinkError) -> None:
        """Wait before the next attempt.

        Raises:
            EventSinkError: it took too long; the error that was given.
            Stopped: the user wants to end.
        """
        asked = error.retry_after if isinstance(error, Refusal) else 0.0
        self._asked = max(self._asked, asked)
        since = self._failing_since = self._failing_since or time.monotonic()
        left = since + self._seconds + self._asked - time.monotonic()
        if left <= 0:
            raise error
        backoff = random.uniform(0.5, 1.0) * min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt, 16))  # noqa: S311
        if str(error) != self._told:
            self._told = str(error)
            self._tell(self._told)
        if self._stopped.wait(min(max(asked, backoff), left + 0.01)):
            raise Stopped


class Delivery:
    """Posts batches over a few connections.

    Args:
        sink: where to; each thread has a connection of its own.
        patience: how long to go on when nothing gets through.
    """

    def __init__(self, sink: Sink, patience: Patience) -> None:
        self._patience = patience
        self._work: queue.SimpleQueue[tuple[Batch, Future[Outcome]] | None] = queue.SimpleQueue()
        self._under_way: deque[Future[Outcome]] = deque()
        for _ in range(CONNECTIONS):
            threading.Thread(target=self._serve, args=(sink.twin(),), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(CONNECTIONS):
            self._work.put(None)

    def submit(self, batch: Batch) -> Iterator[Outcome]:
        """Have a batch posted. Gives the outcomes that are there by then, and waits for one if too many are not.

        Raises:
            EventSinkError: a batch could not be posted, and none after it will be.
        """
        outcome: Future[Outcome] = Future()
        self._under_way.append(outcome)
        self._work.put((batch, outcome))
        while self._under_way and (self._under_way[0].done() or len(self._under_way) > AHEAD):
            yield self._next()

    def drain(self) -> Iterator[Outcome]:
        """Wait for all outcomes that are not there yet."""
        while self._under_way:
            yield self._next()

    def stop(self, seconds: float) -> Iterator[Outcome]:
        """End: gives the outcomes that come within some seconds, up to the first that does not."""
        self._patience.stop()
        end = time.monotonic() + seconds
        while self._under_way:
            first = self._under_way.popleft()
            try:
                yield first.result(timeout=max(0.0, end - time.monotonic()))
            except (TimeoutError, Stopped, EventSinkError):
                return

    def _next(self) -> Outcome:
        # Taken off only when it is there: an interrupted wait must not lose it.
        outcome = self._under_way[0].result()
        self._under_way.popleft()
        return outcome

    def _serve(self, sink: Sink) -> None:
        for batch, outcome in iter(self._work.get, None):
            if self._patience.stopped:
                outcome.set_exception(Stopped())
                continue
            try:
                outcome.set_result(self._deliver(sink, batch))
            except BaseException as error:  # noqa: BLE001 - it belongs to the one that waits for the outcome
                outcome.set_exception(error)
        sink.close()

    def _deliver(self, sink: Sink, batch: Batch) -> Outcome:
        outcome = Outcome(batch)
        limit = f"The line is longer than {LONGEST_LINE >> 20} MB."
        outcome.rejected += [Remark(number, limit) for number in batch.too_long]
        if batch.lines:
            self._post(sink, batch, outcome)
        return outcome

    def _post(self, sink: Sink, batch: Batch, outcome: Outcome) -> None:
        try:
            answer = self._persist(sink, b"\n".join(batch.lines))
        except Refusal as refusal:
            if refusal.status in (400, 413) and len(batch) > 1:
                for half in batch.halves():
                    self._post(sink, half, outcome)
                return
            if refusal.status not in (400, 413, 422):
                raise
            answer = refusal.problem
            if not answer.get("rejected"):
                answer = {"rejected": [{"index": index, "message": str(refusal)} for index in range(len(batch))]}
        _note(answer, batch, outcome)

    def _persist(self, sink: Sink, body: bytes) -> Any:
        attempt = 0
        while True:
            try:
                answer = sink.post_lines(body)
            except (Unreachable, Refusal) as error:
                away = isinstance(error, Unreachable) or error.status in (408, 429) or error.status >= 500
                if not away:
                    self._patience.progressed()
                    raise
                self._patience.wait(attempt, error)
                attempt += 1
            else:
                self._patience.progressed()
                return answer


def _note(answer: Any, batch: Batch, outcome: Outcome) -> None:
    accepted = answer.get("accepted", 0)
    rejected = [_remark(item, batch) for item in answer.get("rejected", ())]
    outcome.accepted += accepted
    outcome.rejected += rejected
    outcome.untold += max(0, len(batch) - accepted - len(rejected))
    outcome.warnings += [_remark(item, batch) for item in answer.get("warnings", ())]


def _remark(item: dict[str, Any], batch: Batch) -> Remark:
    texts = {name: str(item.get(name, "")) for name in ("message", "pointer", "expected", "got")}
    return Remark(batch.numbers[item["index"]], **texts)
