"""The file of the embedded exchange, opened: one process has it, one thread writes it, another reads it."""

import asyncio
import os
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TypeVar

import structlog

from eventsink.causes import remedy, why
from eventsink.durable import GroupCommit
from eventsink.errors import ExchangeUnavailable
from eventsink.exchange.embedded import sqlite_log
from eventsink.exchange.embedded.salvage import salvage
from eventsink.files import KILLED, Room, commits_behind_damage, finish, hold

__all__ = ["LogFile"]

CHECKED_AT_START = 64 << 20  # bytes; a larger file is read beside the work, so that a backlog delays no start

_DAMAGE = re.compile("malformed|not a database|found damage")

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class LogFile:
    """An open exchange file. Make it with `open`.

    Args:
        path: of the file.
        lock: descriptor of the locked file beside it.
        writing: the connection that the writing thread gets.
        committed: called on the event loop after each commit that added events.
    """

    def __init__(self, path: Path, lock: int, writing: sqlite3.Connection, committed: Callable[[], None]) -> None:
        self.path = path
        self.bytes = 0
        self._lock = lock
        self._room = Room(path)
        self._reading = ThreadPoolExecutor(1, "exchange-reader")
        self._tidying: asyncio.Task[None] | None = None
        with ExitStack() as opened:
            self._reader = opened.enter_context(closing(_another(path)))
            self._surveyor = opened.enter_context(closing(_another(path)))
            self._surveyor.execute("BEGIN")
            self._surveyor.execute("SELECT 1 FROM queues").fetchone()  # from now on it sees what was there at the start
            self._writer = GroupCommit(writing, head=sqlite_log.head(writing), append=self._append, committed=committed)
            opened.pop_all()  # they stay open
        self._surveying = asyncio.create_task(self._survey(), name="exchange-survey")

    @classmethod
    async def open(cls, path: Path, committed: Callable[[], None]) -> "LogFile":
        """Open a file, or make it. A damaged one is set aside, and what can be read of it is kept.

        Raises:
            DataDirectoryInUse: another process has it.
            ExchangeUnavailable: it cannot be made or opened here.
        """
        try:
            lock, writing = await asyncio.to_thread(_open, path)
            try:
                opened = cls(path, lock, writing, committed)
            except BaseException:
                writing.close()
                os.close(lock)
                raise
        except (OSError, sqlite3.Error) as error:
            raise ExchangeUnavailable(
                f"The exchange cannot be opened at {path}: {why(error)}.{remedy(error)}"
            ) from error
        opened.tidy()  # whoever was ended may have left something
        return opened

    async def _survey(self) -> None:
        """Find out how large is what was there at the start, and whether it is sound if that was not asked yet."""
        large = self.path.stat().st_size > CHECKED_AT_START
        try:
            self.bytes += await asyncio.to_thread(sqlite_log.size, self._surveyor)
            self._surveyor.execute("COMMIT")
            if large:
                await asyncio.to_thread(sqlite_log.check, self._surveyor)
        except sqlite3.Error as error:
            self._note(error)
            if str(error) != "interrupted":  # by closing
                _log.error("exchange.not_surveyed", path=str(self.path), reason=why(error))

    def _note(self, error: sqlite3.Error) -> None:
        """Of a damaged file what can be read is kept at the next start; see `_connect`."""
        if _DAMAGE.search(str(error)):
            _log.error("exchange.unsound", path=str(self.path), reason=f"{why(error)}: start the event sink again.")
            with suppress(OSError):  # a disk that fails may be read-only by now
                _suspect(self.path).touch()

    @property
    def head(self) -> int:
        """The number that the next event gets."""
        return self._writer.head

    def _append(self, connection: sqlite3.Connection, first: int, count: int, lines: bytes) -> None:
        self._room.check(len(lines))
        sqlite_log.append(connection, first, count, lines)

    async def append(self, lines: bytes, count: int) -> None:
        """Add events; they are durable when this returns.

        Raises:
            ExchangeUnavailable: none of them was added.
        """
        await self._settle(self._writer.append(lines, count))
        self.bytes += len(lines)

    async def check(self) -> None:
        """See whether events could be added now.

        Raises:
            ExchangeUnavailable: they could not.
        """
        await self.change(lambda _: self._room.check())

    async def change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Make any other change, in one transaction; it is durable when this returns.

        Raises:
            ExchangeUnavailable: nothing was changed.
        """
        return await self._settle(self._writer.call(change))

    def note_purged(self, freed: int) -> None:
        """Count what a settlement has removed; where that was as much as it may, go on beside the others."""
        self.bytes -= freed
        if freed >= sqlite_log.PURGED:
            self.tidy()

    def tidy(self) -> None:
        """Remove what every queue is past, a bearable piece at a time."""
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy(), name="exchange-tidy")

    async def tidied(self) -> None:
        """Remove what every queue is past, and wait until that is done."""
        self.tidy()
        if self._tidying:
            await self._tidying

    async def _tidy(self) -> None:
        freed = sqlite_log.PURGED
        while freed >= sqlite_log.PURGED:
            try:
                freed = await self.change(sqlite_log.purge)
            except ExchangeUnavailable as error:  # the next settlement goes on
                _log.info("exchange.not_tidied", reason=str(error))
                return
            self.bytes -= freed

    async def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Read at one moment.

        Raises:
            ExchangeUnavailable: it cannot be read.
        """

        def in_one_moment() -> T:
            self._reader.execute("BEGIN")
            try:
                return look(self._reader)
            finally:
                self._reader.execute("COMMIT")

        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, in_one_moment)
        except sqlite3.Error as error:
            self._note(error)
            raise ExchangeUnavailable(f"The exchange cannot be read at {self.path}: {why(error)}.") from error

    async def close(self) -> None:
        """Finish what is under way, close the file and let others have it. Safe to call twice."""
        if self._lock >= 0:
            self._surveyor.interrupt()
            await asyncio.gather(self._surveying, return_exceptions=True)
            self._surveyor.close()
        if self._tidying:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        await self._writer.close()
        self._reading.shutdown()
        self._reader.close()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    async def _settle(self, future: "asyncio.Future[T]") -> T:
        try:
            return await future
        except sqlite3.Error as error:
            self._note(error)
            raise ExchangeUnavailable(f"The exchange cannot be written at {self.path}: {why(error)}.") from error


