"""The files of the data directory: ours to write, ours alone to read, not damaged, and who has them locked."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from eventsink.assemble import data_directory
from eventsink.assemble.exchanges import REMEDY
from eventsink.causes import why
from eventsink.cli.finding import Finding
from eventsink.cli.screen import size
from eventsink.errors import SettingsError
from eventsink.exchange.inherited import left_behind
from eventsink.settings import Settings

__all__ = ["embedded", "existing", "files", "holder"]


# A line of /proc/locks, as `1: FLOCK  ADVISORY  WRITE 4711 fd:01:815 0 EOF`; with an arrow before FLOCK it only waits.
_LOCK = re.compile(r"^\d+: FLOCK +\S+ +\S+ +(?P<pid>\d+) (?P<major>[\da-f]+):(?P<minor>[\da-f]+):(?P<inode>\d+) ")


def files(settings: Settings) -> Iterator[Finding]:
    """Folders and files."""
    yield _directory(settings.directory)
    if path := embedded(settings):
        yield _database("exchange", path, "The next start sets it aside.")
    yield _database("keys", settings.keys_path, "If it is damaged, put that of a backup in its place.")
    yield _secrecy(settings.keys_path)
    yield _privacy(settings)
    for path, events in left_behind(settings.directory) if _is_there(settings.directory) else ():
        yield Finding("spool left behind", False, f"{path}: {events:,} events wait, no process has them", REMEDY)
    yield _store(settings.store_path)


def embedded(settings: Settings) -> Path | None:
    """The file of the embedded exchange; None on RabbitMQ, and where the setting is wrong, which is said of it."""
    with suppress(SettingsError):
        return None if settings.exchange.on_rabbitmq else settings.exchange_path
    return None


def existing(path: Path) -> Path:
    """The path, or the nearest directory above it that is there."""
    return path if _is_there(path) else existing(path.absolute().parent)


def holder(settings: Settings) -> int | None:
    """The process that has a lock that a sink needs here, as Linux tells it; to try the lock would be to take it.

    Doors on other ports have spools of their own in the same directory, and so has a monitor: they are in nobody's way.
    """
    if not _is_there(settings.directory):
        return None
    beside = {
        file for pattern in ("spool-*", "aside-*", "monitor-*") for file in settings.directory.glob(pattern + ".lock")
    }
    needed = {*settings.directory.glob("*.lock")} - beside | {settings.spool_path.with_suffix(".lock")}
    locked = {(status.st_dev, status.st_ino) for file in needed if (status := _status(file))}
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:  # of another system
        return None
    for line in lines:
        if (lock := _LOCK.search(line)) is not None:
            major, minor = int(lock["major"], 16), int(lock["minor"], 16)
            if (os.makedev(major, minor), int(lock["inode"])) in locked:
                return int(lock["pid"])
    return None


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.lstat()
    except OSError:
        return None


def _is_there(path: Path) -> bool:
    """Whether a path is there for us: what lies in a folder that we may not enter is not, and is no error either."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises where we may not look


def _directory(directory: Path) -> Finding:
    place = existing(directory)
    if not place.is_dir():
        remedy = "Give a folder, with --data or in the setting data."
        return Finding("data directory", False, f"{place} is no folder", remedy)
    if not os.access(place, os.W_OK | os.X_OK):
        remedy = (
            f"Let this user write to it (chown, chmod, mount -o rw), or name another directory with --data: {place}."
        )
        return Finding("data directory", False, f"{place} cannot be written", remedy)
    found = str(directory) if place == directory else f"{directory} is made at the start"
    return Finding("data directory", True, found)


def _database(name: str, path: Path, mended: str) -> Finding:
    if not _is_there(path):
        return Finding(name, True, f"{path} is made at the start")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        remedy = f"Look at {path}: is it this user's file, and on a disk that is well? {mended}"
        return Finding(name, False, f"{path} cannot be read: {why(error)}", remedy)
    return Finding(name, True, f"{path}, {size(path.stat().st_size)}")


def _secrecy(path: Path) -> Finding:
    others = _is_there(path) and path.stat().st_mode & 0o077
    remedy = f"chmod 600 {path}" if others else ""
    return Finding("secrecy of keys", not others, "other users can read them" if others else "only this user", remedy)


def _privacy(settings: Settings) -> Finding:
    open_ = data_directory.open_to_others(settings)
    if not open_:
        return Finding("secrecy of data", True, "only this user")
    some = ", ".join(str(exposed.path) for exposed in open_[:3]) + (", …" if open_[3:] else "")
    return Finding("secrecy of data", False, f"others can get at {len(open_)}: {some}", open_[0].remedy)


def _store(path: Path) -> Finding:
    if not _is_there(path):
        return Finding("store", True, f"{path} is made at the start")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Finding("store", False, f"{path} cannot be written", "Let this user write to it (chown, chmod).")
    total = sum(status.st_size for file in path.rglob("*") if (status := _status(file)))
    return Finding("store", True, f"{path}, {size(total)}")
