"""The file of the accounts: what was published, what each worker has settled of it, and its dead letters.

**Entered** is counted by kind, which is the routing key of a message and decides who gets it. Of our own events the
front doors say how many they have published (`enter`). A front door that is killed has not told the last half second,
and of messages that others publish nobody tells anything: there the worker that has settled most shows how many there
were at least. So entered is the larger of the two, each for our events and for those of others.

**What a worker has left** is what was entered of the kinds that it wants since its account began, less what it has
settled of them; and what was put into its queue alone (replays, retried letters), less what it has settled of that.
As long as its queue holds something, that waits. When its queue has been empty for a while, it is missing.

**An account begins** with the queue, if nothing was entered before; else when its queue is seen empty for the first
time, because what others still have in their queues at that moment is none of its business.

All functions run on the thread that owns the connection.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog

from eventsink.catalogue import CATALOGUE, matches
from eventsink.exchange.rabbitmq.settlements import Entered, Letter, Record, Settlement
from eventsink.files import open_lasting

__all__ = ["Book", "Stored", "connect"]

_log = structlog.get_logger(__name__)

REMEMBERED = 50_000  # messages of a worker; one that comes again does so within the few thousand that are under way
DOORS_FOR = timedelta(days=30)  # a front door that has told nothing for so long is gone
MOST_KINDS = 1000  # whoever may publish may make up types; what is beyond is counted together
OTHERS = "\N{HORIZONTAL ELLIPSIS}"  # these, which no worker of some types is said to want
FOR_ALL = ("", "event.sink")  # kinds that every worker gets: the routing keys of Clowder's own messages

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    worker TEXT PRIMARY KEY, types TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,
    put INTEGER NOT NULL DEFAULT 0, put_settled INTEGER NOT NULL DEFAULT 0,
    begun INTEGER NOT NULL DEFAULT 0, missing INTEGER NOT NULL DEFAULT 0, missing_since TEXT
);
CREATE TABLE IF NOT EXISTS settled (
    worker TEXT NOT NULL, kind TEXT NOT NULL, "foreign" INTEGER NOT NULL, events INTEGER NOT NULL DEFAULT 0,
    before INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (worker, kind, "foreign")
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entered (
    kind TEXT NOT NULL, "foreign" INTEGER NOT NULL, events INTEGER NOT NULL, PRIMARY KEY (kind, "foreign")
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kinds (kind TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doors (
    door TEXT NOT NULL, kind TEXT NOT NULL, events INTEGER NOT NULL, told TEXT NOT NULL, PRIMARY KEY (door, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spools (spool TEXT PRIMARY KEY, events INTEGER NOT NULL, told TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS seen (id INTEGER PRIMARY KEY, worker TEXT NOT NULL, keys BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, worker TEXT NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
    first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, traceback TEXT, properties BLOB NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS dead_letters_worker ON dead_letters (worker, id);
"""

Stored = tuple[int, str, str, int, str, str, str | None, bytes, bytes]
Kind = tuple[str, bool]  # and whether others have published it


class Book(msgspec.Struct, frozen=True):
    """The account of one worker as it stands in the file.

    Args:
        types: that it wants, all if empty.
        entered: events of these types that were entered ever, also before its account began.
        dead: letters that are kept; `dropped`: those thrown away.
        left: events that it should have settled and has not, the missing ones included.
        begun: whether its account has begun, so that what is left can be told to be missing.
        missing: events of which it is known that they are nowhere.
        noted: as many were noted to be missing last; some of them may have come after all.
        missing_since: when the last of them were found missing, unless they were delivered again since.
    """

    types: list[str]
    entered: int
    delivered: int
    dead: int
    dropped: int
    left: int
    begun: bool
    missing: int
    noted: int
    missing_since: datetime | None

    @property
    def settled(self) -> int:
        """Events that it is done with."""
        return self.delivered + self.dead + self.dropped


