"""SQLite files of which a commit is durable when it returns."""

import sqlite3
from pathlib import Path

from eventsink.files.owner import make_file

__all__ = ["open_lasting"]


def open_lasting(path: Path, schema: str) -> sqlite3.Connection:
    """Open a file, or make it, for its owner alone: what is in them names people.

    Args:
        schema: statements that make what is missing in it.

    Raises:
        OSError, sqlite3.Error: it cannot be opened.
    """
    make_file(path)
    path.touch()  # says better than SQLite why one that is there cannot be opened
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection
