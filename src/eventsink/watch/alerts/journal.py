"""What operators write about an incident, for those who wait: opened, updated and closed by a person.

All functions run on the thread of the file, within one commit.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from eventsink.errors import TooMany

__all__ = ["SCHEMA", "Entry", "Update", "add", "entries", "find", "write"]

MOST_OPEN = 30

SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, checks TEXT NOT NULL, opened REAL NOT NULL, closed REAL
);
CREATE TABLE IF NOT EXISTS note_updates (
    id INTEGER PRIMARY KEY, note INTEGER NOT NULL REFERENCES notes, at REAL NOT NULL, text TEXT NOT NULL
);
"""


class Update(msgspec.Struct, frozen=True):
    """One thing that was written."""

    at: float
    text: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, as people write of it. Times are seconds since 1970.

    Args:
        checks: that it is about; none: the whole.
        closed: None while it lasts.
        updates: in the order of time.
    """

    id: int
    title: str
    checks: list[str]
    opened: float
    closed: float | None
    updates: list[Update]


def add(connection: sqlite3.Connection, title: str, checks: Sequence[str], text: str, now: float) -> int:
    """Open an incident; gives its number.

    Raises:
        TooMany: more are open than anybody reads.
    """
    (count,) = connection.execute("SELECT count(*) FROM notes WHERE closed IS NULL").fetchone()
    if count >= MOST_OPEN:
        raise TooMany(f"{MOST_OPEN} incidents are open: close some with `eventsink incident close`.")
    cursor = connection.execute(
        "INSERT INTO notes (title, checks, opened) VALUES (?, ?, ?)", (title, msgspec.json.encode(checks).decode(), now)
    )
    number = int(cursor.lastrowid or 0)
    if text:
        write(connection, number, text, now)
    return number


def write(connection: sqlite3.Connection, number: int, text: str, now: float, *, closes: bool = False) -> bool:
    """Write what is new of an incident; False: there is none of this number, or it is closed."""
    entry = find(connection, number)
    if entry is None or entry.closed is not None:
        return False
    if text:
        connection.execute("INSERT INTO note_updates (note, at, text) VALUES (?, ?, ?)", (number, now, text))
    if closes:
        connection.execute("UPDATE notes SET closed = ? WHERE id = ?", (now, number))
    return True


def find(connection: sqlite3.Connection, number: int) -> Entry | None:
    """One incident."""
    row = connection.execute("SELECT id, title, checks, opened, closed FROM notes WHERE id = ?", (number,)).fetchone()
    return _entry(connection, row) if row else None


def entries(connection: sqlite3.Connection, since: float) -> list[Entry]:
    """Those that are open, or were at a moment or later; the newest first."""
    rows = connection.execute(
        "SELECT id, title, checks, opened, closed FROM notes WHERE closed IS NULL OR closed >= ? ORDER BY id DESC",
        (since,),
    ).fetchall()
    return [_entry(connection, row) for row in rows]


def _entry(connection: sqlite3.Connection, row: tuple[int, str, str, float, float | None]) -> Entry:
    number, title, checks, opened, closed = row
    found = connection.execute("SELECT at, text FROM note_updates WHERE note = ? ORDER BY id", (number,)).fetchall()
    return Entry(
        id=number,
        title=title,
        checks=msgspec.json.decode(checks, type=list[str]),
        opened=opened,
        closed=closed,
        updates=[Update(at, text) for at, text in found],
    )
