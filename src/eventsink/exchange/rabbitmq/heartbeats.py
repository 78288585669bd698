"""What the workers of all processes are doing now: said some times a second, kept by who listens, never stored."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta

from eventsink import __version__
from eventsink.amqp import Delivery, MessageService
from eventsink.errors import BrokerUnavailable, Unroutable
from eventsink.exchange.canary import Canary, latest

__all__ = ["HEARTBEATS", "Heartbeat", "Heartbeats", "oldest", "summary"]

HEARTBEATS = "events.heartbeats"
EVERY = 0.25  # seconds: who asks for the accounts waits as long for the other processes
GONE = 5.0  # seconds after which a process that says nothing is no longer there
PATIENCE = 1.0  # seconds after a fault of ours

_log = structlog.get_logger(__name__)


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One worker in one process.

    Args:
        state: as its runner says it.
        messages: taken from the broker and not settled.
        oldest: when the first event of these was accepted.
        version: of the event sink that the process runs.
        canary: the last that it has delivered. One of an older version does not say it.
    """

    worker: str
    process: str
    state: str
    messages: int
    oldest: Annotated[datetime, Meta(tz=True)] | None = None
    version: str = ""
    canary: Canary | None = None


class Heartbeats:
    """Says what our workers do, and listens to all.

    Args:
        service: to speak and to listen with.
        listen: whether anybody here wants to know.
    """

    def __init__(self, service: MessageService, *, listen: bool) -> None:
        self._service = service
        self._known: dict[tuple[str, str], tuple[float, Heartbeat]] = {}
        self._canaries: dict[str, Canary] = {}  # by worker: it is known also when its process is gone
        self._heard = asyncio.Event()
        self._gather: Callable[[], Sequence[Heartbeat]] = list
        self._tasks = [asyncio.create_task(_persist(self._speak))]
        if listen:
            self._tasks.append(asyncio.create_task(_persist(self._listen)))

    def tell(self, gather: Callable[[], Sequence[Heartbeat]]) -> None:
        """Say from now on what this function gives."""
        self._gather = gather

    def of_others(self, since: float = 0.0) -> dict[str, list[Heartbeat]]:
        """What the workers of other processes said lately, by worker.

        Args:
            since: a time of the event loop; nothing that was said before.
        """
        now, own = (
            asyncio.get_running_loop().time(),
            {(heartbeat.worker, heartbeat.process) for heartbeat in self._gather()},
        )
        self._known = {who: (at, heartbeat) for who, (at, heartbeat) in self._known.items() if now - at < GONE}
        found: dict[str, list[Heartbeat]] = {}
        for who, (at, heartbeat) in self._known.items():
            if who not in own and at >= since:
                found.setdefault(heartbeat.worker, []).append(heartbeat)
        return found

    def canaries(self) -> dict[str, Canary]:
        """The last canary of each worker that any process has said."""
        return dict(self._canaries)

    def forget(self, worker: str) -> None:
        """Forget the canary of a worker that there is no more."""
        self._canaries.pop(worker, None)

    def other_versions(self) -> list[str]:
        """Which workers run another version than this process: a sentence for each."""
        return [
            f"A process of {worker} runs version {heartbeat.version or '(older)'}, and this one {__version__}: bring"
            " all to the newer one, or what one writes the other may not read."
            for worker, heartbeats in sorted(self.of_others().items())
            for heartbeat in heartbeats
            if heartbeat.version != __version__
        ]

    async def fresh(self) -> None:
        """Wait until every other process that was heard lately has spoken again; one that is gone is not waited for."""
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(3 * EVERY):
                while self._stale(begun):
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:  # one of them is gone, and forgotten soon
            return

    def _stale(self, since: float) -> bool:
        own = {(heartbeat.worker, heartbeat.process) for heartbeat in self._gather()}
        return any(at <= since for who, (at, _) in self._known.items() if who not in own and since - at < GONE)

    async def close(self) -> None:
        """Be silent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _speak(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            body = msgspec.json.encode(self._gather())
            if body == b"[]":
                continue
            with contextlib.suppress(BrokerUnavailable, Unroutable, TimeoutError):  # the next one says more
                await self._service.publish(
                    body, exchange=HEARTBEATS, delivery_mode=None, mandatory=False, content_type="application/json"
                )

    async def _listen(self) -> None:
        consumer = self._service.consumer("", 100, tap=HEARTBEATS)
        try:
            while True:
                try:
                    await consumer.begin()
                    await consumer.wait(60.0)
                except BrokerUnavailable:  # the exchange itself says so
                    await asyncio.sleep(EVERY)
                while consumer.waiting:
                    self._hear(consumer.take())
        finally:
            consumer.end()

    def _hear(self, delivery: Delivery) -> None:
        try:
            heartbeats = msgspec.json.decode(delivery.body, type=list[Heartbeat])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            _log.warning("heartbeat.not_understood", reason=str(error))
            return
        now = asyncio.get_running_loop().time()
        for said in heartbeats:
            heartbeat = self._by_our_clock(said)
            self._known[heartbeat.worker, heartbeat.process] = now, heartbeat
            if heartbeat.canary:
                before = {name: _not_ahead(canary) for name, canary in self._canaries.items()}
                self._canaries = latest(before, {heartbeat.worker: heartbeat.canary})
        self._heard.set()

    def _by_our_clock(self, said: Heartbeat) -> Heartbeat:
        """What was said, with no canary that was delivered later than it was heard of first.

        Else one of a clock that is ahead would hide all that come after it, and never be old.
        """
        if not said.canary:
            return said
        _, before = self._known.get((said.worker, said.process), (0.0, None))
        known = before.canary if before else None
        canary = known if known and known.id == said.canary.id else said.canary
        return msgspec.structs.replace(said, canary=_not_ahead(canary))


async def _persist(work: Callable[[], Awaitable[None]]) -> None:
    """Do for ever what has no end of its own."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to speak or to listen no more
            _log.exception("heartbeats.failed")
            await asyncio.sleep(PATIENCE)


def _not_ahead(canary: Canary) -> Canary:
    now = datetime.now(UTC)
    return canary if canary.at <= now else msgspec.structs.replace(canary, at=now)


def summary(heartbeats: Sequence[Heartbeat]) -> str:
    """What the processes of one worker are doing, in one line."""
    counts: dict[str, int] = {}
    for heartbeat in heartbeats:
        counts[heartbeat.state] = counts.get(heartbeat.state, 0) + 1
    if len(heartbeats) == 1:
        return heartbeats[0].state
    return "; ".join(f"{state} ({count} processes)" if count > 1 else state for state, count in counts.items())


def oldest(heartbeats: Sequence[Heartbeat]) -> datetime | None:
    """When the oldest event in the hands of these was accepted."""
    return min((heartbeat.oldest for heartbeat in heartbeats if heartbeat.oldest), default=None)
