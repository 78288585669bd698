"""How much it took, and whether that is bounded."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from eventsink.assemble.process import COLLECT_AFTER

__all__ = ["ATTEMPTS", "calm_collector", "heart", "is_bounded"]

STALL = 0.1  # seconds that nobody else may stand still
TIMES = 5.0  # as much CPU time, for four times as many bytes
NOISE = 0.1  # seconds of it that are none of the body's
ATTEMPTS = 5  # others use this machine as well
BEAT = 0.002


def is_bounded(less: float, more: float, stall: float) -> bool:
    """Whether four times as many bytes cost that many times as much, and nobody else stood still.

    Args:
        less: seconds of CPU time for some bytes; `more`: for four times as many.
        stall: the longest of all, seconds.
    """
    return more <= TIMES * less + NOISE and stall < STALL


@asynccontextmanager
async def heart() -> AsyncIterator[list[float]]:
    """Seconds of CPU time that went by between two beats: while nobody else had a turn.

    The time of a clock would be that of whoever else uses this machine, too.
    """
    stalls = [0.0]

    async def beat() -> None:
        before = time.process_time()
        while True:
            await asyncio.sleep(BEAT)
            now = time.process_time()
            stalls.append(now - before)
            before = now

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0)
    try:
        yield stalls
        await asyncio.sleep(2 * BEAT)
    finally:
        beating.cancel()


@contextmanager
def calm_collector() -> Iterator[None]:
    """As in the process that this is part of; see assemble/process.py."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
