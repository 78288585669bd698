"""What one process has published: counted when the broker has confirmed it, and told to who keeps the accounts."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import structlog

from eventsink.errors import ExchangeUnavailable
from eventsink.event import Event
from eventsink.exchange.rabbitmq.settlements import Entered

__all__ = ["EVERY", "Entries"]

EVERY = 0.5  # seconds
MOST = 10_000  # types that are remembered

_log = structlog.get_logger(__name__)


class Entries:
    """Counts, and tells now and then.

    Args:
        door: the name of this process.
        tell: makes durable how many events of each type it has published; it may fail for a while.
    """

    def __init__(self, door: str, tell: Callable[[Entered], Awaitable[None]]) -> None:
        self._name = self._door = door
        self._tell = tell
        self._counts: Counter[str] = Counter()
        self._told: dict[str, int] = {}
        self._spool: tuple[str, Callable[[], int]] = ("", int)
        self._told_spooled = 0
        self._telling = asyncio.Lock()
        self._task = asyncio.create_task(self._tell_now_and_then(), name="exchange-entries")

    def count(self, events: Sequence[Event]) -> None:
        """Count events that the broker has confirmed."""
        self._counts.update([event.type for event in events])

    def mind(self, spool: str, spooled: Callable[[], int]) -> None:
        """Tell also what waits in a spool.

        Args:
            spool: a name that is the same when this process is started again.
            spooled: gives how many events are in it.
        """
        self._spool, self._told_spooled = (spool, spooled), -1  # what its last process told may be wrong by now

    async def report(self) -> None:
        """Tell what is new, if anything is.

        Raises:
            ExchangeUnavailable: it is told the next time.
        """
        async with self._telling:
            told, (spool, count_spooled) = self._told, self._spool
            spooled = count_spooled()
            fresh = {kind: count for kind, count in self._counts.items() if count != told.get(kind)}
            if fresh or spooled != self._told_spooled:
                events = {kind: (told.get(kind, 0), count) for kind, count in fresh.items()}
                await self._tell(Entered(self._door, events, spool, spooled))
                self._told, self._told_spooled = told | fresh, spooled
            if len(self._counts) > MOST:  # types that strangers made up: it counts on under another name
                self._counts -= Counter(self._told)
                self._door, self._told = f"{self._name}+{uuid.uuid4().hex[:8]}", {}

    async def close(self) -> None:
        """Tell for the last time."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self.report()
        except ExchangeUnavailable as error:
            _log.warning("exchange.entries_not_told", reason=str(error))

    async def _tell_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.report()
            except ExchangeUnavailable as error:  # the exchange itself says so
                _log.debug("exchange.entries_not_told_yet", reason=str(error))
            except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to count nothing any more
                _log.exception("exchange.entries_failed")
