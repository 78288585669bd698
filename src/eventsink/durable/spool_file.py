"""The file of the spool: groups of items in the order in which they came, until they could be published."""

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import structlog

from eventsink.causes import remedy, why
from eventsink.durable.group_commit import GroupCommit
from eventsink.errors import ExchangeUnavailable
from eventsink.files import Room, commits_behind_damage, hold, spool_rows

__all__ = ["Codec", "SpoolFile", "Spooled"]

AT_ONCE = 4 << 20  # bytes to read at a time

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
            connection = spool_rows.open_spool(path, _say_damaged)
            if gone := commits_behind_damage(connection, path):
                _log.error("spool.damaged", reason="its write-ahead log is damaged", commits_gone=gone)
            self._room = Room(path)
            self.events, self.bytes, self.found = spool_rows.totals(connection)
        except (OSError, sqlite3.Error) as error:
            self._let_go()
            raise ExchangeUnavailable(f"The spool cannot be opened at {path}: {why(error)}.{remedy(error)}") from error
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
        rows = [(len(group), self.codec.pack(group)) for group in groups if group]
        size = sum(len(packed) for _, packed in rows)

        def add(connection: sqlite3.Connection) -> None:
            self._room.check(size)
            spool_rows.add(connection, rows)

        await self._change(add)
        self.events += sum(count for count, _ in rows)
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
        gone = [group.id for group, left in groups.items() if not left]
        kept = [(group.id, len(left), self.codec.pack(left)) for group, left in groups.items() if left]

        def remove(connection: sqlite3.Connection) -> None:
            spool_rows.replace(connection, kept)
            spool_rows.remove(connection, gone)

        await self._change(remove)
        self.events += sum(count for _, count, _ in kept) - sum(group.count for group in groups)
        self.bytes += sum(len(lines) for *_, lines in kept) - sum(group.size for group in groups)

    async def close(self) -> None:
        """Finish what is under way, and let others have the file. Safe to call twice."""
        await self._commits.close()
        self._let_go()

    def unpack(self, group: Spooled) -> list[T]:
        """The items of a group."""
        return self.codec.unpack(group.packed) if group.packed else []

    async def _change(self, change: Callable[[sqlite3.Connection], Any]) -> Any:
        try:
            return await self._commits.call(change)
        except sqlite3.Error as error:
            raise ExchangeUnavailable(f"The spool cannot be written at {self.path}: {why(error)}.") from error

    def _let_go(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def _say_damaged(reason: str, aside: Path, kept: int) -> None:
    _log.error("spool.damaged", reason=reason, set_aside=str(aside), groups_kept=kept)


def _empty_wal(connection: sqlite3.Connection) -> None:
    """Bring what the WAL has into the file, and cut it to nothing: old pages in it hold what was removed."""
    try:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        reason = "another program reads the file" if busy else ""
    except sqlite3.Error as error:  # what was asked for is committed; the next commit tries this again
        reason = str(error)
    if reason:
        _log.warning("spool.not_erased", reason=reason)


def _read(connection: sqlite3.Connection, after: int, last: int) -> list[Spooled]:
    found: list[Spooled] = []
    for group in spool_rows.groups(connection, after, last, AT_ONCE):
        lost = group.items if group.packed is None else 0
        if lost:
            _log.error("spool.events_lost", lost=lost, group=group.id)
        found.append(Spooled(group.id, group.items, group.size, group.packed or b"", lost))
    return found
