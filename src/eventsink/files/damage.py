"""What to do with a damaged SQLite file, whatever is in it."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from eventsink.files.folder import sync, sync_names

__all__ = ["KILLED", "finish", "read_both_ways", "rebuild"]

T = TypeVar("T")

KILLED = "a process was killed while it mended the file"
"""Why what was set aside is, where `finish` had something to do."""


def rebuild(path: Path, build: Callable[[Path, sqlite3.Connection], T]) -> tuple[Path, T]:
    """Put a new file in the place of a damaged one, which is set aside.

    All stays as it was until the new one is complete: should the disk be full, nothing is lost by that. From then on
    `finish` does the rest, also for one who was killed.

    Args:
        build: makes the new file, and closes it. It is handed its path, and the damaged one to read what can be read.

    Returns:
        the name of what was set aside, and what `build` gives.
    """
    draft = path.with_name(f"{path.name}.salvaged")
    _remove(draft)  # of one who was killed
    try:
        draft.touch(mode=0o600)  # what is in it names people
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as old:
            built = build(draft, old)
        _complete(draft)
        sync(draft)
    except BaseException:
        _remove(draft)
        raise
    draft.rename(_rebuilt(path))
    return finish(path) or path, built


def finish(path: Path) -> Path | None:
    """Put a file that was rebuilt into its place, if there is one; gives the name of what was set aside."""
    rebuilt = _rebuilt(path)
    if not rebuilt.exists():
        return None
    sync_names(path.parent)
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    for suffix in ("-wal", "-shm"):  # they must never be read with the new file
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    if path.exists():
        _keep_as(aside, path)
    sync_names(path.parent)
    rebuilt.replace(path)
    sync_names(path.parent)
    return aside


def read_both_ways(connection: sqlite3.Connection, table: str, key: str) -> Iterator[tuple[Any, ...]]:
    """Rows from the front up to the first damage, then from the back down to the last."""
    for direction in ("ASC", "DESC"):
        try:
            yield from connection.execute(f"SELECT * FROM {table} ORDER BY {key} {direction}")
        except sqlite3.DatabaseError:  # here the damage begins; the caller counts what is missing
            continue
        return


def _complete(draft: Path) -> None:
    """Bring into a file what is in its write-ahead log alone. Closing it does so too, and says nothing of a full disk.

    Raises:
        sqlite3.Error: there is no room for it.
    """
    if draft.with_name(f"{draft.name}-wal").exists():
        with closing(sqlite3.connect(draft)) as new:
            new.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _keep_as(name: Path, path: Path) -> None:
    """Give a file another name. Where a disk can have two, the one that others look for is there at all times."""
    try:
        name.hardlink_to(path)
    except OSError:
        path.replace(name)


def _rebuilt(path: Path) -> Path:
    """The name under which a new file is complete, and not in its place yet."""
    return path.with_name(f"{path.name}.rebuilt")


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
