"""What to do with a damaged SQLite file, whatever is in it."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["read_both_ways", "set_aside"]


def set_aside(path: Path) -> Path:
    """Rename a damaged file and what belongs to it; gives its new name."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def read_both_ways(connection: sqlite3.Connection, table: str, key: str) -> Iterator[tuple[Any, ...]]:
    """Rows from the front up to the first damage, then from the back down to the last."""
    for direction in ("ASC", "DESC"):
        try:
            yield from connection.execute(f"SELECT * FROM {table} ORDER BY {key} {direction}")
        except sqlite3.DatabaseError:  # here the damage begins; the caller counts what is missing
            continue
        return