def _open(path: Path) -> tuple[int, sqlite3.Connection]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = hold(path.with_suffix(".lock"))
    try:
        path.touch(mode=0o600)  # events name people: nobody else reads them
        return lock, _connect(path)
    except BaseException:
        os.close(lock)
        raise


def _another(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def _connect(path: Path) -> sqlite3.Connection:
    connection, gone = None, 0
    suspect = _suspect(path)
    if mended := finish(path):
        _log.error("exchange.damaged", reason=KILLED, set_aside=str(mended))
    try:
        connection = sqlite_log.connect(path)
        gone = commits_behind_damage(connection, path)
        sqlite_log.prepare(connection, checked=suspect.exists() or path.stat().st_size <= CHECKED_AT_START)
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.OperationalError) or "later version" in str(error):
            raise  # the disk is full, the folder cannot be written, …: the file itself may be sound
        aside, kept, lost = salvage(path)
        _log.error("exchange.damaged", reason=str(error), set_aside=str(aside), kept=kept, lost=lost)
        connection = sqlite_log.connect(path)
    if gone:
        sqlite_log.miss_unknown(connection)
        _log.error("exchange.damaged", reason="its write-ahead log is damaged", commits_gone=gone)
    suspect.unlink(missing_ok=True)
    return connection


def _suspect(path: Path) -> Path:
    """Is there when a file was found damaged while it was in use."""
    return path.with_name(f"{path.name}.suspect")
