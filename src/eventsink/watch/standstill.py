"""How long nothing ran here while something was waited for: a machine that sleeps, is moved, or has too much to do.

A time limit that ends meanwhile says nothing about who was asked.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

__all__ = ["Standstill", "standstill"]

EVERY = 0.25  # seconds


class Standstill:
    """The longest time, in seconds, in which the loop did not come round."""

    def __init__(self) -> None:
        self._longest = 0.0
        self._due = time.monotonic() + EVERY

    @property
    def longest(self) -> float:
        """Up to now: who has been held up asks before this was woken."""
        return max(self._longest, time.monotonic() - self._due)

    async def watch(self) -> None:
        """Look until it is cancelled."""
        while True:
            await asyncio.sleep(self._due - time.monotonic())
            self._longest = self.longest
            self._due = time.monotonic() + EVERY


@contextlib.asynccontextmanager
async def standstill() -> AsyncIterator[Standstill]:
    """Watch for it while in the context."""
    made = Standstill()
    watching = asyncio.create_task(made.watch())
    try:
        yield made
    finally:
        watching.cancel()
