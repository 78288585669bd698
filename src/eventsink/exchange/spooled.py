"""An exchange with a spool in front: events are accepted while it is away, kept on disk, and forwarded when it is back.

It also has requests share what they publish: those that arrive while something is on its way go together next, which is
what makes single events cheap.
"""

import asyncio
from collections.abc import Sequence

import structlog

from eventsink.errors import ExchangeFull, ExchangeUnavailable, Unroutable
from eventsink.event import Event
from eventsink.exchange.contract import Account, DeadLetter, Exchange, Queue, Spool
from eventsink.exchange.spool_file import Spooled, SpoolFile

__all__ = ["SpooledExchange"]

LARGEST = 5_000  # events that are published together
AT_ONCE = 4  # publications under way
FORWARDED_AT_ONCE = 16  # groups
ASK_AGAIN = 1.0  # seconds between two attempts while the exchange is away
UNWANTED = 10.0  # seconds between two attempts with events that no queue takes

_log = structlog.get_logger(__name__)


class _Group:
    """What is published together, and who waits for it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class SpooledExchange:
    """Any exchange with a spool in front.

    Args:
        inner: the exchange, which may be away.
        file: open; closed with this.
        most_bytes: events beyond this size are refused while the exchange is away.
    """

    def __init__(self, inner: Exchange, file: SpoolFile, most_bytes: int = 10 << 30) -> None:
        self.inner = inner
        self.away = False
        """Whether events go to the spool, because the exchange is away or what it missed is still being forwarded."""
        self._file = file
        self._most_bytes = most_bytes
        self._next: _Group | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._spooled = asyncio.Event()
        if file.events:
            self.away = True
            self._spooled.set()
        self._forwarding = asyncio.create_task(self._forward())

    async def publish(self, events: Sequence[Event]) -> None:
        """Make events durable, in the exchange or in the spool.

        Raises:
            ExchangeFull: the exchange is away and the spool has reached its size.
            ExchangeUnavailable: the exchange is away and the disk takes nothing.
        """
        if self._file.bytes > self._most_bytes and self.away:
            raise ExchangeFull(
                f"The exchange is away, and the spool has {self._file.bytes} bytes of {self._most_bytes}"
                " (exchange.max_bytes)."
            )
        if not events:
            return
        group = self._next
        if group is None or len(group.events) + len(events) > LARGEST:
            group = self._next = _Group()
            asyncio.get_running_loop().call_soon(self._hand_over, group)  # after all requests of this turn have joined
        group.events += events
        await asyncio.shield(group.durable)  # the others of the group wait, too

    def _hand_over(self, group: _Group) -> None:
        if len(self._under_way) >= AT_ONCE and group is self._next:
            return  # it goes when one that is under way is done
        if group is self._next:
            self._next = None
        task = asyncio.get_running_loop().create_task(self._send(group))
        self._under_way.add(task)
        task.add_done_callback(self._on_sent)

    def _on_sent(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        if self._next is not None:
            self._hand_over(self._next)

    async def _send(self, group: _Group) -> None:
        try:
            await self._publish_or_spool(group.events)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            group.durable.set_exception(error)
            group.durable.exception()  # all of them may be gone
        else:
            group.durable.set_result(None)

    async def _publish_or_spool(self, events: Sequence[Event]) -> None:
        if not self.away:
            try:
                await self.inner.publish(events)
            except Unroutable as error:
                _log.warning("spool.unroutable", events=len(error.returned), reason=str(error))
                events = error.returned
            except ExchangeUnavailable as error:
                if not self.away:
                    _log.warning("spool.exchange_away", reason=str(error))
                self.away = True
            else:
                return
        await self._file.append([events])
        self._spooled.set()

    # --- forwarding --------------------------------------------------------------------------------------------------

    async def _forward(self) -> None:
        """Bring what is in the spool to the exchange, for ever."""
        while True:
            await self._spooled.wait()
            self._spooled.clear()
            try:
                unwanted = await self._pass()
            except ExchangeUnavailable as error:
                _log.info("spool.waits", events=self._file.events, reason=str(error))
                self._spooled.set()
                await asyncio.sleep(ASK_AGAIN)
                continue
            newer = self._file.events - unwanted
            if newer <= LARGEST:
                self.away = False  # what comes from now on need not wait for these
            if newer:
                self._spooled.set()
            elif unwanted:
                await self._wait_for_a_queue()

    async def _pass(self) -> int:
        """Forward all groups that are there now, in order. Gives how many events no queue took.

        Raises:
            ExchangeUnavailable: the exchange is away, or the disk fails.
        """
        after, forwarded, unwanted = 0, 0, 0
        last = await self._file.last()
        while groups := await self._file.read(after, last):
            left = await self._send_groups(groups)
            unwanted += sum(map(len, left))
            forwarded += sum(group.count for group in groups)
            after = groups[-1].id
        if forwarded > unwanted:
            _log.info("spool.forwarded", events=forwarded - unwanted, left=self._file.events)
        return unwanted

    async def _wait_for_a_queue(self) -> None:
        """Let some time pass before asking again with events that no queue takes, unless others come."""
        try:
            await asyncio.wait_for(self._spooled.wait(), UNWANTED)
        except TimeoutError:  # no others came
            self._spooled.set()

    async def _send_groups(self, groups: Sequence[Spooled]) -> list[Sequence[Event]]:
        """Publish groups in their order; gives what no queue took of them, which stays in the spool."""
        left: list[Sequence[Event]] = []
        for start in range(0, len(groups), FORWARDED_AT_ONCE):
            part = groups[start : start + FORWARDED_AT_ONCE]
            outcomes = await asyncio.gather(*(self.inner.publish(g.events()) for g in part), return_exceptions=True)
            done = [g for g, outcome in zip(part, outcomes, strict=True) if not _failed(outcome)]
            back = [outcome.returned for outcome in outcomes if isinstance(outcome, Unroutable)]
            await self._file.remove(done, back)
            left += back
            for outcome in outcomes:
                if _failed(outcome):
                    self.away = True
                    raise outcome  # type: ignore[misc]
        return left

    # --- the rest is the exchange's ----------------------------------------------------------------------------------

    async def queue(self, name: str, types: Sequence[str] = ()) -> Queue:
        """The queue of a worker."""
        return await self.inner.queue(name, types)

    async def put_back(self, worker: str, events: Sequence[Event]) -> None:
        """Put events into one worker's queue alone."""
        await self.inner.put_back(worker, events)

    async def accounts(self) -> dict[str, Account]:
        """The books of every queue; what is in the spool is in none of them yet."""
        return await self.inner.accounts()

    async def spool(self) -> Spool:
        """What waits for the exchange."""
        return Spool(self._file.events, self._file.bytes, self.away)

    async def dead_letters(self, *, worker: str | None = None, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters in the order of their numbers."""
        return await self.inner.dead_letters(worker=worker, after=after, limit=limit)

    async def retry(self, ids: Sequence[int]) -> int:
        """Put dead letters back into the queues that they came from."""
        return await self.inner.retry(ids)

    async def drop(self, ids: Sequence[int]) -> int:
        """Throw dead letters away."""
        return await self.inner.drop(ids)

    async def close(self) -> None:
        """Finish what is under way, and close the exchange and the spool. Safe to call twice."""
        while self._under_way or self._next:
            await asyncio.wait(self._under_way or {asyncio.ensure_future(asyncio.sleep(0))})
        self._forwarding.cancel()
        await asyncio.gather(self._forwarding, return_exceptions=True)
        await self.inner.close()
        await self._file.close()


def _failed(outcome: BaseException | None) -> bool:
    return isinstance(outcome, BaseException) and not isinstance(outcome, Unroutable)
