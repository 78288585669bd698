"""Room on a disk: what waits can only be taken out of a file again while the disk takes a little more."""

import os
import sqlite3
from pathlib import Path

__all__ = ["RESERVE", "Room"]

RESERVE = 4 << 20  # bytes that stay free for taking out what is there, which SQLite writes down first


class Room:
    """Room for a file that is open. Looking costs some microseconds, and is done before each commit that adds.

    Args:
        path: of the file, which is in its place now.

    Raises:
        OSError: it is not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _identity(path)

    @property
    def is_gone(self) -> bool:
        """Whether the file was removed or moved away, or another one is in its place; not where nobody can tell."""
        try:
            return _identity(self.path) != self._file
        except OSError as error:
            return isinstance(error, FileNotFoundError | NotADirectoryError)

    def check(self, size: int = 0) -> None:
        """Refuse to add to the file when its disk is almost full or read-only, or it is not in its place any more.

        A file that was moved away with its folder could still be written, and the next start would not find it.

        Args:
            size: bytes to add; they are written twice, into the log of SQLite and into the file.

        Raises:
            sqlite3.OperationalError: it cannot be added to; as SQLite says it when the disk is full.
        """
        try:
            found, disk = _identity(self.path), os.statvfs(self.path)
        except OSError as error:
            raise sqlite3.OperationalError(
                f"{self.path} is not there any more ({error.strerror}): move it back, or restart the event sink"
            ) from None
        if found != self._file:
            raise sqlite3.OperationalError(
                f"{self.path} is another file than the one that was opened: move that back, or restart the event sink"
            )
        if disk.f_flag & os.ST_RDONLY:
            raise sqlite3.OperationalError(f"the disk of {self.path} is read-only now: make it writable again")
        free = disk.f_bavail * disk.f_frsize
        if free < RESERVE + 2 * size:
            raise sqlite3.OperationalError(
                f"the disk is full: {free:,} bytes are left, and {RESERVE:,} are kept so that what waits can be taken"
                " out"
            )


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
