"""A file of the store on its way to a client, whoever reads slowly or goes away."""

import asyncio

from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.turns import Turn
from eventsink.store import Export, Store

__all__ = ["Sending", "store_of"]

SENT_AT_ONCE = 256 << 10  # bytes


class Sending:
    """A file on its way. Its file and its turn are given back before its end is sent, or when the client is gone."""

    def __init__(self, export: Export, turn: Turn) -> None:
        self._export = export
        self._turn = turn
        self._left = export.bytes

    def __aiter__(self) -> "Sending":
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        part = await asyncio.to_thread(self._export.file.read, SENT_AT_ONCE)
        self._left -= len(part)
        if not self._left:
            self.end()
        return part

    def __del__(self) -> None:
        self.end()

    def end(self) -> None:
        """Give all back. Safe to call twice."""
        self._left = 0
        self._export.file.close()
        self._turn.give_back()


def store_of(desk: Desk) -> Store:
    """The store of this process.

    Raises:
        Problem: it has none.
    """
    if desk.store is None:
        raise Problem(503, "This process has no store: ask the one that runs `eventsink serve` or `eventsink up`.")
    return desk.store
