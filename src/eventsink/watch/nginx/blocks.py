"""Blocks of whole lines from a file that is read once: plain, compressed with gzip, or a stream."""

import gzip
import io
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from eventsink.causes import why
from eventsink.errors import EventSinkError

__all__ = ["LONGEST_LINE", "Block", "LogFile", "Unreadable", "blocks"]

SIZE = 1 << 19  # less than the longest line, so that no longer one can hide within a block
LONGEST_LINE = 1_000_000  # bytes; NGINX itself takes requests of some kilobytes
_GZIP = b"\x1f\x8b"


class Unreadable(EventSinkError):
    """A log cannot be opened or read on; others may."""


class Block(NamedTuple):
    """Some lines, each with its line feed; and the beginning of a line that was too long, which stood before them."""

    lines: bytes
    too_long: bytes = b""


class LogFile:
    """A log that is read from its beginning to its end.

    Args:
        path: of a file, also one compressed with gzip; `-` is standard input.

    Raises:
        Unreadable: there is none, or it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.name = "standard input" if path == "-" else path
        try:
            self._raw = io.FileIO(0, closefd=False) if path == "-" else io.FileIO(path)
            self._status = os.fstat(self._raw.fileno())
        except FileNotFoundError:
            raise Unreadable(f"There is no file {path}.") from None
        except OSError as error:
            raise Unreadable(f"{path} cannot be read: {why(error)}.") from None
        self._buffered = io.BufferedReader(self._raw, SIZE)

    @property
    def identity(self) -> tuple[int, int] | None:
        """By which the same file is known under another name; None for a stream."""
        is_file = stat.S_ISREG(self._status.st_mode)
        return (self._status.st_dev, self._status.st_ino) if is_file else None

    def blocks(self) -> Iterator[Block]:
        """Its lines.

        Raises:
            Unreadable: it cannot be read on.
        """
        try:
            packed = self._buffered.peek(2)[:2] == _GZIP
            source = gzip.GzipFile(fileobj=self._buffered) if packed else self._buffered
            # Of what is packed each piece by itself, too: a read of many loses all of them at the damage.
            yield from blocks(source.read1 if self.identity is None or packed else source.read)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"{self.name} cannot be read on: {why(error)}. What came before is counted.") from None

    def first_lines(self, count: int) -> list[bytes]:
        """Its first lines, without taking them; none of a stream whose beginning has not come yet."""
        head = self._buffered.peek(SIZE)
        if head[:2] == _GZIP:
            try:
                head = zlib.decompressobj(31).decompress(head, SIZE)
            except zlib.error:
                return []
        return head.split(b"\n")[:-1][:count] or [head]

    def progress(self) -> int:
        """Bytes read so far, of those that the file has on disk."""
        return self._raw.tell() if self.identity else 0

    @property
    def size(self) -> int | None:
        """Bytes that it has on disk; None for a stream."""
        return self._status.st_size if self.identity else None

    def close(self) -> None:
        """Free it."""
        self._raw.close()


def blocks(read: Callable[[int], bytes]) -> Iterator[Block]:
    """The lines of what is read, to its end. The last one may lack its line feed.

    Args:
        read: gives at most so many bytes, and none at the end.
    """
    rest = too_long = b""
    skipping = False
    while data := read(SIZE):
        if skipping:
            _, found, data = data.partition(b"\n")
            skipping = not found
        first = data.find(b"\n")
        if first < 0:
            rest += data
            if len(rest) > LONGEST_LINE:
                too_long, rest, skipping = rest[:1000], b"", True
                yield Block(b"", too_long)
            continue
        if len(rest) + first > LONGEST_LINE:
            yield Block(b"", rest[:1000] or data[:1000])
            rest, data = b"", data[first + 1 :]
        cut = data.rfind(b"\n") + 1
        if cut:
            yield Block(rest + data[:cut])
            rest = b""
        rest += data[cut:]
    if rest:
        yield Block(rest + b"\n")
