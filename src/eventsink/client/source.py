"""What events are read from: a file, a stream, or a spool."""

import os
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from eventsink.errors import EventSinkError

__all__ = ["LONGEST_LINE", "Mark", "Piece", "Source", "Unreadable"]

LONGEST_LINE = 32 << 20


class Unreadable(EventSinkError):
    """A source cannot be opened or read on; others may."""


class Mark(NamedTuple):
    """A place in a source.

    Args:
        position: what lies before it: bytes of a file of lines (inflated), values of one that is read as a whole.
        number: of the last line or value before it, from 1, as an editor counts lines.
    """

    position: int = 0
    number: int = 0


class Piece(NamedTuple):
    """One event as it was written, on one line; empty if it was longer than `LONGEST_LINE`."""

    line: bytes
    start: int
    end: Mark


class Source(Protocol):
    """Something that events are read from.

    Args:
        name: for people.
        unit: what its numbers count, `line` or `value`; empty where there is nothing to count.
        file: what the disk says about it, if it can be read again from the same place.
        grows: whether what is added to it later comes after what is there.
    """

    name: str
    unit: str
    file: os.stat_result | None
    grows: bool

    def pieces(self, start: Mark) -> Iterator[Piece | None]:
        """The events after a mark. None: no more for the moment.

        Raises:
            Unreadable: it cannot be read on.
        """

    def before(self, position: int) -> bytes:
        """Some bytes before a position, by which to know it again."""

    def progress(self) -> int:
        """Bytes read so far, of those that the file has on disk."""

    def close(self) -> None:
        """Free it."""