def connect(path: Path) -> sqlite3.Connection:
    """Open the file so that a commit is durable when it returns; make it where there is none."""
    return open_lasting(path, _SCHEMA)


def seen(connection: sqlite3.Connection) -> dict[str, dict[str, None]]:
    """The keys of the messages of each worker that were counted last, the oldest first."""
    found: dict[str, dict[str, None]] = {}
    for worker, keys in connection.execute("SELECT worker, keys FROM seen ORDER BY id"):
        found.setdefault(worker, {}).update(dict.fromkeys(msgspec.msgpack.decode(keys, type=list[str])))
    return found


def enter(connection: sqlite3.Connection, entered: Entered) -> None:
    """Count what a front door has published since it told last. Part of a transaction."""
    now = datetime.now(UTC).isoformat()
    connection.execute("DELETE FROM spools WHERE spool = ?", (entered.spool,))
    if entered.spooled:
        connection.execute("INSERT INTO spools VALUES (?, ?, ?)", (entered.spool, entered.spooled, now))
    known = dict(connection.execute("SELECT kind, events FROM doors WHERE door = ?", (entered.door,)))
    for kind, (before, events) in entered.events.items():
        if _known_kind(connection, kind) == OTHERS:  # the workers show them: here, one told of twice would be two
            continue
        fresh = events - (known.get(kind, 0) if known else before)
        if known and known.get(kind, 0) < before:  # told to a later state of this file, or to a queue that is gone
            fresh = events - before
            _keep_shown(connection)
            connection.execute("UPDATE accounts SET begun = 0")
            _log.warning("accounts.begin_again", reason="The file of the accounts is older than what was told to it.")
        if fresh > 0:  # an older record may come later
            connection.execute("INSERT OR REPLACE INTO doors VALUES (?, ?, ?, ?)", (entered.door, kind, events, now))
            _raise_entered(connection, (kind, False), fresh)


def file(connection: sqlite3.Connection, record: Record, fresh: Sequence[Settlement]) -> None:
    """Count the settlements that were not counted before, and keep their letters. Part of a transaction."""
    enrol(connection, record.worker, record.types)
    if not fresh:
        return
    letters = [letter for settlement in fresh for letter in settlement.letters]
    delivered = sum(settlement.events for settlement in fresh) - len(letters)
    alone = sum(settlement.events for settlement in fresh if settlement.alone)
    connection.execute(
        "UPDATE accounts SET delivered = delivered + ?, dead = dead + ?, put_settled = put_settled + ?"
        " WHERE worker = ?",
        (delivered, len(letters), alone, record.worker),
    )
    _bury(connection, record.worker, letters)
    for (name, foreign), events in _by_kind(fresh).items():
        kind = _known_kind(connection, name)
        connection.execute(
            "INSERT INTO settled VALUES (?1, ?2, ?3, ?4, 0)"
            ' ON CONFLICT (worker, kind, "foreign") DO UPDATE SET events = events + ?4',
            (record.worker, kind, foreign, events),
        )
    keys = msgspec.msgpack.encode([settlement.key for settlement in fresh] + ([record.id] if record.id else []))
    connection.execute("INSERT INTO seen (worker, keys) VALUES (?, ?)", (record.worker, keys))


def forget(connection: sqlite3.Connection) -> None:
    """Forget keys beyond those that are to be remembered, and front doors of long ago. Part of a transaction."""
    long_ago = (datetime.now(UTC) - DOORS_FOR).isoformat()
    connection.execute("DELETE FROM doors WHERE door NOT IN (SELECT door FROM doors WHERE told > ?)", (long_ago,))
    connection.execute("DELETE FROM spools WHERE told <= ?", (long_ago,))
    for (worker,) in connection.execute("SELECT DISTINCT worker FROM seen").fetchall():
        left = REMEMBERED
        for number, keys in connection.execute(
            "SELECT id, keys FROM seen WHERE worker = ? ORDER BY id DESC", (worker,)
        ):
            left -= len(msgspec.msgpack.decode(keys, type=list[str]))
            if left < 0:
                connection.execute("DELETE FROM seen WHERE worker = ? AND id < ?", (worker, number))
                break


