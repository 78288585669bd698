"""A spool in front of something that publishes: what it does not take now is kept on disk, and forwarded later.

It also has callers share what they publish: those that arrive while something is on its way go together next, which is
what makes single events cheap.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from eventsink.causes import why
from eventsink.durable.spool_file import Spooled, SpoolFile
from eventsink.errors import BrokerRefuses, ExchangeFull, ExchangeUnavailable, Unroutable

__all__ = ["Spooler"]

LARGEST = 5_000  # events that are published together
AT_ONCE = 4  # publications under way
FORWARDED_AT_ONCE = 16  # groups
ASK_AGAIN = 1.0  # seconds between two attempts while the exchange is away
REFUSED_FOR = 10.0  # seconds: then it may have been mended, which the next items show
UNWANTED = 10.0  # seconds between two attempts with events that no queue takes

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class _Group(Generic[T]):
    """What is published together, and who waits for it."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self.durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Spooler(Generic[T]):
    """A spool and what it forwards to.

    Args:
        publish: makes items durable where they belong; it may be away, and may say of some that nobody takes them.
        file: open; closed with this.
        most_bytes: items beyond this size are refused while it is away.
        again: publishes what was in the file from the start, which may have been published before.
        keep_unroutable: items that nobody takes wait in the spool; if not, the caller is told, unless they waited there
            for something that was away.
        first: every item goes to the file, and its caller waits for the disk alone.
    """

    def __init__(  # noqa: PLR0913 - what can be said of a spool
        self,
        publish: Callable[[Sequence[T]], Awaitable[None]],
        file: SpoolFile[T],
        most_bytes: int = 10 << 30,
        *,
        again: Callable[[Sequence[T]], Awaitable[None]] | None = None,
        keep_unroutable: bool = True,
        first: bool = False,
    ) -> None:
        self.away = first
        """Whether items go to the spool, because it is away or what it missed is still being forwarded."""
        self.file = file
        self._publish = publish
        self._again = again or publish
        self._keep_unroutable = keep_unroutable
        self._first = first
        self._most_bytes = most_bytes
        self._waiting: deque[_Group[T]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._spooled = asyncio.Event()
        self._refused: tuple[float, BrokerRefuses] | None = None  # when what it goes to forbade it for good
        self._sent: dict[Spooled, Sequence[T]] = {}  # groups that are published and not removed yet
        self._after = 0  # number of the last group of which is known what became of it
        self._unwanted = 0  # events up to there that no queue took
        self._ask_all_at = 0.0  # when these are tried again
        if file.events:
            self.away = True
            self._spooled.set()
        self._forwarding = asyncio.create_task(self._forward())

    async def publish(self, items: Sequence[T]) -> None:
        """Make items durable, where they belong or in the spool.

        Raises:
            ExchangeFull: what they go to is away, and the spool has reached its size.
            ExchangeUnavailable: it is away, and the disk takes nothing.
            BrokerRefuses: it is there and forbids it, which no waiting mends.
            Unroutable: nobody takes some of them, or of what was published with them, and they are not to wait.
        """
        if self.away:
            self._check_spool()
        if not items:
            return
        group = self._waiting[-1] if self._waiting else None
        if group is None or len(group.items) + len(items) > LARGEST:
            group = _Group()
            self._waiting.append(group)
            asyncio.get_running_loop().call_soon(self._hand_over)  # after all requests of this turn have joined
        group.items += items
        await asyncio.shield(group.durable)  # the others of the group wait, too

    async def check(self) -> None:
        """See whether items could be made durable now.

        Raises:
            ExchangeFull: what they go to is away, and the spool has reached its size.
            ExchangeUnavailable: it is away, and the disk takes nothing.
            BrokerRefuses: it is there and forbids it, as was seen a short while ago.
        """
        if self._refused and asyncio.get_running_loop().time() - self._refused[0] < REFUSED_FOR:
            raise _anew(self._refused[1])
        if self.away:
            self._check_spool()
            await self.file.check()

    def _hand_over(self) -> None:
        while self._waiting and len(self._under_way) < AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._send(self._waiting.popleft()))
            self._under_way.add(task)
            task.add_done_callback(self._on_sent)

    def _on_sent(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._hand_over()

    async def _send(self, group: _Group[T]) -> None:
        try:
            await self._publish_or_spool(group.items)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            group.durable.set_exception(error)
            group.durable.exception()  # all of them may be gone
        else:
            group.durable.set_result(None)

    async def _publish_or_spool(self, items: Sequence[T]) -> None:
        if not self.away:
            try:
                await self._publish(items)
            except Unroutable as error:
                if not self._keep_unroutable:
                    raise
                _log.warning("spool.unroutable", events=len(error.returned), reason=str(error))
                items = error.returned
            except ExchangeUnavailable as error:
                if self._is_refused(error):
                    raise
                self._refused = None
                if not self.away:
                    _log.warning("spool.exchange_away", reason=str(error))
                self.away = True
            else:
                self._refused = None
                return
        try:
            self._check_spool()
            await self.file.append([items])
        except ExchangeUnavailable:
            if not self.file.events:  # nothing is to be forwarded: the next items show whether it is back
                self.away = self._first
            raise
        self._spooled.set()

    def _is_refused(self, error: Exception) -> bool:
        if not isinstance(error, BrokerRefuses) or not error.for_good:
            return False
        if self._refused is None:
            _log.error("spool.refused", reason=str(error))
        self._refused = asyncio.get_running_loop().time(), error
        return True

    def _check_spool(self) -> None:
        """See whether it may grow: a spool for what is forbidden would grow without end."""
        if self._refused:
            raise _anew(self._refused[1])
        if self.file.bytes > self._most_bytes:
            raise ExchangeFull(
                f"Nothing can be published now, and the spool has {self.file.bytes} bytes of {self._most_bytes}"
                " (exchange.max_bytes)."
            )

    # --- forwarding --------------------------------------------------------------------------------------------------

    async def _forward(self) -> None:
        """Bring what is in the spool to where it belongs, for ever."""
        failures = 0
        while True:
            await self._wait_for_events()
            self._spooled.clear()
            try:
                forwarded = await self._pass()
            except Exception as error:  # noqa: BLE001 - the exchange is away, the disk full; or a bug, which must not end this
                if not self._is_refused(error):
                    self._refused = None
                if failures % 60 == 0:
                    _log.warning("spool.waits", events=self.file.events, reason=why(error))
                failures += 1
                self._after, self._unwanted = 0, 0
                self._spooled.set()
                await asyncio.sleep(ASK_AGAIN)
                continue
            if forwarded and (failures or not self._first):
                _log.info("spool.forwarded", events=forwarded, left=self.file.events)
            failures, self._refused = 0, None
            newer = self.file.events - self._unwanted
            if newer <= LARGEST:
                self.away = self._first  # what comes from now on need not wait for these
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

    async def _pass(self) -> int:
        """Forward all groups that are there now, in order, but for those that no queue took lately; gives how many.

        Raises:
            ExchangeUnavailable: the exchange is away, or the disk fails.
        """
        await self._remove_sent()
        forwarded, before = 0, self._unwanted
        if self._after == 0:
            self._ask_all_at = asyncio.get_running_loop().time() + UNWANTED
        last = await self.file.last()
        at_once = 1  # at first: of several, the later might get through while the exchange comes back
        while groups := await self.file.read(self._after, last):
            start = 0
            while part := groups[start : start + at_once]:
                await self._send_groups(part)
                start += at_once
                at_once = FORWARDED_AT_ONCE
            forwarded += sum(group.count for group in groups)
        forwarded -= self._unwanted - before
        return forwarded

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

    async def _send_group(self, group: Spooled) -> Sequence[T]:
        """Publish a group; gives the items that no queue takes."""
        publish = self._again if group.id <= self.file.found else self._publish
        try:
            await publish(self.file.unpack(group))
        except Unroutable as error:
            return error.returned
        return ()

    async def _remove_sent(self) -> None:
        """Remove what the exchange has; should the disk not take that, it is not published again and again."""
        if not self._sent:
            return
        sent = dict(self._sent)
        await self.file.remove(sent)
        self._unwanted += sum(map(len, sent.values()))
        self._sent.clear()

    def ask_again(self) -> None:
        """Try at once what nobody took: somebody may take it now."""
        if self._unwanted:
            self._ask_all_at = 0.0
            self._spooled.set()

    async def finish(self) -> None:
        """Finish what is under way, and forward no more. Safe to call twice."""
        while self._under_way or self._waiting:
            await asyncio.wait(self._under_way) if self._under_way else await asyncio.sleep(0)
        self._forwarding.cancel()
        await asyncio.gather(self._forwarding, return_exceptions=True)


def _anew(error: BrokerRefuses) -> BrokerRefuses:
    """An error to be raised: one that is raised again and again remembers all who have raised it."""
    return BrokerRefuses(str(error), code=error.code)
