"""The exchange inside one process: a SQLite log, durable at every answer, with a cursor for every queue."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from eventsink.errors import ExchangeFull, MalformedBody, WorkerInUse
from eventsink.event import Event, decode, encode
from eventsink.exchange.contract import Account, DeadLetter, Spool
from eventsink.exchange.embedded import sqlite_log
from eventsink.exchange.embedded.log_file import LogFile
from eventsink.exchange.embedded.queue import EmbeddedQueue

__all__ = ["EmbeddedExchange"]

ORDINARY = 1024  # bytes of an event, for which there must be room

_log = structlog.get_logger(__name__)


class EmbeddedExchange:
    """Events in one SQLite file. Make it with `open`.

    Args:
        file: open, and telling the queues what comes.
        queues: those that are in use, by name.
        most_bytes: events waiting beyond this size are refused.
    """

    def __init__(self, file: LogFile, queues: dict[str, EmbeddedQueue], most_bytes: int) -> None:
        self.file = file
        self.most_bytes = most_bytes
        self._queues = queues
        self._look_at = most_bytes // 2  # bytes at which what waits for nobody is looked at
        self._letting_go = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, most_bytes: int = 10 << 30) -> "EmbeddedExchange":
        """Open the file, or make it. A damaged one is set aside, and what can be read of it is kept.

        Raises:
            DataDirectoryInUse: another process has it.
            ExchangeUnavailable: it cannot be made or opened here.
        """
        queues: dict[str, EmbeddedQueue] = {}
        return cls(await LogFile.open(path, lambda: _wake(queues)), queues, most_bytes)

    async def publish(self, events: Sequence[Event]) -> None:
        """Make events durable in the group commit that is under way or the next one.

        Raises:
            ExchangeFull: the size cap is reached.
            ExchangeUnavailable: the disk does not take them.
        """
        lines = b"\n".join([encode(event) for event in events])
        if self.file.bytes + len(lines) >= self._look_at:
            await self._let_go_of_unused()
        self._check_size(len(lines))
        if events:
            await self.file.append(lines, len(events))

    async def check(self) -> None:
        """See whether events could be made durable now.

        Raises:
            ExchangeFull: the size cap is reached.
            ExchangeUnavailable: the disk does not take them.
        """
        # What has no room for an event is full, though no byte is beyond its size.
        self._check_size(min(ORDINARY, self.most_bytes // 64))
        await self.file.check()

    def _check_size(self, more: int) -> None:
        if self.file.bytes + more > self.most_bytes:
            raise ExchangeFull(
                f"{self.file.bytes} bytes of events wait, and {self.most_bytes} may (exchange.max_bytes):"
                " see which worker does not keep up with `eventsink status`."
            )

    async def _let_go_of_unused(self) -> None:
        """Keep half of the space for queues that are in use: of others, the oldest events go, and are missing there."""
        async with self._letting_go:
            if self.file.bytes < self._look_at or not self._queues:
                return
            names = await self.file.read(lambda c: sqlite_log.unused(c, [*self._queues]))
            if names:
                first = await self.file.read(lambda c: sqlite_log.newest(c, self.most_bytes // 2))
                passed = await self.file.change(lambda c: sqlite_log.let_go(c, names, first))
                if passed:
                    remedy = f"`eventsink workers forget {names[0]}`, or put it into the settings again."
                    _log.error("exchange.unused_let_go", workers=names, events=passed, remedy=remedy)
                    await self.file.tidied()
            self._look_at = max(self.file.bytes + self.most_bytes // 16, self.most_bytes // 2)

    async def queue(self, name: str, types: Sequence[str] = ()) -> EmbeddedQueue:
        """The queue of a worker; a new one gets what is published from now on, of whatever type."""
        if name not in self._queues:
            await self.file.change(lambda c: sqlite_log.add_queue(c, name, sqlite_log.begin_of_new_queue(c)))
            self._queues[name] = EmbeddedQueue(self.file, name)
            await self._queues[name].rewind()
        return self._queues[name]

    async def put_back(self, worker: str, events: Sequence[Event]) -> None:
        """Put events into one worker's queue alone."""
        queue = await self.queue(worker)
        lines = [encode(event) for event in events]
        await self.file.change(lambda c: sqlite_log.put_back(c, worker, lines))
        await queue.count_put_back()
        _wake(self._queues)

    async def accounts(self) -> dict[str, Account]:
        """The books of every queue, of one moment."""
        return await self.file.read(_accounts)

    async def spool(self) -> Spool:
        """Nothing ever waits for an exchange that is in the same process."""
        return Spool(0, 0)

    async def dead_letters(self, *, worker: str | None = None, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters above a number, in order."""
        rows = await self.file.read(lambda c: sqlite_log.dead_letters(c, worker, after, limit))
        return [_dead_letter(row) for row in rows]

    async def retry(self, ids: Sequence[int]) -> int:
        """Put dead letters back into the queues that they came from."""
        moved = await self.file.change(lambda c: sqlite_log.retry(c, ids))
        for queue in self._queues.values():
            await queue.count_put_back()
        _wake(self._queues)
        return moved

    async def drop(self, ids: Sequence[int]) -> int:
        """Throw dead letters away."""
        return await self.file.change(lambda c: sqlite_log.drop(c, ids))

    async def forget(self, worker: str) -> int:
        """Take away the queue of a worker that nobody needs any more, and what it alone kept in the file.

        Raises:
            WorkerInUse: its worker runs.
            KeyError: there is no such queue.
        """
        if worker in self._queues:
            raise WorkerInUse(f"{worker} runs here: take [workers.{worker}] out of the settings and start again.")
        waited = await self.file.change(lambda c: sqlite_log.forget(c, worker))
        self.file.tidy()
        return waited

    async def close(self) -> None:
        """Finish what is under way, close the file and let others have it."""
        await self.file.close()


def _wake(queues: dict[str, EmbeddedQueue]) -> None:
    for queue in queues.values():
        queue.look()


def _accounts(connection: sqlite3.Connection) -> dict[str, Account]:
    head = sqlite_log.head(connection)
    now = datetime.now(UTC)
    accounts = {}
    for name, start, cursor, put_back, delivered, dropped, lost, since, waiting_again, dead in sqlite_log.books(
        connection
    ):
        oldest = _oldest(connection, name, cursor) if waiting_again or cursor < head else None
        accounts[name] = Account(
            accepted=head - start + put_back,
            delivered=delivered,
            waiting=head - cursor + waiting_again,
            dead=dead + dropped,
            dropped=dropped,
            missing=lost,
            missing_since=datetime.fromisoformat(since) if since else None,
            lag_seconds=round(max((now - oldest.received).total_seconds(), 0.0), 3) if oldest else 0.0,
        )
    return accounts


def _oldest(connection: sqlite3.Connection, name: str, cursor: int) -> Event | None:
    candidates = [line for _, line in sqlite_log.read_put_back(connection, name, 1)]
    for row in sqlite_log.read(connection, cursor, 1)[:1]:
        skip = max(cursor - row.first, 0)
        candidates.append(row.lines.split(b"\n", skip + 1)[skip])
    return min(_decodable(candidates), key=lambda event: event.received, default=None)


def _decodable(lines: Iterable[bytes]) -> Iterator[Event]:
    for line in lines:
        with contextlib.suppress(MalformedBody):  # the disk changed it: whoever takes it counts it as lost
            yield decode(line)


def _dead_letter(row: sqlite_log.NumberedLetter) -> DeadLetter:
    number, worker, reason, attempts, first_seen, last_seen, traceback, line = row
    return DeadLetter(
        id=number,
        worker=worker,
        reason=reason,
        attempts=attempts,
        first_seen=datetime.fromisoformat(first_seen),
        last_seen=datetime.fromisoformat(last_seen),
        traceback=traceback,
        body=_readable(line),
    )


def _readable(line: bytes) -> dict[str, Any]:
    """The event as an object; what the disk changed stands as text under `raw`, and hides no other."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {"raw": line.decode("utf-8", "replace")}