def books(connection: sqlite3.Connection) -> dict[str, Book]:
    """The account of every worker, all of one moment."""
    entered, settled = _entered(connection), _settled(connection)
    found = {}
    for worker, types, delivered, dead, dropped, put, put_settled, begun, missing, since in connection.execute(
        "SELECT * FROM accounts ORDER BY worker"
    ).fetchall():
        wanted, own = types.split(), settled.get(worker, {})
        for_it = {kind: events for kind, events in entered.items() if _wants(wanted, kind)}
        left = sum(max(events - sum(own.get(kind, (0, 0))), 0) for kind, events in for_it.items())
        left += max(put - put_settled, 0)
        known_since = datetime.fromisoformat(since) if since else None
        counts = (sum(for_it.values()), delivered, dead, dropped, left)
        found[worker] = Book(wanted, *counts, bool(begun), min(missing, left), missing, known_since)
    return found


def begin(connection: sqlite3.Connection, accounts: Mapping[str, Book]) -> None:
    """Begin the accounts of workers of which the queues were empty: only what is known to be missing is left.

    Args:
        accounts: as they were then; one that has changed since is left alone.
    """
    settled, now = _settled(connection), books(connection)
    for worker in (worker for worker, book in accounts.items() if now.get(worker) == book):
        for kind, events in _entered(connection).items():
            if _wants(now[worker].types, kind):
                _set_before(connection, worker, kind, events - settled.get(worker, {}).get(kind, (0, 0))[0])
        connection.execute(
            "UPDATE accounts SET begun = 1, put = put_settled + ?1, missing = ?1 WHERE worker = ?2",
            (now[worker].missing, worker),
        )


def note_missing(connection: sqlite3.Connection, missing: Mapping[str, int]) -> None:
    """Note how many events of each worker are nowhere; when more of them are, that is since now."""
    now = datetime.now(UTC).isoformat()
    connection.executemany(
        "UPDATE accounts SET missing = ?1, missing_since ="
        " CASE WHEN ?1 = 0 THEN NULL WHEN ?1 > missing THEN ?2 ELSE missing_since END WHERE worker = ?3",
        [(events, now, worker) for worker, events in missing.items()],
    )


def note_put(connection: sqlite3.Connection, worker: str, events: int, *, replayed: bool) -> None:
    """Note what was put into a queue alone. A replay makes good what was missing."""
    enrol(connection, worker, None)
    connection.execute("UPDATE accounts SET put = put + ? WHERE worker = ?", (events, worker))
    if replayed:
        connection.execute("UPDATE accounts SET missing_since = NULL WHERE worker = ?", (worker,))


def spools(connection: sqlite3.Connection) -> list[tuple[str, int, datetime]]:
    """The spools in which events wait: name, how many, and when that was told."""
    found = connection.execute("SELECT spool, events, told FROM spools ORDER BY spool")
    return [(spool, events, datetime.fromisoformat(told)) for spool, events, told in found]


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
            "UPDATE accounts SET dead = dead - 1, dropped = dropped + ? WHERE worker ="
            " (SELECT worker FROM dead_letters WHERE id = ?)",
            (int(dropped), number),
        ).rowcount
        removed += count
        connection.execute("DELETE FROM dead_letters WHERE id = ?", (number,))
    return removed


def forget_worker(connection: sqlite3.Connection, worker: str) -> None:
    """Remove the account of a worker and its dead letters; what others have published, as it has shown, stays."""
    _keep_shown(connection)
    for table in ("accounts", "settled", "seen", "dead_letters"):
        connection.execute(f"DELETE FROM {table} WHERE worker = ?", (worker,))


