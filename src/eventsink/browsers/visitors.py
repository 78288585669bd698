"""Who a visitor is, for one day: a hash with a salt that is thrown away when the day is over.

Within the day the same browser at the same address is the same visitor. Afterwards nobody can tell who it was, neither
by trying out all addresses: for that the salt would be needed, which no backup of the store has. (Of a day's salt the
disk keeps a file for that day, so that a restart does not make everybody new.)
"""

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

import structlog

from eventsink.browsers.peers import household
from eventsink.causes import why

__all__ = ["Visitors", "forget"]

_FILE = re.compile(r"visitors-\d{4}-\d\d-\d\d\.salt(-[0-9a-f]+)?")
SIZE = 32  # bytes
_log = structlog.get_logger(__name__)


class Visitors:
    """Gives visitors their ids.

    Args:
        folder: where the salt of the day is kept; several front doors of one data directory share it. None keeps it
            nowhere.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._day = ""
        self._salt = b""

    def id(self, site: str, address: str, agent: str, now: datetime | None = None) -> str:
        """The id of a visitor of a site today: 32 hexadecimal digits."""
        return self._hash(now or datetime.now(UTC), "visitor", site, household(address), agent)[:32]

    def place(self, address: str, now: datetime | None = None) -> str:
        """What stands for an address today, to count by."""
        return self._hash(now or datetime.now(UTC), "place", household(address))[:32]

    def _hash(self, now: datetime, *parts: str) -> str:
        day = now.strftime("%Y-%m-%d")
        if day > self._day:  # never back: a clock may go back, and a request may have begun the day before
            self._day, self._salt = day, self._salt_of(day)
        return hmac.new(self._salt, "\0".join(parts).encode(errors="replace"), hashlib.sha256).hexdigest()

    def _salt_of(self, day: str) -> bytes:
        if self._folder is None:
            return secrets.token_bytes(SIZE)
        path = self._folder / _name(day)
        try:
            _forget_before(path)
            return _read(path) or _make(path)
        except OSError as error:
            _log.warning(
                "browser.salt_not_kept",
                reason=f"The salt of today's visitors cannot be kept in {path}: {why(error)}. After a restart all are"
                " new.",
            )
            return secrets.token_bytes(SIZE)


def forget(folder: Path, now: datetime) -> None:
    """Remove the salts of days before, which is else done when somebody comes.

    Raises:
        OSError: one cannot be removed, or the folder cannot be read.
    """
    _forget_before(folder / _name(now.strftime("%Y-%m-%d")))


def _name(day: str) -> str:
    return f"visitors-{day}.salt"


def _forget_before(kept: Path) -> None:
    """Remove the salts of days before one, also of a process that was killed while it made one."""
    for path in kept.parent.iterdir():
        if _FILE.fullmatch(path.name) and path.name < kept.name:
            with contextlib.suppress(FileNotFoundError):  # another front door was faster
                path.unlink()


def _read(path: Path) -> bytes:
    """The salt in a file; empty if there is none, or it was not written to its end."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return b""
    if len(found) != SIZE:
        path.unlink(missing_ok=True)
        return b""
    return found


def _make(path: Path) -> bytes:
    """Make a salt, unless another front door has made one in the same moment: then that one."""
    salt = secrets.token_bytes(SIZE)
    aside = path.with_name(f"{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, salt)
    finally:
        os.close(descriptor)
    try:
        os.link(aside, path)
    except FileExistsError:
        return _read(path) or salt
    finally:
        aside.unlink()
    return salt
