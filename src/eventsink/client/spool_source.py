"""Events that wait in a spool, as a source: of a sink, a monitor or a program that is not there any more.

They are read, and stay where they are. Each has its id and time, so what is sent twice is the same event.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from eventsink.client.source import Mark, Piece, Unreadable
from eventsink.files import spool_rows

__all__ = ["SpoolSource"]

AT_ONCE = 4 << 20  # bytes


class SpoolSource:
    """An SQLite file with events in groups.

    Args:
        path: of the file.

    Raises:
        Unreadable: it is no spool of events.
    """

    unit = "event"
    grows = False
    file: os.stat_result | None = None  # nothing need be noted of how far it was sent

    def __init__(self, path: str) -> None:
        self.name = path
        self._read = 0
        try:
            self._rows = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            with contextlib.closing(self._rows.cursor()) as cursor:
                first = cursor.execute("SELECT lines FROM spool ORDER BY id LIMIT 1").fetchone()
        except sqlite3.Error as error:
            raise Unreadable(f"{path} is no spool of events: {error}.") from None
        if first and not bytes(first[0]).startswith(b"{"):
            self._rows.close()
            raise Unreadable(f"{path} is a spool, but not of events.")

    def pieces(self, start: Mark) -> Iterator[Piece | None]:
        """The events after a mark.

        Raises:
            Unreadable: the disk has destroyed some; the others were given.
        """
        number, lost = 0, 0
        try:
            for group in self._groups():
                if group.packed is None:
                    lost += group.items
                    continue
                self._read += group.size
                for line in group.packed.split(b"\n"):
                    number += 1
                    if number > start.number:
                        yield Piece(line, number - 1, Mark(number, number))
        except sqlite3.Error as error:
            raise Unreadable(f"{self.name} cannot be read on: {error}. What came before was sent.") from None
        if lost:
            raise Unreadable(f"{self.name} is damaged: {lost:,} events are lost. All others were sent.")

    def before(self, position: int) -> bytes:
        """Nothing: it is never gone on with."""
        return b""

    def progress(self) -> int:
        """Bytes of events read so far."""
        return self._read

    def close(self) -> None:
        """Free it."""
        self._rows.close()

    def _groups(self) -> Iterator[spool_rows.Group]:
        """All that are there at the begin, some megabytes at a time: whoever writes the file is not held up."""
        after, last = 0, spool_rows.totals(self._rows).last
        while found := list(spool_rows.groups(self._rows, after, last, AT_ONCE)):
            yield from found
            after = found[-1].id
