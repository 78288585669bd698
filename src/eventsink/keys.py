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
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from eventsink.errors import EventSinkError, KeysNotRead

__all__ = ["SCOPES", "Key", "KeyFile", "NewKey"]

PREFIX = "clw"
SCOPES = ("ingest", "read", "admin")
LOOK_AGAIN = 1.0  # seconds after which a revoked key no longer works, at the latest
_FORM = re.compile(rf"{PREFIX}_([0-9a-f]{{8}})_([A-Za-z0-9_-]{{43}})")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL, rate REAL NOT NULL,
    created REAL NOT NULL, expires REAL, last_used REAL
)
"""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key, but for its secret.

    Args:
        rate: events per second that it may send; 0 leaves it to the settings.
        last_used: to the minute.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created: datetime
    rate: float = 0.0
    expires: datetime | None = None
    last_used: datetime | None = None

    def may(self, scope: str) -> bool:
        """Whether it has a scope. An admin key may do everything."""
        return scope in self.scopes or "admin" in self.scopes


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made: the only time its secret is seen."""

    id: str
    key: str
    scopes: tuple[str, ...]


class KeyFile:
    """The keys of one data directory. A running sink sees changes that others make within a second.

    Raises:
        EventSinkError: (from any method) the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, tuple[bytes, Key]] = {}
        self._ephemeral: dict[str, tuple[bytes, Key]] = {}
        self._used: dict[str, float] = {}
        self._looked = 0.0
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA busy_timeout=5000")
            self._connection.execute(_SCHEMA)
            # What answers requests never waits for a lock: the event loop would wait with it.
            self._looking = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
        except (OSError, sqlite3.Error) as error:
            raise EventSinkError(f"The keys cannot be opened at {path}: {error}.") from error
        self._version: int | None = None  # of the file, when it was read last

    def create(self, scopes: Sequence[str], *, name: str = "", days: float | None = None, rate: float = 0.0) -> NewKey:
        """Make a key.

        Args:
            scopes: of `SCOPES`.
            days: until it expires; None for never.
            rate: events per second that it may send; 0 leaves it to the settings.

        Raises:
            EventSinkError: a scope is unknown.
        """
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise EventSinkError(f"There is no scope {', '.join(unknown) or 'given'}: known are {', '.join(SCOPES)}.")
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        now = time.time()
        expires = now + days * 86400 if days is not None else None
        row = (key_id, _hash(secret), name, " ".join(scopes), rate, now, expires)
        self._execute(
            "INSERT INTO keys (id, hash, name, scopes, rate, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)", row
        )
        return NewKey(key_id, f"{PREFIX}_{key_id}_{secret}", tuple(scopes))

    @contextlib.contextmanager
    def first(self) -> Iterator[Sequence[NewKey]]:
        """The keys to begin with, to be shown within the block; none where there are keys.

        They are made when the block ends: a process that could not show them, or was killed before, leaves none that
        nobody knows.
        """
        if self.list():
            yield ()
            return
        self._execute("BEGIN EXCLUSIVE")
        try:
            self._version = None  # who has seen one already is told to try again, and not that there is no such key
            yield [] if self.list() else [self.create((s,), name=f"first {s} key") for s in ("admin", "ingest")]
            self._execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.rollback()

    def create_ephemeral(self, scopes: Sequence[str], *, name: str) -> NewKey:
        """Make a key that this process alone knows and that ends with it."""
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        key = Key(id=key_id, name=name, scopes=tuple(scopes), created=datetime.now(UTC))
        self._ephemeral[key_id] = (_hash(secret), key)
        return NewKey(key_id, f"{PREFIX}_{key_id}_{secret}", tuple(scopes))

    def list(self) -> list[Key]:
        """All keys, oldest first."""
        return [_key(row) for row in self._execute("SELECT * FROM keys ORDER BY created, id").fetchall()]

    def revoke(self, key_id: str) -> bool:
        """End a key; False when there is none of this id."""
        return self._execute("DELETE FROM keys WHERE id = ?", (key_id,)).rowcount > 0

    def _execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise EventSinkError(f"The keys at {self.path} cannot be read or changed: {error}.") from error

    def check(self, text: str) -> Key | None:
        """The key that was presented, or None when it is unknown, revoked or expired.

        Raises:
            KeysNotRead: it is not known yet which keys there are.
        """
        now = time.time()
        if now - self._looked > LOOK_AGAIN:
            self._look_again(now)
        key = self._compare(text)
        if key is None and _FORM.fullmatch(text):  # one that was made this moment is good at once
            self._look_again(now)
            key = self._compare(text)
        if key is None and self._version is None:
            raise KeysNotRead(f"The keys at {self.path} are busy and could not be read yet: try again in a moment.")
        if key is None or (key.expires is not None and key.expires.timestamp() < now):
            return None
        self._used[key.id] = now
        return key

    def _compare(self, text: str) -> Key | None:
        match = _FORM.fullmatch(text)
        if match is None:
            return None
        expected, key = self._known.get(match[1]) or self._ephemeral.get(match[1]) or (bytes(32), None)
        if not hmac.compare_digest(expected, _hash(match[2])) or key is None:
            return None
        return key

    def _look_again(self, now: float) -> None:
        self._note_use()
        with contextlib.suppress(sqlite3.Error):  # locked for a moment: the keys known so far go on, the next look sees
            version = self._looking.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                rows = self._looking.execute("SELECT * FROM keys").fetchall()
                self._known = {row[0]: (row[1], _key(row)) for row in rows}
                self._version = version
        self._looked = now

    def _note_use(self) -> None:
        rows = [(int(when // 60 * 60), key_id) for key_id, when in self._used.items()]
        self._used.clear()
        fresh = "UPDATE keys SET last_used = ?1 WHERE id = ?2 AND coalesce(last_used, 0) < ?1"
        with contextlib.suppress(sqlite3.Error):  # a full disk must not shut the door: the note is worth no refusal
            self._looking.executemany(fresh, rows)

    def close(self) -> None:
        """Note what was used last, and close the file."""
        self._note_use()
        self._looking.close()
        self._connection.close()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _key(row: tuple[str, bytes, str, str, float, float, float | None, float | None]) -> Key:
    key_id, _, name, scopes, rate, created, expires, last_used = row
    return Key(
        id=key_id,
        name=name,
        scopes=tuple(scopes.split()),
        created=datetime.fromtimestamp(created, UTC),
        rate=rate,
        expires=None if expires is None else datetime.fromtimestamp(expires, UTC),
        last_used=None if last_used is None else datetime.fromtimestamp(last_used, UTC),
    )
