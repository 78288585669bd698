"""Room on a disk: what waits can only be taken out of a file again while the disk takes a little more."""

import os
import sqlite3
from pathlib import Path

__all__ = ["RESERVE", "check_room"]

RESERVE = 4 << 20  # bytes that stay free for taking out what is there, which SQLite writes down first


def check_room(path: Path, size: int) -> None:
    """Refuse to add to a file when its disk is almost full or read-only, or the file is not in its place any more.

    A file that was moved away with its folder could still be written, and the next start would not find what is in it.

    Args:
        path: of the file.
        size: bytes to add; they are written twice, into the log of SQLite and into the file.

    Raises:
        sqlite3.OperationalError: it cannot be added to; as SQLite says it when the disk is full.
    """
    try:
        disk = os.statvfs(path)
    except OSError as error:
        raise sqlite3.OperationalError(
            f"{path} is not there any more ({error.strerror}): move it back, or restart the event sink"
        ) from None
    if disk.f_flag & os.ST_RDONLY:
        raise sqlite3.OperationalError(f"the disk of {path} is read-only now: make it writable again")
    free = disk.f_bavail * disk.f_frsize
    if free < RESERVE + 2 * size:
        raise sqlite3.OperationalError(
            f"the disk is full: {free:,} bytes are left, and {RESERVE:,} are kept so that what waits can be taken out"
        )
