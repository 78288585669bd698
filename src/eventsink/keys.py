"""API keys: made, checked, revoked. Only hashes of secrets are kept, in one SQLite file of the data directory.

A key reads `clw_<id>_<secret>`: the prefix is for scanners of leaked secrets, the id finds the row at once, the secret
is 32 random bytes. So much randomness needs no slow hash: SHA-256 at rest, compared in constant time.
"""

import contextlib
import hashlib
import hmac
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from eventsink.causes import remedy, why
from eventsink.errors import EventSinkError
from eventsink.files import make_file, make_folder

__all__ = ["PUBLIC", "SCOPES", "Key", "KeyFile", "Look", "NewKey", "id_of", "matches", "new_key"]

PREFIX = "clw"
SCOPES = ("ingest", "read", "admin", "browser")
PUBLIC = "browser"  # the scope of keys that stand in pages, where everybody sees them
PATIENCE = 5.0  # seconds that a command waits for another at the same file
_FORM = re.compile(rf"{PREFIX}_([0-9a-f]{{8}})_([A-Za-z0-9_-]{{43}})")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL, rate REAL NOT NULL,
    created REAL NOT NULL, expires REAL, last_used REAL
);
CREATE TABLE IF NOT EXISTS changes (number INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS public (id TEXT PRIMARY KEY, key TEXT NOT NULL, origins TEXT NOT NULL)
"""

_LATEST = 253_402_214_400.0  # 9999-12-31: one key with a later end must not keep all others from being read


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key, but for its secret.

    Args:
        rate: events per second that it may send; 0 leaves it to the settings.
        last_used: to the minute.
        origins: sites whose pages may use it, as https://clowder.example.org; of a public key, with the scope browser.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created: datetime
    rate: float = 0.0
    expires: datetime | None = None
    last_used: datetime | None = None
    origins: tuple[str, ...] = ()

    def may(self, scope: str) -> bool:
        """Whether it has a scope. An admin key may do everything but stand in a page."""
        return scope in self.scopes or ("admin" in self.scopes and scope != PUBLIC)


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made: the only time its secret is seen."""

    id: str
    key: str
    scopes: tuple[str, ...]


class Look(NamedTuple):
    """What a look at the file found.

    Args:
        keys: by id, each with the hash of its secret.
        changes: a random number for each key that was made or revoked. A file that lacks one that was there before is
            another file, or an older copy.
    """

    keys: dict[str, tuple[bytes, Key]]
    changes: frozenset[int]


class KeyFile:
    """The keys of one data directory, in a file that is opened for each use: it may be another one by then.

    Raises:
        EventSinkError: (from any method) the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(
        self,
        scopes: Sequence[str],
        *,
        name: str = "",
        days: float | None = None,
        rate: float = 0.0,
        origins: Sequence[str] = (),
    ) -> NewKey:
        """Make a key.

        Args:
            scopes: of `SCOPES`.
            days: until it expires; None for never.
            rate: events per second that it may send; 0 leaves it to the settings.
            origins: sites whose pages may use it, for the scope browser.

        Raises:
            EventSinkError: a scope is unknown; or a public key is to have more scopes, or no site.
        """
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise EventSinkError(f"There is no scope {', '.join(unknown) or 'given'}: known are {', '.join(SCOPES)}.")
        if PUBLIC in scopes and set(scopes) != {PUBLIC}:
            raise EventSinkError(
                "A key with the scope browser stands in pages, for everybody to see: give it no other."
            )
        if (PUBLIC in scopes) != bool(origins):
            raise EventSinkError("A site (--origin https://…) goes with the scope browser, and the scope with a site.")
        with self._opened() as connection, _transaction(connection):
            made = _insert(connection, scopes, name=name, days=days, rate=rate)
            if origins:
                connection.execute("INSERT INTO public VALUES (?, ?, ?)", (made.id, made.key, " ".join(origins)))
            return made

    def public(self, origin: str) -> str:
        """The newest key that pages of a site may use and that has not expired; empty if there is none."""
        with self._opened() as connection:
            rows = connection.execute(
                "SELECT p.key, p.origins FROM public p JOIN keys k ON k.id = p.id"
                " WHERE coalesce(k.expires, 1e12) > ? ORDER BY k.created DESC, k.id",
                (time.time(),),
            ).fetchall()
        return next((key for key, origins in rows if origin in origins.split()), "")

    @contextlib.contextmanager
    def first(self) -> Iterator[Sequence[NewKey]]:
        """The keys to begin with, to be shown within the block; none where there are keys.

        They are made when the block ends: a process that could not show them, or was killed before, leaves none that
        nobody knows.
        """
        with self._opened() as connection:
            if not _is_empty(connection):
                yield ()
                return
            with _transaction(connection):
                if _is_empty(connection):
                    yield [_insert(connection, (scope,), name=f"first {scope} key") for scope in ("admin", "ingest")]
                else:
                    yield ()

    def list(self) -> list[Key]:
        """All keys, oldest first."""
        with self._opened() as connection:
            origins = _origins(connection)
            rows = connection.execute("SELECT * FROM keys ORDER BY created, id").fetchall()
            return [_key(row, origins) for row in rows]

    def revoke(self, key_id: str) -> bool:
        """End a key; False when there is none of this id."""
        with self._opened() as connection, _transaction(connection):
            found = connection.execute("DELETE FROM keys WHERE id = ?", (key_id,)).rowcount > 0
            if found:
                connection.execute("DELETE FROM public WHERE id = ?", (key_id,))
                _note_change(connection)
            return found

    def look(self, used: Mapping[str, float]) -> Look:
        """What is in the file, without waiting for whoever is at it.

        Args:
            used: when which key was used, to be noted where that is possible.

        Raises:
            FileNotFoundError: there is no file.
            sqlite3.Error: it is busy, or cannot be read.
        """
        if not self.path.exists():
            raise FileNotFoundError(self.path)
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=0)) as connection:
            _note(connection, used)
            origins = _origins(connection)
            keys = {row[0]: (row[1], _key(row, origins)) for row in connection.execute("SELECT * FROM keys").fetchall()}
            return Look(keys, _changes(connection))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            make_folder(self.path.parent)
            make_file(self.path)
            self.path.touch()  # says better than SQLite why one that is there cannot be opened
        except OSError as error:
            raise EventSinkError(f"The keys cannot be opened at {self.path}: {why(error)}.{remedy(error)}") from error
        try:
            with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=PATIENCE)) as connection:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                yield connection
        except sqlite3.Error as error:
            raise EventSinkError(f"The keys at {self.path} cannot be read or changed: {why(error)}.") from error


def matches(text: str, known: tuple[bytes, Key]) -> bool:
    """Whether a key that was presented is the known one of its id."""
    return hmac.compare_digest(known[0], _hash(text.split("_", 2)[2]))


def id_of(text: str) -> str | None:
    """The id within a key that was presented; None where it has not the form of a key."""
    match = _FORM.fullmatch(text)
    return match[1] if match else None


def new_key(scopes: Sequence[str]) -> tuple[NewKey, bytes]:
    """A key that is nowhere yet, and the hash of its secret."""
    key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    return NewKey(key_id, f"{PREFIX}_{key_id}_{secret}", tuple(scopes)), _hash(secret)


def _insert(
    connection: sqlite3.Connection, scopes: Sequence[str], *, name: str, days: float | None = None, rate: float = 0.0
) -> NewKey:
    made, hashed = new_key(scopes)
    now = time.time()
    expires = now + days * 86400 if days is not None else None
    connection.execute(
        "INSERT INTO keys (id, hash, name, scopes, rate, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (made.id, hashed, name, " ".join(scopes), rate, now, expires),
    )
    _note_change(connection)
    return made


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """What is done within is done as a whole; an error undoes it, by closing the connection."""
    connection.execute("BEGIN EXCLUSIVE")
    yield
    connection.execute("COMMIT")


def _note_change(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO changes VALUES (?)", (secrets.randbits(63),))


def _changes(connection: sqlite3.Connection) -> frozenset[int]:
    """All changes of the file; none in one of the first version until it is changed."""
    if not _has_table(connection, "changes"):
        return frozenset()
    return frozenset(number for (number,) in connection.execute("SELECT number FROM changes").fetchall())


def _origins(connection: sqlite3.Connection) -> dict[str, str]:
    """The sites of public keys, by the ids of these; none in a file of an earlier version."""
    if not _has_table(connection, "public"):
        return {}
    return dict(connection.execute("SELECT id, origins FROM public").fetchall())


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nobody has a key: those in pages let nobody in."""
    return connection.execute("SELECT 1 FROM keys WHERE scopes != ? LIMIT 1", (PUBLIC,)).fetchone() is None


def _note(connection: sqlite3.Connection, used: Mapping[str, float]) -> None:
    rows = [(int(when // 60 * 60), key_id) for key_id, when in used.items()]
    fresh = "UPDATE keys SET last_used = ?1 WHERE id = ?2 AND coalesce(last_used, 0) < ?1"
    with contextlib.suppress(sqlite3.Error):  # a full disk must not shut the door: the note is worth no refusal
        connection.executemany(fresh, rows)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _key(row: tuple[str, bytes, str, str, float, float, float | None, float | None], origins: Mapping[str, str]) -> Key:
    key_id, _, name, scopes, rate, created, expires, last_used = row
    return Key(
        id=key_id,
        name=name,
        scopes=tuple(scopes.split()),
        created=datetime.fromtimestamp(created, UTC),
        rate=rate,
        expires=None if expires is None else datetime.fromtimestamp(min(expires, _LATEST), UTC),
        last_used=None if last_used is None else datetime.fromtimestamp(last_used, UTC),
        origins=tuple(origins.get(key_id, "").split()),
    )
