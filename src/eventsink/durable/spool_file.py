"""The file of the spool: groups of items in the order in which they came, until they could be published."""

import os
import sqlite3
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import structlog

from eventsink.causes import why
from eventsink.durable.damage import read_both_ways, set_aside
from eventsink.durable.file_lock import hold
from eventsink.durable.group_commit import GroupCommit
from eventsink.durable.room import Room
from eventsink.errors import ExchangeUnavailable

__all__ = ["Codec", "SpoolFile", "Spooled"]

AT_ONCE = 4 << 20  # bytes to read at a time

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spool (
    id INTEGER PRIMARY KEY AUTOINCREMENT, count INTEGER NOT NULL, crc INTEGER NOT NULL, lines BLOB NOT NULL
)
"""

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Codec(Generic[T]):
    """How items become bytes and items again.

    Args:
        pack: bytes of many.
        unpack: the items of what `pack` made.
    """

    def __init__(self, pack: Callable[[Sequence[T]], bytes], unpack: Callable[[bytes], list[T]]) -> None:
        self.pack = pack
        self.unpack = unpack


class Spooled(msgspec.Struct, frozen=True, eq=False):
    """Items that were to be published together.

    Args:
        id: grows with every group.
        count: how many they are.
        packed: they themselves; nothing where the disk has destroyed them.
        lost: how many the disk has destroyed.
    """

    id: int
    count: int
    size: int
    packed: bytes
    lost: int = 0


class SpoolFile(Generic[T]):
    """An open spool. All that changes it goes to one thread, and shares its commits.

    Args:
        path: of the file; only one process at a time has it.
        codec: for the items.
        erase: leave no byte of what was removed on the disk, at the cost of a second write for each commit.

    Raises:
        DataDirectoryInUse: another process has it.
        ExchangeUnavailable: it cannot be made or opened here.
    """

    def __init__(self, path: Path, codec: Codec[T], *, erase: bool = False) -> None:
        self.path = path
        self.codec = codec
        self._lock = -1
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = hold(path.with_suffix(".lock"))
            path.touch(mode=0o600)  # what is in it names people: nobody else reads it
            connection = _open(path)
            self._room = Room(path)
            self.events, self.bytes, self.found = connection.execute(
                "SELECT coalesce(sum(count), 0), coalesce(sum(length(lines)), 0), coalesce(max(id), 0) FROM spool"
            ).fetchone()
        except (OSError, sqlite3.Error) as error:
            self._let_go()
            raise ExchangeUnavailable(f"The spool cannot be opened at {path}: {why(error)}.") from error
        if erase:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("PRAGMA busy_timeout=200")  # every commit would wait for a program that reads the file
            _empty_wal(connection)  # of a process that was killed
        self._commits = GroupCommit(connection, after=_empty_wal if erase else lambda _: None)

    async def append(self, groups: Sequence[Sequence[T]]) -> None:
        """Add groups; they are durable when this returns.

        Raises:
            ExchangeUnavailable: the disk does not take them.
        """
        rows = [self._row(group) for group in groups if group]
        size = sum(len(packed) for *_, packed in rows)

        def add(connection: sqlite3.Connection) -> None:
            self._room.check(size)
            connection.executemany("INSERT INTO spool (count, crc, lines) VALUES (?, ?, ?)", rows)

        await self._change(add)
        self.events += sum(count for count, _, _ in rows)
        self.bytes += size

    async def check(self) -> None:
        """See whether items could be added now.

        Raises:
            ExchangeUnavailable: they could not.
        """
        await self._change(lambda _: self._room.check())

    async def last(self) -> int:
        """The number of the last group."""
        return int(await self._change(lambda c: c.execute("SELECT coalesce(max(id), 0) FROM spool").fetchone()[0]))

    async def read(self, after: int, last: int) -> list[Spooled]:
        """The next groups above one number and up to another, some megabytes of them."""
        found: list[Spooled] = await self._change(lambda c: _read(c, after, last))
        return found

    async def remove(self, groups: Mapping[Spooled, Sequence[T]]) -> None:
        """Remove groups that are published now, and keep in the place of each the items that nobody took.

        Raises:
            ExchangeUnavailable: the disk does not take that; all of them are there still.
        """
        gone = [(group.id,) for group, left in groups.items() if not left]
        kept = [(*self._row(left), group.id) for group, left in groups.items() if left]

        def remove(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM spool WHERE id = ?", gone)
            connection.executemany("UPDATE spool SET count = ?, crc = ?, lines = ? WHERE id = ?", kept)
            connection.execute("PRAGMA incremental_vacuum").fetchall()  # the disk may be small, and was needed

        await self._change(remove)
        self.events += sum(count for count, *_ in kept) - sum(group.count for group in groups)
        self.bytes += sum(len(lines) for _, _, lines, _ in kept) - sum(group.size for group in groups)

    async def close(self) -> None:
        """Finish what is under way, and let others have the file. Safe to call twice."""
        await self._commits.close()
        self._let_go()

    def unpack(self, group: Spooled) -> list[T]:
        """The items of a group."""
        return self.codec.unpack(group.packed) if group.packed else []

    def _row(self, group: Sequence[T]) -> tuple[int, int, bytes]:
        packed = self.codec.pack(group)
        return len(group), zlib.crc32(packed), packed

    async def _change(self, change: Callable[[sqlite3.Connection], Any]) -> Any:
        try:
            return await self._commits.call(change)
        except sqlite3.Error as error:
            raise ExchangeUnavailable(f"The spool cannot be written at {self.path}: {why(error)}.") from error

    def _let_go(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok":
            return connection
        reason = "its check found damage"
    except sqlite3.OperationalError:  # the disk is full, the folder cannot be written, …: the file itself may be sound
        connection.close()
        raise
    except sqlite3.DatabaseError as error:
        reason = str(error)
    connection.close()
    return _salvage(path, reason)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout=5000")
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # of a file that is made now
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA journal_size_limit=1048576")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(_SCHEMA)


def _empty_wal(connection: sqlite3.Connection) -> None:
    """Bring what the WAL has into the file, and cut it to nothing: old pages in it hold what was removed."""
    try:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        reason = "another program reads the file" if busy else ""
    except sqlite3.Error as error:  # what was asked for is committed; the next commit tries this again
        reason = str(error)
    if reason:
        _log.warning("spool.not_erased", reason=reason)


def _salvage(path: Path, reason: str) -> sqlite3.Connection:
    """Set a damaged file aside, and keep what can be read of it."""
    aside = set_aside(path)
    path.touch(mode=0o600)
    new = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    _prepare(new)
    old = sqlite3.connect(f"file:{aside}?mode=ro", uri=True)
    kept = 0
    new.execute("BEGIN")
    for row in read_both_ways(old, "spool", "id"):
        kept += new.execute("INSERT OR IGNORE INTO spool VALUES (?, ?, ?, ?)", row).rowcount
    new.execute("COMMIT")
    old.close()
    _log.error("spool.damaged", reason=reason, set_aside=str(aside), groups_kept=kept)
    return new


def _read(connection: sqlite3.Connection, after: int, last: int) -> list[Spooled]:
    groups: list[Spooled] = []
    size = 0
    found = connection.execute("SELECT * FROM spool WHERE id > ? AND id <= ? ORDER BY id", (after, last))
    for number, count, crc, lines in found:
        if isinstance(lines, bytes) and zlib.crc32(lines) == crc:
            groups.append(Spooled(number, count, len(lines), lines))
        else:
            _log.error("spool.events_lost", lost=count, group=number)
            groups.append(Spooled(number, count, len(lines), b"", lost=count))
        size += len(lines)
        if size > AT_ONCE:
            break
    return groups
