"""A place in a log, by which it is found again when the log has been renamed, copied or compressed meanwhile."""

import errno
import gzip
import hashlib
import os
import stat
from io import FileIO
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

__all__ = ["HEAD", "OpenLog", "Place"]

HEAD = 1024  # bytes at the beginning of a file by which it is known
_GZIP = b"\x1f\x8b"


class Place(msgspec.Struct, frozen=True):
    """Between two lines of a file.

    Args:
        device: of the file, and `inode`: while it is only renamed, they tell it.
        head: how many of its first bytes are in the digest.
        digest: of these. Of its lines nothing else is kept.
        offset: bytes before this place, inflated.
        within: the place is within a line that is too long.
    """

    device: int
    inode: int
    head: int
    digest: str
    offset: int
    within: bool = False


def open_file(path: Path) -> FileIO:
    """Open what must be a file: of a pipe or a device nobody knows when it ends.

    Raises:
        OSError: it cannot be opened, or is none.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return FileIO(descriptor, "rb")


class OpenLog:
    """A file of log lines that is open; others may rename or delete it.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._raw = open_file(path)
        self.path = path
        self.status = os.fstat(self._raw.fileno())
        self.packed = os.pread(self._raw.fileno(), 2, 0) == _GZIP
        self._inflated = cast("BinaryIO", gzip.GzipFile(fileobj=self._raw)) if self.packed else None
        self._known = self._beginning(0)

    @property
    def identity(self) -> tuple[int, int]:
        """By which it is known while it is only renamed."""
        return self.status.st_dev, self.status.st_ino

    def size(self) -> int:
        """Bytes that it has now."""
        self.status = os.fstat(self._raw.fileno())
        return self.status.st_size

    def read(self, offset: int, size: int) -> bytes:
        """Bytes from an offset on.

        Raises:
            OSError, EOFError, zlib.error: it cannot be read.
        """
        if self._inflated is None:
            return os.pread(self._raw.fileno(), size, offset)
        if self._inflated.tell() != offset:
            self._inflated.seek(offset)
        return self._inflated.read(size)

    def place(self, offset: int, *, within: bool = False) -> Place:
        """A place in it."""
        if self._known[0] < HEAD:
            self._known = self._beginning(HEAD)
        return self.known_place(offset, within=within)

    def known_place(self, offset: int, *, within: bool = False) -> Place:
        """A place in what it was when it was looked at last."""
        return Place(*self.identity, *self._known, offset, within)

    def unchanged(self, offset: int) -> bool:
        """Whether it still is what was read of it, and was not cut and written anew."""
        if self.packed:
            return True
        return self.size() >= offset and self._beginning(self._known[0]) == self._known

    def holds(self, place: Place) -> bool:
        """Whether a place is in this file, or in what it is a copy of."""
        if not place.head:
            return self.identity == (place.device, place.inode)
        if not self.packed and self.size() < place.offset:
            return False
        if self._beginning(place.head) != (place.head, place.digest):
            return False
        self._known = (place.head, place.digest)
        return True

    def close(self) -> None:
        """Free it."""
        self._raw.close()

    def _beginning(self, most: int) -> tuple[int, str]:
        data = self.read(0, most)
        return len(data), hashlib.sha256(data).hexdigest()
