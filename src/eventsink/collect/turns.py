"""Turns for what takes time or memory: whoever asks a hundred times at once waits, and nobody else does."""

import asyncio

from eventsink.collect.problems import Problem

__all__ = ["Turn", "Turns"]


class Turns:
    """Some at a time may do something; the others wait a while.

    Args:
        patience: seconds that they wait.
        at_once: how many may.
        said: what is done, for who has waited in vain.
    """

    def __init__(self, patience: float, said: str, at_once: int = 1) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._patience = patience
        self._said = said

    async def take(self) -> "Turn":
        """Have a turn, until it is given back.

        Raises:
            Problem: others had theirs for too long.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise Problem(503, f"{self._said}: ask again in a moment.", headers={"retry-after": "5"}) from None
        return Turn(self._free)


class Turn:
    """One turn."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free: asyncio.Semaphore | None = free

    def __enter__(self) -> None:
        """Have it within."""

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Let somebody else have it. Safe to call twice."""
        free, self._free = self._free, None
        if free is not None:
            free.release()
