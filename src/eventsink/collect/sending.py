"""A file of the store on its way to a client, whoever reads slowly or goes away."""

import asyncio
import weakref

import structlog

from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.turns import Turn
from eventsink.store import Export, Store

__all__ = ["Sending", "store_of"]

SENT_AT_ONCE = 256 << 10  # bytes
SLOWEST = 128 << 10  # bytes a second, on the whole: who reads less would have the turn for days
AHEAD = 60.0  # seconds that one may be slower than that

_log = structlog.get_logger(__name__)


class Sending:
    """A file on its way, made where a loop runs.

    Its file and its turn are given back before its end is sent, when the client is gone, or when it reads too slowly:
    then the connection is closed before the length that was promised, which is all that can still be said.
    """

    def __init__(self, export: Export, turn: Turn) -> None:
        self._export = export
        self._turn = turn
        self._left = export.bytes
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._alarm = self._next_alarm()

    def __aiter__(self) -> "Sending":
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        self._alarm.cancel()
        part = await asyncio.to_thread(self._export.file.read, SENT_AT_ONCE)
        self._left -= len(part)
        if self._left:
            self._alarm = self._next_alarm()
        else:
            self.end()
        return part

    def __del__(self) -> None:
        self.end()

    def end(self) -> None:
        """Give all back. Safe to call twice."""
        self._left = 0
        self._alarm.cancel()
        self._export.file.close()
        self._turn.give_back()

    def give_up(self) -> None:
        """End it, for who reads it is too slow."""
        sent, of = self._export.bytes - self._left, self._export.bytes
        _log.warning(
            "collect.read_too_slowly",
            sent=sent,
            of=of,
            reason=f"Who asked for this file reads less than {SLOWEST >> 10} KiB a second, and others wait for their"
            " turn: the connection is closed. Ask over a faster line, or for a shorter time.",
        )
        self.end()

    def _next_alarm(self) -> asyncio.TimerHandle:
        """Give it up unless the next part is asked for in time; held by nothing, it ends when its client is gone."""
        latest = self._begun + AHEAD + (self._export.bytes - self._left) / SLOWEST
        return self._loop.call_at(latest, _give_up, weakref.ref(self))


def _give_up(sending: "weakref.ref[Sending]") -> None:
    if (found := sending()) is not None:
        found.give_up()


def store_of(desk: Desk) -> Store:
    """The store of this process.

    Raises:
        Problem: it has none.
    """
    if desk.store is None:
        raise Problem(503, "This process has no store: ask the one that runs `eventsink serve` or `eventsink up`.")
    return desk.store
