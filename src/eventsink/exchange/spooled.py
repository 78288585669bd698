"""An exchange with a spool in front, which takes events while the exchange is away and forwards them later."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eventsink.durable import Codec, Spooler, SpoolFile
from eventsink.event import Event, decode_lines, encode
from eventsink.exchange.contract import Account, DeadLetter, Exchange, Queue, Spool

if TYPE_CHECKING:
    from eventsink.exchange.inherited import Inherited  # which opens spools as this does

__all__ = ["SpooledExchange", "open_spool"]


def open_spool(path: Path) -> SpoolFile[Event]:
    """Open the file of a spool for events.

    Raises:
        DataDirectoryInUse: another process has it.
        ExchangeUnavailable: it cannot be made or opened here.
    """
    return SpoolFile(path, Codec(_pack, _unpack))


class SpooledExchange:
    """Any exchange with a spool in front.

    Args:
        inner: the exchange, which may be away.
        file: open; closed with this.
        most_bytes: events beyond this size are refused while the exchange is away.
        inherited: what others have left behind, which waits as well.
        again: publishes what may have been published before; as the exchange does if there is no other way.
    """

    def __init__(
        self,
        inner: Exchange,
        file: SpoolFile[Event],
        most_bytes: int = 10 << 30,
        inherited: "Inherited | None" = None,
        again: Callable[[Sequence[Event]], Awaitable[None]] | None = None,
    ) -> None:
        self.inner = inner
        self._inherited = inherited
        self._spooler = Spooler(inner.publish, file, most_bytes, again=again)

    @property
    def away(self) -> bool:
        """Whether events go to the spool, because the exchange is away or what it missed is still being forwarded."""
        return self._spooler.away

    async def publish(self, events: Sequence[Event]) -> None:
        """Make events durable, in the exchange or in the spool.

        Raises:
            ExchangeFull: the exchange is away and the spool has reached its size.
            ExchangeUnavailable: the exchange is away and the disk takes nothing.
        """
        await self._spooler.publish(events)

    async def check(self) -> None:
        """See whether events could be made durable now: the spool takes what the exchange does not.

        Raises:
            ExchangeFull: the exchange is away and the spool has reached its size.
            ExchangeUnavailable: the exchange is away and the disk takes nothing.
        """
        await self._spooler.check()

    async def spool(self) -> Spool:
        """What waits for the exchange."""
        own, left = self._spooler.file, self._inherited
        return Spool(own.events + (left.events if left else 0), own.bytes + (left.bytes if left else 0), self.away)

    async def close(self) -> None:
        """Finish what is under way, and close the exchange and the spool. Safe to call twice."""
        await self._spooler.finish()
        if self._inherited:
            await self._inherited.close()
        await self.inner.close()
        await self._spooler.file.close()

    # --- the rest is the exchange's ----------------------------------------------------------------------------------

    async def queue(self, name: str, types: Sequence[str] = ()) -> Queue:
        """The queue of a worker."""
        queue = await self.inner.queue(name, types)
        self._spooler.ask_again()  # it may be the one that takes what nobody took
        if self._inherited:
            self._inherited.ask_again()
        return queue

    async def put_back(self, worker: str, events: Sequence[Event]) -> None:
        """Put events into one worker's queue alone."""
        await self.inner.put_back(worker, events)

    async def accounts(self) -> dict[str, Account]:
        """The books of every queue; what is in the spool is in none of them yet."""
        return await self.inner.accounts()

    async def dead_letters(self, *, worker: str | None = None, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters in the order of their numbers."""
        return await self.inner.dead_letters(worker=worker, after=after, limit=limit)

    async def retry(self, ids: Sequence[int]) -> int:
        """Put dead letters back into the queues that they came from."""
        return await self.inner.retry(ids)

    async def drop(self, ids: Sequence[int]) -> int:
        """Throw dead letters away."""
        return await self.inner.drop(ids)

    async def forget(self, worker: str) -> int:
        """Take away the queue of a worker that nobody needs any more."""
        return await self.inner.forget(worker)


def _pack(events: Sequence[Event]) -> bytes:
    return b"\n".join([encode(event) for event in events])


def _unpack(packed: bytes) -> list[Event]:
    return decode_lines(packed.split(b"\n"))
