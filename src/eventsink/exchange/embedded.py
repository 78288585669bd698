"""The exchange inside one process: a SQLite log, durable at every answer, with a cursor for every queue."""

import asyncio
import errno
import fcntl
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from eventsink.errors import DataDirectoryInUse, ExchangeFull, ExchangeUnavailable, MalformedBody
from eventsink.event import Event, decode, decode_lines, encode
from eventsink.exchange import sqlite_log
from eventsink.exchange.contract import Account, Batch, DeadLetter, Failure, Spool
from eventsink.exchange.group_commit import GroupCommit
from eventsink.exchange.salvage import salvage

__all__ = ["EmbeddedExchange", "EmbeddedQueue"]

_log = structlog.get_logger(__name__)


class EmbeddedBatch(msgspec.Struct, frozen=True):
    """Events taken from the log (then `end` is the cursor after them) or from those put back (then `ids` names them)."""

    events: list[Event]
    end: int = 0
    lost: int = 0
    ids: tuple[int, ...] = ()


class EmbeddedExchange:
    """Events in one SQLite file. Make it with `open`.

    Args:
        path: the file; only one process at a time may have it.
        most_bytes: events waiting beyond this size are refused.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path = path
        self.most_bytes = most_bytes
        self._queues: dict[str, EmbeddedQueue] = {}
        self._bytes = 0

    @classmethod
    async def open(cls, path: Path, most_bytes: int = 10 << 30) -> "EmbeddedExchange":
        """Open the file, or make it. A damaged one is set aside, and what can be read of it is kept.

        Raises:
            DataDirectoryInUse: another process has it.
            ExchangeUnavailable: it cannot be made or opened here.
        """
        exchange = cls(path, most_bytes)
        await asyncio.to_thread(exchange._open_files)
        exchange._writer = GroupCommit(exchange._connection, sqlite_log.head(exchange._connection), exchange._wake)
        return exchange

    def _open_files(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(self.path.with_suffix(".lock"))
            self._connection = self._connect()
        except (OSError, sqlite3.Error) as error:
            raise ExchangeUnavailable(f"The exchange cannot be opened at {self.path}: {error}.") from error
        self._reader = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._reading = ThreadPoolExecutor(1, "exchange-reader")
        self._bytes = sqlite_log.size(self._connection)

    def _connect(self) -> sqlite3.Connection:
        connection = None
        try:
            connection = sqlite_log.connect(self.path)
            sqlite_log.prepare(connection)
        except sqlite3.DatabaseError as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.OperationalError) or "later version" in str(error):
                raise  # the disk is full, the folder cannot be written, …: the file itself may be sound
            aside, kept, lost = salvage(self.path)
            _log.error("exchange.damaged", reason=str(error), set_aside=str(aside), kept=kept, lost=lost)
            connection = sqlite_log.connect(self.path)
        return connection

    # --- what the contract asks for ----------------------------------------------------------------------------------

    async def publish(self, events: Sequence[Event]) -> None:
        """Make events durable in the group commit that is under way or the next one."""
        lines = b"\n".join([encode(event) for event in events])
        if self._bytes + len(lines) > self.most_bytes:
            raise ExchangeFull(
                f"{self._bytes} bytes of events wait, and {self.most_bytes} may (exchange.max_bytes): see which worker"
                " does not keep up with `eventsink status`."
            )
        if events:
            await self._settle(asyncio.shield(self._writer.append(lines, len(events))))
            self._bytes += len(lines)

    async def queue(self, name: str) -> "EmbeddedQueue":
        """The queue of a worker; a new one gets what is published from now on."""
        if name not in self._queues:
            await self._change(lambda c: sqlite_log.add_queue(c, name, sqlite_log.begin_of_new_queue(c)))
            self._queues[name] = EmbeddedQueue(self, name)
            await self._queues[name].rewind()
        return self._queues[name]

    async def put_back(self, worker: str, events: Sequence[Event]) -> None:
        """Put events into one worker's queue alone."""
        queue = await self.queue(worker)
        lines = [encode(event) for event in events]
        await self._change(lambda connection: sqlite_log.put_back(connection, worker, lines))
        queue.put_back_waiting += len(lines)
        self._wake()

    async def accounts(self) -> dict[str, Account]:
        """The books of every queue, of one moment."""
        return await self._read(_accounts)

    async def spool(self) -> Spool:
        """Nothing ever waits for an exchange that is in the same process."""
        return Spool(0, 0)

    async def dead_letters(self, *, worker: str | None = None, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters above a number, in order."""
        rows = await self._read(lambda connection: sqlite_log.dead_letters(connection, worker, after, limit))
        return [_dead_letter(row) for row in rows]

    async def retry(self, ids: Sequence[int]) -> int:
        """Put dead letters back into the queues that they came from."""
        moved = await self._change(lambda connection: sqlite_log.retry(connection, ids))
        for queue in self._queues.values():
            await queue.count_put_back()
        self._wake()
        return int(moved)

    async def drop(self, ids: Sequence[int]) -> int:
        """Throw dead letters away."""
        return int(await self._change(lambda connection: sqlite_log.drop(connection, ids)))

    async def close(self) -> None:
        """Finish what is under way, close the file and let others have it."""
        await self._writer.close()
        self._reading.shutdown()
        self._reader.close()
        os.close(self._lock) if self._lock >= 0 else None
        self._lock = -1

    # --- how -----------------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        for queue in self._queues.values():
            queue.arrived.set()

    async def _change(self, change: Callable[[sqlite3.Connection], Any]) -> Any:
        return await self._settle(self._writer.call(change))

    async def _read(self, look: Callable[[sqlite3.Connection], Any]) -> Any:
        def in_one_moment() -> Any:
            self._reader.execute("BEGIN")
            try:
                return look(self._reader)
            finally:
                self._reader.execute("COMMIT")

        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, in_one_moment)
        except sqlite3.Error as error:
            raise ExchangeUnavailable(f"The exchange cannot be read at {self.path}: {error}.") from error

    async def _settle(self, future: "asyncio.Future[Any]") -> Any:
        try:
            return await future
        except sqlite3.Error as error:
            raise ExchangeUnavailable(f"The exchange cannot be written at {self.path}: {error}.") from error

    def _freed(self, freed: int) -> None:
        self._bytes -= freed


class EmbeddedQueue:
    """One worker's cursor into the log, with the lines that were read ahead of it."""

    def __init__(self, exchange: EmbeddedExchange, name: str) -> None:
        self.name = name
        self.arrived = asyncio.Event()
        self.put_back_waiting = 0
        self._exchange = exchange
        self._ahead: deque[tuple[int, bytes]] = deque()
        self._next = 0
        self._taken = 0
        self._settled = 0

    async def take(self, limit: int, wait: float) -> EmbeddedBatch | None:
        """Events put back come first, then those of the log; waits until `limit` are there or the time is over."""
        if self.put_back_waiting:
            return await self._take_put_back(limit)
        deadline = asyncio.get_running_loop().time() + wait
        while self._exchange._writer.head - self._taken < limit and not self.put_back_waiting:
            self.arrived.clear()
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            try:
                await asyncio.wait_for(self.arrived.wait(), left)
            except TimeoutError:
                break
        return await self._take_from_log(limit)

    async def done(self, batch: Batch, failures: Sequence[Failure] = ()) -> None:
        """Move the cursor and bury the failures in one transaction; remove what every queue is past."""
        assert isinstance(batch, EmbeddedBatch)
        letters = [_row(self.name, failure) for failure in failures]
        delivered = len(batch.events) - len(letters)

        def settle(connection: sqlite3.Connection) -> int:
            sqlite_log.bury(connection, letters)
            if batch.ids:
                sqlite_log.settle_put_back(connection, self.name, batch.ids, delivered)
                return 0
            sqlite_log.advance(connection, self.name, batch.end, delivered=delivered, lost=batch.lost)
            return sqlite_log.purge(connection)

        self._exchange._freed(await self._exchange._change(settle))
        if batch.ids:
            await self.count_put_back()

    async def release(self, batch: Batch) -> None:
        """Forget what was read ahead: the next take begins where the last settled batch ended."""
        await self.rewind()

    async def rewind(self) -> None:
        """Begin again at the cursor in the file."""
        self._ahead.clear()
        find = "SELECT cursor FROM queues WHERE name = ?"
        row = await self._exchange._read(lambda connection: connection.execute(find, (self.name,)).fetchone())
        self._next = self._taken = row[0]
        await self.count_put_back()

    async def count_put_back(self) -> None:
        """See how many events wait that were put back for this queue."""
        count = "SELECT count(*) FROM put_back WHERE queue = ?"
        row = await self._exchange._read(lambda connection: connection.execute(count, (self.name,)).fetchone())
        self.put_back_waiting = row[0]

    async def _take_put_back(self, limit: int) -> EmbeddedBatch | None:
        rows = await self._exchange._read(lambda c: sqlite_log.read_put_back(c, self.name, limit))
        self.put_back_waiting = len(rows)
        if not rows:
            return None
        return EmbeddedBatch([decode(line) for _, line in rows], ids=tuple(number for number, _ in rows))

    async def _take_from_log(self, limit: int) -> EmbeddedBatch | None:
        head = self._exchange._writer.head
        if len(self._ahead) < limit and self._next < head:
            await self._read_ahead(limit, head)
        if not self._ahead and self._next == self._taken:
            return None
        numbered = [self._ahead.popleft() for _ in range(min(limit, len(self._ahead)))]
        begin, end = self._taken, (numbered[-1][0] + 1 if numbered else self._next)
        try:
            events = decode_lines(line for _, line in numbered)
        except MalformedBody:
            events = _decodable(line for _, line in numbered)
        lost = end - begin - len(events)
        if lost:
            _log.error("exchange.events_lost", queue=self.name, lost=lost, first=begin, last=end - 1)
        self._taken = end
        return EmbeddedBatch(events, end=end, lost=lost)

    async def _read_ahead(self, limit: int, head: int) -> None:
        rows = await self._exchange._read(lambda c: sqlite_log.read(c, self._next, limit))
        for row in rows:
            lines = row.lines.split(b"\n")
            skip = max(self._next - row.first, 0)
            self._ahead.extend(enumerate(lines[skip:], row.first + skip))
            self._next = row.first + row.count
        if not rows:  # nothing readable up to the head: pass over it, the loss is counted when it is settled
            self._next = head


def _decodable(lines: Any) -> list[Event]:
    events = []
    for line in lines:
        try:
            events.append(decode(line))
        except MalformedBody:  # the caller counts and says what is missing
            continue
    return events


def _accounts(connection: sqlite3.Connection) -> dict[str, Account]:
    head = sqlite_log.head(connection)
    now = datetime.now(UTC)
    accounts = {}
    for name, start, cursor, put_back, delivered, dropped, lost, waiting_again, dead in sqlite_log.books(connection):
        oldest = _oldest(connection, name, cursor) if waiting_again or cursor < head else None
        accounts[name] = Account(
            accepted=head - start + put_back - lost,
            delivered=delivered,
            waiting=head - cursor + waiting_again,
            dead=dead + dropped,
            dropped=dropped,
            lost=lost,
            lag_seconds=round(max((now - oldest.received).total_seconds(), 0.0), 3) if oldest else 0.0,
        )
    return accounts


def _oldest(connection: sqlite3.Connection, name: str, cursor: int) -> Event | None:
    candidates = [decode(line) for _, line in sqlite_log.read_put_back(connection, name, 1)]
    for row in sqlite_log.read(connection, cursor, 1)[:1]:
        candidates.append(decode(row.lines.split(b"\n", max(cursor - row.first, 0) + 1)[max(cursor - row.first, 0)]))
    return min(candidates, key=lambda event: event.received, default=None)


def _row(name: str, failure: Failure) -> tuple[str, str, int, str, str, str | None, bytes]:
    first, last = failure.first_seen.isoformat(), failure.last_seen.isoformat()
    return name, failure.reason, failure.attempts, first, last, failure.traceback, encode(failure.event)


def _dead_letter(row: tuple[int, str, str, int, str, str, str | None, bytes]) -> DeadLetter:
    number, worker, reason, attempts, first_seen, last_seen, traceback, line = row
    return DeadLetter(
        id=number,
        worker=worker,
        reason=reason,
        attempts=attempts,
        first_seen=datetime.fromisoformat(first_seen),
        last_seen=datetime.fromisoformat(last_seen),
        traceback=traceback,
        body=msgspec.json.decode(line),
    )


def _lock(path: Path) -> int:
    """Hold the lock file of a data directory for as long as this process lives.

    Raises:
        DataDirectoryInUse: another process holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
        os.close(descriptor)
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        raise DataDirectoryInUse(
            f"Process {holder or 'unknown'} already runs an event sink on {path.parent}: stop it, or give another --data."
        ) from None
    os.truncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor
