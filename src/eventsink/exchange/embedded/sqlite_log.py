"""The file of the embedded exchange: its tables, and every statement that reads or changes them.

One log of rows, each a group of events that were committed together (one JSON line an event), numbered from 1 without
gaps; a queue is a cursor into it, so fan-out costs nothing. Beside the log lie the events put back for one queue alone
and the dead letters. All functions run on the thread that owns the connection.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Letter", "NumberedLetter", "Row", "connect", "prepare"]

VERSION = 1
PURGED = 4 << 20  # bytes in one transaction: others wait for it

MOST_BYTES = 4 << 20  # of events that are taken at once: they weigh many times as much when they are read

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
    first INTEGER PRIMARY KEY, count INTEGER NOT NULL, crc INTEGER NOT NULL, lines BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS queues (
    name TEXT PRIMARY KEY, start INTEGER NOT NULL, cursor INTEGER NOT NULL,
    put_back INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS missing (queue TEXT PRIMARY KEY, since TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS put_back (id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, line BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS put_back_queue ON put_back (queue, id);
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
    first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, traceback TEXT, line BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS dead_letters_queue ON dead_letters (queue, id);
"""


Letter = tuple[str, str, int, str, str, str | None, bytes]
NumberedLetter = tuple[int, str, str, int, str, str, str | None, bytes]


class Row:
    """A group of events in the log: numbers `first` to `first + count - 1`."""

    __slots__ = ("count", "first", "lines")

    def __init__(self, first: int, count: int, lines: bytes) -> None:
        self.first = first
        self.count = count
        self.lines = lines


def connect(path: Path) -> sqlite3.Connection:
    """Open the file so that a commit is durable when it returns.

    Raises:
        sqlite3.DatabaseError: it is damaged, or no such file at all.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        connection.execute("PRAGMA busy_timeout=5000")
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection, *, checked: bool) -> None:
    """Make the tables, or see that they are those of this version.

    Args:
        checked: whether to read all of the file to see that it is sound, which takes as long as it is large.

    Raises:
        sqlite3.DatabaseError: the file is damaged, or was made by a later version.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise sqlite3.DatabaseError(f"made by a later version of the event sink (format {version})")
    connection.executescript(_SCHEMA)
    connection.execute(f"PRAGMA user_version={VERSION}")
    if checked:
        check(connection)


def check(connection: sqlite3.Connection) -> None:
    """Read all of the file.

    Raises:
        sqlite3.DatabaseError: it is damaged.
    """
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("its check found damage")


def append(connection: sqlite3.Connection, first: int, count: int, lines: bytes) -> None:
    """Add one row to the log."""
    connection.execute("INSERT INTO log VALUES (?, ?, ?, ?)", (first, count, zlib.crc32(lines), lines))


def head(connection: sqlite3.Connection) -> int:
    """The number of the next event."""
    row = connection.execute("SELECT first + count FROM log ORDER BY first DESC LIMIT 1").fetchone()
    beyond = connection.execute("SELECT max(cursor) FROM queues").fetchone()[0]
    return max(row[0] if row else 1, beyond or 1)


def begin_of_new_queue(connection: sqlite3.Connection) -> int:
    """Where a new queue begins: at the next event, or at the first kept one as long as no queue has settled any.

    The second is the case of events that came before there was any worker, and of a salvaged file without accounts.
    """
    first = connection.execute("SELECT min(first) FROM log").fetchone()[0]
    reached = connection.execute("SELECT max(cursor) FROM queues").fetchone()[0]
    return head(connection) if first is None or (reached or 0) > first else int(first)


def read(connection: sqlite3.Connection, cursor: int, limit: int) -> list[Row]:
    """Rows that hold the events from `cursor` on, enough for `limit` events or `MOST_BYTES`.

    Those that the disk changed are left out.
    """
    rows: list[Row] = []
    size = 0
    start = connection.execute("SELECT max(first) FROM log WHERE first <= ?", (cursor,)).fetchone()[0]
    found = connection.execute("SELECT * FROM log WHERE first >= ? ORDER BY first", (start or cursor,))
    for first, count, crc, lines in found:
        if first + count <= cursor or not intact(lines, crc):
            continue
        rows.append(Row(first, count, lines))
        size += len(lines)
        if first + count - cursor >= limit or size >= MOST_BYTES:
            break
    return rows


def intact(lines: object, crc: int) -> bool:
    """Whether the disk gave back what was written."""
    return isinstance(lines, bytes) and zlib.crc32(lines) == crc


def add_queue(connection: sqlite3.Connection, name: str, start: int) -> None:
    """Make a queue that gets the events from `start` on, unless it is there."""
    connection.execute("INSERT OR IGNORE INTO queues (name, start, cursor) VALUES (?, ?, ?)", (name, start, start))


def advance(  # noqa: PLR0913 - a statement and its values
    connection: sqlite3.Connection, name: str, begin: int, end: int, *, delivered: int, lost: int
) -> None:
    """Move the cursor of a queue over events that are settled, or lost because the disk changed them.

    Raises:
        ValueError: the events before them are not settled yet, or these are already: no event is passed over.
    """
    moved = connection.execute(
        "UPDATE queues SET cursor = ?, delivered = delivered + ?, lost = lost + ? WHERE name = ? AND cursor = ?",
        (end, delivered, lost, name, begin),
    )
    if moved.rowcount != 1:
        raise ValueError(f"queue {name} is not at {begin}: batches are settled in their order, and once")
    _note_missing(connection, name, lost)


def purge(connection: sqlite3.Connection, most: int = PURGED) -> int:
    """Remove the first rows that every queue is past, but for the last of all, which keeps the count.

    The first condition alone is what an index answers: without it every row behind the slowest queue is looked at, on
    the thread that commits what comes in.

    Args:
        most: bytes to remove before it stops; the row with which it gets there goes too.

    Returns:
        The bytes of what was removed; `most` or more when there may be more.
    """
    reached = connection.execute("SELECT min(cursor) FROM queues").fetchone()[0]
    rows = connection.execute(
        "SELECT first, count, length(lines) FROM log"
        " WHERE first < ? AND first < (SELECT max(first) FROM log) ORDER BY first",
        (reached,),
    )
    freed, last = 0, None
    for first, count, size in rows:
        if first + count > reached or freed >= most:
            break
        freed, last = freed + size, first
    if last is not None:
        connection.execute("DELETE FROM log WHERE first <= ?", (last,))
    return int(freed)


def unused(connection: sqlite3.Connection, in_use: Sequence[str]) -> list[str]:
    """Queues that nobody takes from now and that have something waiting in the log."""
    end = head(connection)
    found = connection.execute("SELECT name FROM queues WHERE cursor < ?", (end,)).fetchall()
    return [name for (name,) in found if name not in in_use]


def newest(connection: sqlite3.Connection, most: int) -> int:
    """The number of the first event of those that make up at most so many bytes at the end of the log."""
    first = head(connection)
    for row, size in connection.execute("SELECT first, length(lines) FROM log ORDER BY first DESC"):
        most -= size
        if most < 0:
            break
        first = row
    return int(first)


def let_go(connection: sqlite3.Connection, names: Sequence[str], first: int) -> int:
    """Move queues forward to an event, and count what they pass over as missing. Returns how many events that is."""
    passed = 0
    now = datetime.now(UTC).isoformat()
    for name in names:
        found = connection.execute("SELECT cursor FROM queues WHERE name = ? AND cursor < ?", (name, first)).fetchone()
        if found is not None:
            lost = first - found[0]
            connection.execute("UPDATE queues SET cursor = ?, lost = lost + ? WHERE name = ?", (first, lost, name))
            connection.execute("INSERT OR REPLACE INTO missing VALUES (?, ?)", (name, now))
            passed += lost
    return passed


def forget(connection: sqlite3.Connection, name: str) -> int:
    """Remove a queue, what waits in it and its dead letters. Returns how many events waited.

    Raises:
        KeyError: there is none of the name.
    """
    found = connection.execute("SELECT cursor FROM queues WHERE name = ?", (name,)).fetchone()
    if found is None:
        raise KeyError(name)
    waiting = head(connection) - found[0] + count_put_back(connection, name)
    for table, column in (("queues", "name"), ("missing", "queue"), ("put_back", "queue"), ("dead_letters", "queue")):
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))
    return int(waiting)


def cursor(connection: sqlite3.Connection, name: str) -> int:
    """The number of the first event that a queue has not settled."""
    return int(connection.execute("SELECT cursor FROM queues WHERE name = ?", (name,)).fetchone()[0])


def count_put_back(connection: sqlite3.Connection, name: str, after: int = 0) -> int:
    """How many events were put back for a queue and wait, of those with a number above `after`."""
    found = connection.execute("SELECT count(*) FROM put_back WHERE queue = ? AND id > ?", (name, after))
    return int(found.fetchone()[0])


