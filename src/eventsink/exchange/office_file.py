"""The file of the office: the counts of every worker, its dead letters, and which messages were counted last.

All functions run on the thread that owns the connection.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from eventsink.catalogue import matches
from eventsink.exchange.ledger import Letter, Record, Settlement

__all__ = ["Books", "Stored", "connect"]

REMEMBERED = 50_000  # messages of a worker; one that comes again does so within the few thousand that are under way

_SCHEMA = """
CREATE TABLE IF NOT EXISTS workers (
    name TEXT PRIMARY KEY, types TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0, messages INTEGER NOT NULL DEFAULT 0, alone INTEGER NOT NULL DEFAULT 0,
    put INTEGER NOT NULL DEFAULT 0, zero INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS surplus (
    worker TEXT NOT NULL, kind TEXT NOT NULL, events INTEGER NOT NULL, PRIMARY KEY (worker, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (id INTEGER PRIMARY KEY, worker TEXT NOT NULL, keys BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, worker TEXT NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
    first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, traceback TEXT, properties BLOB NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS dead_letters_worker ON dead_letters (worker, id);
"""

Stored = tuple[int, str, str, int, str, str, str | None, bytes, bytes]


class Books(msgspec.Struct, frozen=True):
    """The counts of one worker.

    Args:
        types: that it wants, all if empty.
        dead: letters that are kept; `dropped`: those thrown away.
        surplus: by type, events that it has settled beyond the first of each message that went to all queues.
        alone: messages put into its queue alone and not settled yet.
        put: events beyond the first of each of these.
        zero: what `surplus` lacked against the other workers when they were last even.
    """

    types: list[str]
    delivered: int
    dead: int
    dropped: int
    surplus: Mapping[str, int]
    alone: int
    put: int
    zero: int

    def lacking(self, books: Iterable["Books"]) -> int:
        """How far its surplus is behind that of whoever has settled most of each type that it wants."""
        most: dict[str, int] = {}
        for other in books:
            for kind, events in other.surplus.items():
                most[kind] = max(most.get(kind, 0), events)
        ahead = sum(events for kind, events in most.items() if matches(kind, self.types))
        return ahead - sum(self.surplus.values())


def connect(path: Path) -> sqlite3.Connection:
    """Open the file so that a commit is durable when it returns; make it where there is none."""
    path.touch(mode=0o600)  # dead letters name people
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(_SCHEMA)
    return connection


def seen(connection: sqlite3.Connection) -> dict[str, dict[str, None]]:
    """The keys of the messages of each worker that were counted last, the oldest first."""
    found: dict[str, dict[str, None]] = {}
    for worker, keys in connection.execute("SELECT worker, keys FROM seen ORDER BY id"):
        found.setdefault(worker, {}).update(dict.fromkeys(msgspec.msgpack.decode(keys, type=list[str])))
    return found


def file(connection: sqlite3.Connection, record: Record, fresh: Sequence[Settlement]) -> None:
    """Count the settlements that were not counted before, and keep their letters. Part of a transaction."""
    _enrol(connection, record.worker, record.types)
    if not fresh:
        return
    letters = [letter for settlement in fresh for letter in settlement.letters]
    delivered = sum(settlement.events for settlement in fresh) - len(letters)
    alone = [settlement.events - 1 for settlement in fresh if settlement.alone]
    connection.execute(
        "UPDATE workers SET delivered = delivered + ?, dead = dead + ?, messages = messages + ?, alone = alone - ?,"
        " put = put - ? WHERE name = ?",
        (delivered, len(letters), len(fresh), len(alone), sum(alone), record.worker),
    )
    _bury(connection, record.worker, letters)
    for kind, events in _surplus(fresh).items():
        connection.execute(
            "INSERT INTO surplus VALUES (?1, ?2, ?3) ON CONFLICT (worker, kind) DO UPDATE SET events = events + ?3",
            (record.worker, kind, events),
        )
    keys = msgspec.msgpack.encode([settlement.key for settlement in fresh] + ([record.id] if record.id else []))
    connection.execute("INSERT INTO seen (worker, keys) VALUES (?, ?)", (record.worker, keys))


def forget(connection: sqlite3.Connection) -> None:
    """Forget keys beyond those that are to be remembered. Part of a transaction."""
    for (worker,) in connection.execute("SELECT DISTINCT worker FROM seen").fetchall():
        left = REMEMBERED
        for number, keys in connection.execute(
            "SELECT id, keys FROM seen WHERE worker = ? ORDER BY id DESC", (worker,)
        ):
            left -= len(msgspec.msgpack.decode(keys, type=list[str]))
            if left < 0:
                connection.execute("DELETE FROM seen WHERE worker = ? AND id < ?", (worker, number))
                break


def books(connection: sqlite3.Connection) -> dict[str, Books]:
    """The counts of every worker, of one moment."""
    surplus: dict[str, dict[str, int]] = {}
    for worker, kind, events in connection.execute("SELECT * FROM surplus"):
        surplus.setdefault(worker, {})[kind] = events
    rows = connection.execute(
        "SELECT name, types, delivered, dead, dropped, alone, put, zero FROM workers ORDER BY name"
    )
    return {
        name: Books(types.split(), delivered, dead, dropped, surplus.get(name, {}), alone, put, zero)
        for name, types, delivered, dead, dropped, alone, put, zero in rows
    }


def ever(connection: sqlite3.Connection) -> tuple[int, int]:
    """Messages and events that all workers have settled."""
    found = connection.execute("SELECT sum(messages), sum(delivered + dead + dropped) FROM workers").fetchone()
    return found[0] or 0, found[1] or 0


def set_even(connection: sqlite3.Connection, zeros: Mapping[str, int]) -> None:
    """Note which workers wait for nothing: what their surplus lacks is no backlog."""
    connection.executemany(
        "UPDATE workers SET zero = ?, alone = 0, put = 0 WHERE name = ?",
        [(zero, worker) for worker, zero in zeros.items()],
    )


def note_put(connection: sqlite3.Connection, worker: str, messages: int, events: int) -> None:
    """Note that messages with so many events were put into a queue alone."""
    _enrol(connection, worker, None)
    connection.execute(
        "UPDATE workers SET alone = alone + ?, put = put + ? WHERE name = ?", (messages, events - messages, worker)
    )


def dead_letters(connection: sqlite3.Connection, worker: str | None, after: int, limit: int) -> list[Stored]:
    """Dead letters above a number, of one worker or all, in the order of the table's columns."""
    return connection.execute(
        "SELECT * FROM dead_letters WHERE id > ?1 AND (?2 IS NULL OR worker = ?2) ORDER BY id LIMIT ?3",
        (after, worker, limit),
    ).fetchall()


def find(connection: sqlite3.Connection, ids: Iterable[int]) -> list[Stored]:
    """The dead letters of these numbers, as far as there are any."""
    found = []
    for number in ids:
        found += connection.execute("SELECT * FROM dead_letters WHERE id = ?", (number,)).fetchall()
    return found


def remove(connection: sqlite3.Connection, ids: Iterable[int], *, dropped: bool) -> int:
    """Remove dead letters, counted as dropped or not at all. Returns how many there were."""
    removed = 0
    for number in ids:
        count = connection.execute(
            "UPDATE workers SET dead = dead - 1, dropped = dropped + ? WHERE name ="
            " (SELECT worker FROM dead_letters WHERE id = ?)",
            (int(dropped), number),
        ).rowcount
        removed += count
        connection.execute("DELETE FROM dead_letters WHERE id = ?", (number,))
    return removed


def forget_worker(connection: sqlite3.Connection, worker: str) -> None:
    """Remove the counts of a worker and its dead letters. Part of a transaction."""
    for table, column in (("workers", "name"), ("surplus", "worker"), ("seen", "worker"), ("dead_letters", "worker")):
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (worker,))


def _enrol(connection: sqlite3.Connection, worker: str, types: Sequence[str] | None) -> None:
    """Know a worker, and what it wants now: what others have settled before is no backlog of it."""
    found = connection.execute("SELECT types FROM workers WHERE name = ?", (worker,)).fetchone()
    wanted = found[0] if found and types is None else " ".join(types or ())
    if found and wanted == found[0]:
        return
    before = books(connection)
    behind = before[worker].lacking(before.values()) - before[worker].zero if found else 0
    connection.execute("INSERT OR IGNORE INTO workers (name, types) VALUES (?, '')", (worker,))
    connection.execute("UPDATE workers SET types = ? WHERE name = ?", (wanted, worker))
    after = books(connection)
    zero = after[worker].lacking(after.values()) - behind
    connection.execute("UPDATE workers SET zero = ? WHERE name = ?", (zero, worker))


def _bury(connection: sqlite3.Connection, worker: str, letters: Iterable[Letter]) -> None:
    rows: list[tuple[Any, ...]] = [
        (
            worker,
            letter.reason,
            letter.attempts,
            letter.first_seen.isoformat(),
            letter.last_seen.isoformat(),
            letter.traceback,
            msgspec.json.encode(letter.properties),
            letter.body,
        )
        for letter in letters
    ]
    connection.executemany(
        "INSERT INTO dead_letters (worker, reason, attempts, first_seen, last_seen, traceback, properties, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def _surplus(settlements: Iterable[Settlement]) -> dict[str, int]:
    surplus: dict[str, int] = {}
    for settlement in settlements:
        if settlement.events > 1 and not settlement.alone:
            surplus[settlement.kind] = surplus.get(settlement.kind, 0) + settlement.events - 1
    return surplus
