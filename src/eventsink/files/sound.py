"""Opening an SQLite file that may be damaged."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from eventsink.files.damage import KILLED, finish, rebuild

__all__ = ["open_sound"]


def open_sound(
    path: Path,
    prepare: Callable[[sqlite3.Connection], object],
    damaged: Callable[[str, Path], None],
    keep: Callable[[sqlite3.Connection, sqlite3.Connection], object] = lambda *_: None,
) -> sqlite3.Connection:
    """Open a file, or make it, for this user alone. A damaged one is set aside, and a new one made.

    Args:
        prepare: makes what is missing in it.
        damaged: is told why, and the name of what was set aside.
        keep: puts into the new file what can be read of the damaged one.

    Raises:
        OSError, sqlite3.Error: it cannot be opened: the disk is full, the folder cannot be written, …
    """

    def build(draft: Path, old: sqlite3.Connection) -> None:
        with closing(_open(draft, prepare)) as new:
            new.execute("BEGIN")
            keep(new, old)
            new.execute("COMMIT")

    if aside := finish(path):
        damaged(KILLED, aside)
    try:
        return _open(path, prepare)
    except sqlite3.OperationalError:  # the file itself may be sound
        raise
    except sqlite3.DatabaseError as error:
        aside, _ = rebuild(path, build)
        damaged(str(error), aside)
        return _open(path, prepare)


def _open(path: Path, prepare: Callable[[sqlite3.Connection], object]) -> sqlite3.Connection:
    path.touch(mode=0o600)  # what is in it names people
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        prepare(connection)
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("its check found damage")
    except BaseException:
        connection.close()
        raise
    return connection
