"""One worker's queue in the embedded exchange: a cursor into the log, and what was read ahead of it."""

import asyncio
import bisect
import itertools
import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec
import structlog

from eventsink.errors import MalformedBody
from eventsink.event import Event, decode, decode_lines, encode
from eventsink.exchange.contract import Batch, Failure
from eventsink.exchange.embedded import sqlite_log
from eventsink.exchange.embedded.log_file import LogFile

__all__ = ["EmbeddedBatch", "EmbeddedQueue"]

AT_ONCE = 256 << 10  # bytes of events that are read where they are taken

_Lines = tuple[int, list[bytes]]  # that follow one another, with the number of the first

_log = structlog.get_logger(__name__)


class EmbeddedBatch(msgspec.Struct, frozen=True):
    """Events from the log (from `begin` to before `end`) or of those put back (then `ids` names them)."""

    events: list[Event]
    begin: int = 0
    end: int = 0
    lost: int = 0
    ids: tuple[int, ...] = ()


class EmbeddedQueue:
    """A queue that is there already; `rewind` comes before the first `take`."""

    def __init__(self, file: LogFile, name: str) -> None:
        self.name = name
        self._enough = asyncio.Event()
        self._wanted = 0  # the head at which as many events wait as a take asked for
        self._file = file
        self._put_back = 0  # events that wait beside the log, and were not taken yet
        self._put_back_taken = 0  # number of the last of them that was taken
        self._ahead: deque[_Lines] = deque()
        self._ahead_count = self._ahead_bytes = 0
        self._next = 0  # number of the first event that was not read yet
        self._taken = 0  # number of the first event that was not taken yet

    async def take(self, limit: int, wait: float) -> EmbeddedBatch | None:
        """Events put back come first, then those of the log; waits until `limit` are there or the time is over."""
        deadline = asyncio.get_running_loop().time() + wait
        self._wanted = self._taken + limit
        while self._file.head < self._wanted and not self._put_back:
            self._enough.clear()
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            try:
                async with asyncio.timeout(left):  # unlike wait_for in Python 3.11, it never swallows a cancellation
                    await self._enough.wait()
            except TimeoutError:  # nothing more came: what is there goes
                break
        if self._put_back:
            return await self._take_put_back(limit)
        return await self._take_from_log(limit)

    def look(self) -> None:
        """Wake a take up if what it waits for has come; not for less, for under load something comes all the time."""
        if self._put_back or self._file.head >= self._wanted:
            self._enough.set()

    async def done(self, batch: Batch, failures: Sequence[Failure] = ()) -> None:
        """Move the cursor and bury the failures in one transaction; remove what every queue is past."""
        if not isinstance(batch, EmbeddedBatch):
            raise TypeError(f"a batch of this queue is needed, not {type(batch).__name__}")
        letters = [_row(self.name, failure) for failure in failures]
        delivered = len(batch.events) - len(letters)

        def settle(connection: sqlite3.Connection) -> int:
            sqlite_log.bury(connection, letters)
            if batch.ids:
                sqlite_log.settle_put_back(connection, self.name, batch.ids, delivered=delivered, lost=batch.lost)
                return 0
            sqlite_log.advance(connection, self.name, batch.begin, batch.end, delivered=delivered, lost=batch.lost)
            return sqlite_log.purge(connection)

        self._file.note_purged(await self._file.change(settle))
        if batch.ids:
            await self.count_put_back()

    async def release(self, batch: Batch) -> None:
        """Forget what was read ahead: the next take begins where the last settled batch ended."""
        await self.rewind()

    async def rewind(self) -> None:
        """Begin again at the cursor in the file."""
        self._ahead.clear()
        self._ahead_count = self._ahead_bytes = self._put_back_taken = 0
        self._next = self._taken = await self._file.read(lambda c: sqlite_log.cursor(c, self.name))
        await self.count_put_back()

    async def count_put_back(self) -> None:
        """See how many events wait beside the log and were not taken yet."""
        taken = self._put_back_taken
        self._put_back = await self._file.read(lambda c: sqlite_log.count_put_back(c, self.name, taken))

    async def _take_put_back(self, limit: int) -> EmbeddedBatch | None:
        taken = self._put_back_taken
        rows = await self._file.read(lambda c: sqlite_log.read_put_back(c, self.name, limit, taken))
        events = await _decoded([line for _, line in rows])
        self._put_back_taken = rows[-1][0] if rows else taken
        try:
            await self.count_put_back()
        except BaseException:  # stopped meanwhile, or it cannot be read: these are the next to be taken
            self._put_back_taken = taken
            raise
        if not rows:
            return None
        lost = len(rows) - len(events)
        if lost:
            _log.error("exchange.events_lost", queue=self.name, lost=lost, put_back=True)
        return EmbeddedBatch(events, lost=lost, ids=tuple(number for number, _ in rows))

    async def _take_from_log(self, limit: int) -> EmbeddedBatch | None:
        head = self._file.head
        if self._ahead_count < limit and self._ahead_bytes < sqlite_log.MOST_BYTES and self._next < head:
            await self._read_ahead(limit, head)
        if not self._ahead and self._next == self._taken:
            return None
        begin, popped, end = self._taken, *self._pop(limit)
        try:
            events = await _decoded([line for _, lines in popped for line in lines])
        except BaseException:  # stopped meanwhile
            self._keep(popped)
            raise
        lost = end - begin - len(events)
        if lost:
            _log.error("exchange.events_lost", queue=self.name, lost=lost, first=begin, last=end - 1)
        self._taken = end
        return EmbeddedBatch(events, begin=begin, end=end, lost=lost)

    def _pop(self, limit: int) -> tuple[list[_Lines], int]:
        """Up to `limit` lines that were read ahead, or some megabytes, and the number after the last of them."""
        popped: list[_Lines] = []
        end, room = self._next, sqlite_log.MOST_BYTES
        while self._ahead and limit > 0 and room > 0:
            first, found = self._ahead.popleft()
            sizes = list(itertools.accumulate(map(len, found[:limit])))
            number = max(bisect.bisect_right(sizes, room), 0 if popped else 1)
            if number:
                popped.append((first, found[:number]))
            limit -= number
            room -= sizes[number - 1] if number else room
            end = first + number
            if number < len(found):
                self._ahead.appendleft((end, found[number:]))
        self._count(popped, -1)
        return popped, end if self._ahead else self._next

    def _keep(self, popped: list[_Lines]) -> None:
        """Have lines again as those that are taken next."""
        self._ahead.extendleft(reversed(popped))
        self._count(popped, 1)

    def _count(self, some: list[_Lines], sign: int) -> None:
        self._ahead_count += sign * sum(len(lines) for _, lines in some)
        self._ahead_bytes += sign * sum(len(line) for _, lines in some for line in lines)

    async def _read_ahead(self, limit: int, head: int) -> None:
        rows = await self._file.read(lambda c: sqlite_log.read(c, self._next, limit))
        for row in rows:
            lines = row.lines.split(b"\n")
            skip = max(self._next - row.first, 0)
            self._ahead.append((row.first + skip, lines[skip:]))
            self._ahead_count += len(lines) - skip
            self._ahead_bytes += sum(map(len, lines[skip:]))
            self._next = row.first + row.count
        if not rows:  # nothing readable up to the head: pass over it, the loss is counted when it is settled
            self._next = head


async def _decoded(lines: list[bytes]) -> list[Event]:
    """The events of some lines, on another thread where they are large."""
    large = sum(map(len, lines)) > AT_ONCE
    return await asyncio.to_thread(_decode, lines) if large else _decode(lines)


def _decode(lines: list[bytes]) -> list[Event]:
    try:
        return decode_lines(lines)
    except MalformedBody:
        return list(_decodable(lines))


def _decodable(lines: Iterable[bytes]) -> Iterable[Event]:
    for line in lines:
        try:
            yield decode(line)
        except MalformedBody:  # the caller counts and says what is missing
            continue


def _row(name: str, failure: Failure) -> sqlite_log.Letter:
    first, last = failure.first_seen.isoformat(), failure.last_seen.isoformat()
    return name, failure.reason, failure.attempts, first, last, failure.traceback, encode(failure.event)
