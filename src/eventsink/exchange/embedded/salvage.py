"""What to do with a damaged exchange file: set it aside, and keep what can be read of it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from eventsink.exchange.embedded import sqlite_log
from eventsink.files import read_both_ways, rebuild

__all__ = ["salvage"]


def salvage(path: Path) -> tuple[Path, int, int]:
    """Move a damaged file away and build a new one of what can be read.

    Returns:
        where the damaged file lies now, how many events were kept, and how many are gone.
    """
    aside, (kept, lost) = rebuild(path, _build)
    return aside, kept, lost


def _build(draft: Path, old: sqlite3.Connection) -> tuple[int, int]:
    with closing(sqlite_log.connect(draft)) as new:
        sqlite_log.prepare(new, checked=False)
        new.execute("BEGIN")
        kept = _copy_log(old, new)
        for table in ("queues", "missing", "put_back", "dead_letters"):
            _copy_table(old, new, table)
        lost = _missing(new)
        new.execute("COMMIT")
    return kept, lost


def _copy_log(old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    kept = 0
    for first, count, crc, lines in read_both_ways(old, "log", "first"):
        if sqlite_log.intact(lines, crc):
            kept += (
                count
                * new.execute("INSERT OR IGNORE INTO log VALUES (?, ?, ?, ?)", (first, count, crc, lines)).rowcount
            )
    return kept


def _copy_table(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    for row in read_both_ways(old, table, "rowid"):
        places = ", ".join("?" * len(row))
        new.execute(f"INSERT OR IGNORE INTO {table} VALUES ({places})", row)


def _missing(new: sqlite3.Connection) -> int:
    """The most events that any queue waits for and that are gone. Its account shows them when it comes to them."""
    head = sqlite_log.head(new)
    worst = 0
    for (cursor,) in new.execute("SELECT cursor FROM queues").fetchall():
        there = new.execute(
            "SELECT coalesce(sum(first + count - max(first, ?1)), 0) FROM log WHERE first + count > ?1", (cursor,)
        ).fetchone()[0]
        worst = max(worst, head - cursor - there)
    return worst
