"""The rows of a spool: groups of items in the order in which they came, until they could be handed on.

One SQLite file with one table, the same whoever writes it: the sink in front of its exchange, a monitor, or a program
that reports events. Each group has its checksum, so that what a disk has destroyed is known, and its neighbours are
not lost with it. All functions run on the thread that owns the connection.
"""

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from eventsink.files.damage import read_both_ways
from eventsink.files.sound import open_sound

__all__ = ["MAGIC", "Group", "Totals", "add", "groups", "open_spool", "remove", "replace", "totals"]

MAGIC = b"SQLite format 3\0"  # how every such file begins
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spool (
    id INTEGER PRIMARY KEY AUTOINCREMENT, count INTEGER NOT NULL, crc INTEGER NOT NULL, lines BLOB NOT NULL
)
"""


class Group(NamedTuple):
    """Items that came together.

    Args:
        id: grows with every group.
        items: how many.
        size: bytes.
        packed: the items; None where the disk has destroyed them.
    """

    id: int
    items: int
    size: int
    packed: bytes | None


class Totals(NamedTuple):
    """What is in a spool; `last` is the highest id."""

    items: int
    size: int
    last: int


def open_spool(
    path: Path, damaged: Callable[[str, Path, int], None], *, synchronous: str = "FULL"
) -> sqlite3.Connection:
    """Open a spool, or make it. A damaged one is set aside, and what can be read of it kept.

    Args:
        damaged: is told why, the name of what was set aside, and how many groups were kept.
        synchronous: of SQLite: FULL outlives the loss of power, OFF the end of the process.

    Raises:
        OSError, sqlite3.Error: it cannot be opened: the disk is full, the folder cannot be written, …
    """

    def keep(new: sqlite3.Connection, old: sqlite3.Connection) -> None:
        new.executemany("INSERT OR IGNORE INTO spool VALUES (?, ?, ?, ?)", read_both_ways(old, "spool", "id"))

    found: list[tuple[str, Path]] = []
    connection = open_sound(
        path, lambda opened: _prepare(opened, synchronous), lambda reason, aside: found.append((reason, aside)), keep
    )
    for reason, aside in found:
        (kept,) = connection.execute("SELECT count(*) FROM spool").fetchone()
        damaged(reason, aside, kept)
    return connection


def totals(connection: sqlite3.Connection) -> Totals:
    """What is in it."""
    return Totals(
        *connection.execute(
            "SELECT coalesce(sum(count), 0), coalesce(sum(length(lines)), 0), coalesce(max(id), 0) FROM spool"
        ).fetchone()
    )


def add(connection: sqlite3.Connection, packed: Iterable[tuple[int, bytes]]) -> None:
    """Add groups: of each how many items, and the items."""
    rows = [(count, zlib.crc32(lines), lines) for count, lines in packed]
    connection.executemany("INSERT INTO spool (count, crc, lines) VALUES (?, ?, ?)", rows)


def groups(connection: sqlite3.Connection, after: int, last: int, at_once: int) -> Iterator[Group]:
    """The groups above one id and up to another, in order, until they have so many bytes together."""
    size = 0
    found = connection.execute(
        "SELECT id, count, crc, lines FROM spool WHERE id > ? AND id <= ? ORDER BY id", (after, last)
    )
    for number, count, crc, lines in found:
        whole = isinstance(lines, bytes) and zlib.crc32(lines) == crc
        yield Group(number, count, len(lines), lines if whole else None)
        size += len(lines)
        if size > at_once:
            return


def remove(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Remove groups, and give their space back: the disk may be small, and was needed."""
    connection.executemany("DELETE FROM spool WHERE id = ?", [(number,) for number in numbers])
    connection.execute("PRAGMA incremental_vacuum").fetchall()


def replace(connection: sqlite3.Connection, kept: Iterable[tuple[int, int, bytes]]) -> None:
    """Keep something else in the place of groups: of each its id, how many items, and the items."""
    rows = [(count, zlib.crc32(lines), lines, number) for number, count, lines in kept]
    connection.executemany("UPDATE spool SET count = ?, crc = ?, lines = ? WHERE id = ?", rows)


def _prepare(connection: sqlite3.Connection, synchronous: str) -> None:
    connection.execute("PRAGMA busy_timeout=5000")
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # of a file that is made now
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA journal_size_limit=1048576")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute(_SCHEMA)
