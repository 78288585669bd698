"""How far one run of a check has come: what was measured, what it is at, how much time is left.

A check that fails halfway reports the numbers that it has, and one whose time is over says in which phase.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from eventsink.watch.check import Check, Down, Measurement

__all__ = ["Course", "course"]

MARGIN = 0.5  # seconds, or a tenth: by so much our limit comes before that of the monitor, which knows of no phases


class Course:
    """One run.

    Args:
        seconds: that it has.

    Attributes:
        numbers: that were measured, by their names in the catalogue.
        doing: what is not done yet, as a clause that follows on "it took longer than that:".
        notes: sentences for a person, if all goes well.
    """

    def __init__(self, seconds: float) -> None:
        self.numbers: dict[str, Any] = {}
        self.doing = "nothing was done"
        self.notes: list[str] = []
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(0.0, self._end - time.monotonic())

    @contextmanager
    def phase(self, doing: str, field: str = "") -> Iterator[None]:
        """A phase, whose duration in milliseconds becomes a number when it has come to its end."""
        self.doing = doing
        begin = time.perf_counter()
        yield
        if field:
            self.numbers[field] = since(begin)

    def measurement(self) -> Measurement:
        """What all went well with."""
        return Measurement(self.numbers, " ".join(self.notes))


def since(begin: float) -> float:
    """Milliseconds from a reading of `time.perf_counter` to now."""
    return round((time.perf_counter() - begin) * 1e3, 3)


@asynccontextmanager
async def course(check: Check[Any]) -> AsyncIterator[Course]:
    """A run of a check within its time. A failure within it gets the numbers, and the target before its message.

    Raises:
        Down: with the reason `timeout`: the time was over.
    """
    limit = check.site.timeout
    run = Course(max(limit * 0.9, limit - MARGIN))
    try:
        async with asyncio.timeout(run.left):
            yield run
    except TimeoutError:
        raise Down("timeout", f"{check.target}: {limit:g} s were not enough: {run.doing}.", run.numbers) from None
    except Down as down:
        raise type(down)(down.reason, f"{check.target}: {down.message}", run.numbers | down.numbers) from down.__cause__
