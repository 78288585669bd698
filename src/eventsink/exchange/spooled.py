"""An exchange with a spool in front: events are accepted while it is away, kept on disk, and forwarded when it is back.

It also has requests share what they publish: those that arrive while something is on its way go together next, which is
what makes single events cheap.
"""

import asyncio
import contextlib
from collections import deque
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
        self._waiting: deque[_Group] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._spooled = asyncio.Event()
        self._sent: dict[Spooled, Sequence[Event]] = {}  # groups that are published and not removed yet
        self._after = 0  # number of the last group of which is known what became of it
        self._unwanted = 0  # events up to there that no queue took
        self._ask_all_at = 0.0  # when these are tried again
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
        if self.away:
            self._check_size()
        if not events:
            return
        group = self._waiting[-1] if self._waiting else None
        if group is None or len(group.events) + len(events) > LARGEST:
            group = _Group()
            self._waiting.append(group)
            asyncio.get_running_loop().call_soon(self._hand_over)  # after all requests of this turn have joined
        group.events += events
        await asyncio.shield(group.durable)  # the others of the group wait, too

    def _hand_over(self) -> None:
        while self._waiting and len(self._under_way) < AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._send(self._waiting.popleft()))
            self._under_way.add(task)
            task.add_done_callback(self._on_sent)

    def _on_sent(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._hand_over()

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
        self._check_size()
        await self._file.append([events])
        self._spooled.set()

    def _check_size(self) -> None:
        if self._file.bytes > self._most_bytes:
            raise ExchangeFull(
                f"The exchange takes nothing now, and the spool has {self._file.bytes} bytes of {self._most_bytes}"
                " (exchange.max_bytes)."
            )

    # --- forwarding --------------------------------------------------------------------------------------------------

    async def _forward(self) -> None:
        """Bring what is in the spool to the exchange, for ever."""
        failures = 0
        while True:
            await self._wait_for_events()
            self._spooled.clear()
            try:
                await self._pass()
            except Exception as error:  # noqa: BLE001 - the exchange is away, the disk full; or a bug, which must not end this
                if failures % 60 == 0:
                    _log.warning("spool.waits", events=self._file.events, reason=str(error) or type(error).__name__)
                failures += 1
                self._after, self._unwanted = 0, 0
                self._spooled.set()
                await asyncio.sleep(ASK_AGAIN)
                continue
            failures = 0
            newer = self._file.events - self._unwanted
            if newer <= LARGEST:
                self.away = False  # what comes from now on need not wait for these
            if newer > 0:
                self._spooled.set()

    async def _wait_for_events(self) -> None:
        """Wait until others come; now and then, ask again with those that no queue took."""
        if not self._unwanted:
            await self._spooled.wait()
            return
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):  # no others came
            async with asyncio.timeout_at(self._ask_all_at):
                await self._spooled.wait()
        if loop.time() >= self._ask_all_at:
            self._after, self._unwanted = 0, 0

    async def _pass(self) -> None:
        """Forward all groups that are there now, in order, but for those that no queue took lately.

        Raises:
            ExchangeUnavailable: the exchange is away, or the disk fails.
        """
        await self._remove_sent()
        forwarded, before = 0, self._unwanted
        if self._after == 0:
            self._ask_all_at = asyncio.get_running_loop().time() + UNWANTED
        last = await self._file.last()
        at_once = 1  # at first: of several, the later might get through while the exchange comes back
        while groups := await self._file.read(self._after, last):
            start = 0
            while part := groups[start : start + at_once]:
                await self._send_groups(part)
                start += at_once
                at_once = FORWARDED_AT_ONCE
            forwarded += sum(group.count for group in groups)
        forwarded -= self._unwanted - before
        if forwarded:
            _log.info("spool.forwarded", events=forwarded, left=self._file.events)

    async def _send_groups(self, groups: Sequence[Spooled]) -> None:
        """Publish groups in their order; what no queue takes of them stays in the spool."""
        outcomes = await asyncio.gather(*(self._send_group(group) for group in groups), return_exceptions=True)
        for group, outcome in zip(groups, outcomes, strict=True):
            if not isinstance(outcome, BaseException):
                self._sent[group] = outcome
        await self._remove_sent()
        for group, outcome in zip(groups, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                self.away = True
                raise outcome
            self._after = group.id

    async def _send_group(self, group: Spooled) -> Sequence[Event]:
        """Publish a group; gives the events that no queue takes."""
        try:
            await self.inner.publish(group.events())
        except Unroutable as error:
            return error.returned
        return ()

    async def _remove_sent(self) -> None:
        """Remove what the exchange has; should the disk not take that, it is not published again and again."""
        if not self._sent:
            return
        sent = dict(self._sent)
        await self._file.remove(sent)
        self._unwanted += sum(map(len, sent.values()))
        self._sent.clear()

    # --- the rest is the exchange's ----------------------------------------------------------------------------------

    async def queue(self, name: str, types: Sequence[str] = ()) -> Queue:
        """The queue of a worker."""
        queue = await self.inner.queue(name, types)
        if self._unwanted:  # it may be the one that takes these
            self._ask_all_at = 0.0
            self._spooled.set()
        return queue

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
        while self._under_way or self._waiting:
            await asyncio.wait(self._under_way) if self._under_way else await asyncio.sleep(0)
        self._forwarding.cancel()
        await asyncio.gather(self._forwarding, return_exceptions=True)
        await self.inner.close()
        await self._file.close()