def enrol(connection: sqlite3.Connection, worker: str, types: Sequence[str] | None, *, fresh: bool = False) -> None:
    """Know a worker, and what it wants. What was entered before is not for it.

    Args:
        types: None says nothing of that.
        fresh: whether its queue was made just now, so that nothing is in it from before.
    """
    row = connection.execute("SELECT types FROM accounts WHERE worker = ?", (worker,)).fetchone()
    wanted = row[0] if row and types is None else " ".join(types or ())
    if row and row[0] == wanted:
        return
    _keep_shown(connection)
    entered, own = _entered(connection), _settled(connection).get(worker, {})
    connection.execute("INSERT OR IGNORE INTO accounts (worker, types) VALUES (?, ?)", (worker, wanted))
    begun = fresh and not row and not entered
    connection.execute("UPDATE accounts SET types = ?, begun = ? WHERE worker = ?", (wanted, begun, worker))
    for kind, events in entered.items():
        if not row or not _wants(row[0].split(), kind):
            _set_before(connection, worker, kind, events - own.get(kind, (0, 0))[0])


# --- entered and settled ---------------------------------------------------------------------------------------------


def _entered(connection: sqlite3.Connection) -> dict[Kind, int]:
    """How many events of each kind there have been; see above."""
    found = {(kind, bool(foreign)): events for kind, foreign, events in connection.execute("SELECT * FROM entered")}
    shown = connection.execute(
        'SELECT kind, "foreign", max(events + before) FROM settled JOIN accounts USING (worker) WHERE begun'
        ' GROUP BY kind, "foreign"'
    )
    for kind, foreign, events in shown:
        found[kind, bool(foreign)] = max(found.get((kind, bool(foreign)), 0), events)
    return found


def _keep_shown(connection: sqlite3.Connection) -> None:
    """Keep what others have published, as the workers show, before one of them shows it no more."""
    for (kind, foreign), events in _entered(connection).items():
        if foreign:
            connection.execute("INSERT OR REPLACE INTO entered VALUES (?, ?, ?)", (kind, foreign, events))


def _settled(connection: sqlite3.Connection) -> dict[str, dict[Kind, tuple[int, int]]]:
    """By worker and kind: events that it has settled, and those entered before its account began."""
    found: dict[str, dict[Kind, tuple[int, int]]] = {}
    for worker, kind, foreign, events, before in connection.execute("SELECT * FROM settled"):
        found.setdefault(worker, {})[kind, bool(foreign)] = events, before
    return found


def _known_kind(connection: sqlite3.Connection, kind: str) -> str:
    """A kind as it is counted."""
    if kind in CATALOGUE or kind in FOR_ALL:
        return kind
    if connection.execute("SELECT 1 FROM kinds WHERE kind = ?", (kind,)).fetchone():
        return kind
    if connection.execute("SELECT count(*) FROM kinds").fetchone()[0] >= MOST_KINDS:
        return OTHERS
    connection.execute("INSERT INTO kinds VALUES (?)", (kind,))
    return kind


def _wants(types: Sequence[str], kind: Kind) -> bool:
    return kind[0] in FOR_ALL or matches(kind[0], types)


def _set_before(connection: sqlite3.Connection, worker: str, kind: Kind, before: int) -> None:
    connection.execute(
        "INSERT INTO settled VALUES (?1, ?2, ?3, 0, ?4) ON CONFLICT DO UPDATE SET before = ?4", (worker, *kind, before)
    )


def _raise_entered(connection: sqlite3.Connection, kind: Kind, events: int) -> None:
    connection.execute(
        "INSERT INTO entered VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET events = events + ?3", (*kind, events)
    )


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


def _by_kind(settlements: Iterable[Settlement]) -> dict[Kind, int]:
    """Events that came to all queues."""
    found: dict[Kind, int] = {}
    for settlement in settlements:
        if not settlement.alone:
            kind = settlement.kind, settlement.foreign
            found[kind] = found.get(kind, 0) + settlement.events
    return found
