"""Damage in the write-ahead log of an SQLite file.

SQLite takes it for the end that a crash has cut off, and drops what was committed behind it without a word.
"""

import sqlite3
from pathlib import Path

__all__ = ["commits_behind_damage"]

_HEADER = 32  # bytes; at 8 stands the size of a page, at 16 what all frames of this round have, too
_FRAME = 24  # bytes before each page; at 4 stands something in the last frame of a commit, at 8 what the header has


def commits_behind_damage(connection: sqlite3.Connection, path: Path) -> int:
    """How many commits SQLite has dropped. It is to be asked before anything is written.

    A loss of power can cut the last one in two, of which nobody was told: that one alone is no damage.
    """
    wal = path.with_name(f"{path.name}-wal")
    try:
        _, sound, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        # Below 0 nobody can tell: another program, as one that makes copies, is at a checkpoint just now.
        return _commits(wal, sound) if sound >= 0 and wal.exists() else 0
    except (OSError, sqlite3.OperationalError):  # the disk is full, say: whoever uses the file hears of that
        return 0


def _commits(wal: Path, sound: int) -> int:
    with wal.open("rb") as file:
        header = file.read(_HEADER)
        size = _FRAME + int.from_bytes(header[8:12], "big")
        found, at = 0, _HEADER + sound * size
        while file.seek(at) and (frame := file.read(_FRAME)):
            found += frame[8:16] == header[16:24] and any(frame[4:8])
            at += size
    return found if found > 1 else 0