def put_back(connection: sqlite3.Connection, name: str, lines: Sequence[bytes]) -> None:
    """Put events into one queue alone: a replay, which makes good what is missing there."""
    connection.execute("DELETE FROM missing WHERE queue = ?", (name,))
    connection.executemany("INSERT INTO put_back (queue, line) VALUES (?, ?)", [(name, line) for line in lines])
    connection.execute("UPDATE queues SET put_back = put_back + ? WHERE name = ?", (len(lines), name))


def read_put_back(connection: sqlite3.Connection, name: str, limit: int, after: int = 0) -> list[tuple[int, bytes]]:
    """The oldest events that were put back for a queue, up to `MOST_BYTES`, with their numbers, all above `after`."""
    rows: list[tuple[int, bytes]] = []
    size = 0
    found = connection.execute(
        "SELECT id, line FROM put_back WHERE queue = ? AND id > ? ORDER BY id LIMIT ?", (name, after, limit)
    )
    for number, line in found:
        rows.append((number, line))
        size += len(line)
        if size >= MOST_BYTES:
            break
    return rows


def settle_put_back(
    connection: sqlite3.Connection, name: str, ids: Sequence[int], *, delivered: int, lost: int
) -> None:
    """Remove events that were put back and are settled now, or lost because the disk changed them."""
    connection.executemany("DELETE FROM put_back WHERE id = ?", [(number,) for number in ids])
    connection.execute(
        "UPDATE queues SET delivered = delivered + ?, lost = lost + ? WHERE name = ?", (delivered, lost, name)
    )
    _note_missing(connection, name, lost)


def _note_missing(connection: sqlite3.Connection, name: str, lost: int) -> None:
    if lost:
        connection.execute("INSERT OR REPLACE INTO missing VALUES (?, ?)", (name, datetime.now(UTC).isoformat()))


def miss_unknown(connection: sqlite3.Connection) -> None:
    """Note that every queue may miss events of which nobody knows how many they were."""
    now = datetime.now(UTC).isoformat()
    connection.execute("INSERT OR REPLACE INTO missing SELECT name, ? FROM queues", (now,))


def bury(connection: sqlite3.Connection, letters: Iterable[Letter]) -> None:
    """Add dead letters: queue, reason, attempts, first and last seen, traceback, line."""
    connection.executemany(
        "INSERT INTO dead_letters (queue, reason, attempts, first_seen, last_seen, traceback, line)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        letters,
    )


def dead_letters(connection: sqlite3.Connection, worker: str | None, after: int, limit: int) -> list[NumberedLetter]:
    """Dead letters above a number, of one worker or all, in the order of the table's columns."""
    return connection.execute(
        "SELECT * FROM dead_letters WHERE id > ?1 AND (?2 IS NULL OR queue = ?2) ORDER BY id LIMIT ?3",
        (after, worker, limit),
    ).fetchall()


def retry(connection: sqlite3.Connection, ids: Sequence[int]) -> int:
    """Move dead letters back among the waiting."""
    moved = 0
    for number in ids:
        moved += connection.execute(
            "INSERT INTO put_back (queue, line) SELECT queue, line FROM dead_letters WHERE id = ?", (number,)
        ).rowcount
        connection.execute("DELETE FROM dead_letters WHERE id = ?", (number,))
    return moved


def drop(connection: sqlite3.Connection, ids: Sequence[int]) -> int:
    """Delete dead letters, and count them as dropped."""
    dropped = 0
    for number in ids:
        dropped += connection.execute(
            "UPDATE queues SET dropped = dropped + 1 WHERE name = (SELECT queue FROM dead_letters WHERE id = ?)",
            (number,),
        ).rowcount
        connection.execute("DELETE FROM dead_letters WHERE id = ?", (number,))
    return dropped


def books(connection: sqlite3.Connection) -> list[tuple[str, int, int, int, int, int, int, str | None, int, int]]:
    """For each queue: name, start, cursor, put back, delivered, dropped, lost and since when, waiting again, dead."""
    return connection.execute(
        "SELECT name, start, cursor, put_back, delivered, dropped, lost,"
        " (SELECT since FROM missing m WHERE m.queue = q.name),"
        " (SELECT count(*) FROM put_back p WHERE p.queue = q.name),"
        " (SELECT count(*) FROM dead_letters d WHERE d.queue = q.name) FROM queues q ORDER BY name"
    ).fetchall()


def size(connection: sqlite3.Connection) -> int:
    """Bytes of the events in the log."""
    return int(connection.execute("SELECT coalesce(sum(length(lines)), 0) FROM log").fetchone()[0])
