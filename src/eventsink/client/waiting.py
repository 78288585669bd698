"""Where events of a program wait until a sink has them: a spool on disk, and memory while there is no disk.

Each process writes a file of its own and holds its lock as long as it lives. What a process has left behind, because it
ended while the sink was away or was killed, is taken over by the next one that reports to the same sink.
"""

import contextlib
import os
import sqlite3
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from eventsink.causes import why
from eventsink.client.tallies import Tallies
from eventsink.errors import DataDirectoryInUse
from eventsink.files import Room, hold, spool_rows

__all__ = ["Piece", "Waiting"]

MOST_MEMORY = 16 << 20  # bytes that wait in memory while there is no disk
BEFORE_AGAIN = 100  # groups that go to memory before the disk is tried again
TAKEN_AT_ONCE = 8  # files of other processes: each takes three descriptors of the program
COUNTED_WITHIN = 0.2  # seconds that whoever asks how many wait is held up at most
FOREIGN_LOCK = 500  # milliseconds that somebody else may lock a file, before events go elsewhere


class Piece(NamedTuple):
    """Some events, one a line.

    Args:
        where: -1 for memory, else which file.
        number: of the row.
    """

    where: int
    number: int
    events: int
    lines: bytes


class _File:
    """An open file of events.

    Args:
        path: of it; its lock is held.
        lock: descriptor of the lock.
        damaged: is told what was damaged.

    Raises:
        OSError, sqlite3.Error: it cannot be opened.
    """

    def __init__(self, path: Path, lock: int, damaged: Callable[[str, Path, int], None]) -> None:
        self.path = path
        self.lock = lock
        self.connection = spool_rows.open_spool(path, damaged, synchronous="OFF")
        self.connection.execute(f"PRAGMA busy_timeout={FOREIGN_LOCK}")
        self.size = spool_rows.totals(self.connection).size
        """Bytes of events that were in it when it was opened."""
        self._room = Room(path)
        self._done: dict[int, int] = {}  # events of rows that are done, and cannot be taken out yet: the disk is full
        self._lost: set[int] = set()  # rows that are damaged, likewise

    def add(self, events: int, lines: bytes) -> None:
        """Add a row. It is refused while there would be no room for taking it out again.

        Raises:
            sqlite3.Error: it is not there.
        """
        self._room.check(len(lines))
        spool_rows.add(self.connection, [(events, lines)])

    def rows(self, at_once: int) -> Iterator[spool_rows.Group]:
        """The first rows that are not done; rows are done in their order.

        Raises:
            sqlite3.Error: it cannot be read.
        """
        return spool_rows.groups(self.connection, max(self._done, default=0), 2**62, at_once)

    def done(self, rows: Mapping[int, int]) -> None:
        """Take rows out: of each, its number and how many events. They do not come again, whether that works or not.

        Raises:
            sqlite3.Error: it does not yet.
        """
        self._done |= rows
        spool_rows.remove(self.connection, self._done)
        self._done.clear()

    def lose(self, row: int) -> bool:
        """Take out a row that is damaged; gives whether that was not known yet."""
        known = row in self._lost
        self._lost.add(row)
        with contextlib.suppress(sqlite3.Error):  # it is passed over, then
            spool_rows.remove(self.connection, [row])
        return not known

    @property
    def is_gone(self) -> bool:
        """Whether somebody has removed it, or moved it away: no other process finds what is in it."""
        return self._room.is_gone

    @property
    def events(self) -> int:
        """How many wait in it.

        Raises:
            sqlite3.Error: it cannot be read.
        """
        return spool_rows.totals(self.connection).items - sum(self._done.values())


class Waiting:
    """What waits, in order.

    Args:
        folder: of the files; None keeps all in memory.
        most: bytes on disk, at most.
        tallies: is told what is lost.
    """

    def __init__(self, folder: Path | None, most: int, tallies: Tallies) -> None:
        self._folder = folder
        self._most = most
        self._tallies = tallies
        self._lock = threading.RLock()
        self._taking = threading.RLock()  # while files of others are opened
        self._files: list[_File] = []  # those that were left behind first, and our own
        self._own: _File | None = None
        self._memory: deque[Piece] = deque()
        self._in_memory = 0
        self._on_disk = 0
        self._counted = 0  # the last time that could be looked at
        self._numbers = 0
        self._tries = 0
        self._closed = False
        self.has_more = False
        """Whether others may have left behind more than was taken over."""

    def add(self, events: int, lines: bytes) -> None:
        """Add events. On disk they are when this returns, if there is one that takes them."""
        with self._lock:
            if self._folder is not None and self._add_to_disk(events, lines):
                return
            if self._in_memory + len(lines) > MOST_MEMORY:
                self._tallies.drop("disk", events)
                return
            self._numbers += 1
            self._memory.append(Piece(-1, self._numbers, events, lines))
            self._in_memory += len(lines)

    def next(self, at_once: int) -> list[Piece]:
        """The next events, about so many bytes; they wait on until they are done. What is damaged is left out."""
        with self._lock:
            found = self._of_files(at_once)
            size = sum(len(piece.lines) for piece in found)
            for piece in self._memory:
                if size >= at_once:
                    break
                found.append(piece)
                size += len(piece.lines)
            return found

    def done(self, pieces: Sequence[Piece]) -> None:
        """Take out what the sink has."""
        with self._lock:
            gone = {piece.number for piece in pieces if piece.where < 0}
            while self._memory and self._memory[0].number in gone:
                self._in_memory -= len(self._memory.popleft().lines)
            for where, file in enumerate(self._files):
                rows = {piece.number: piece.events for piece in pieces if piece.where == where}
                if rows and not self._closed:
                    self._take_out(file, rows)
            self._on_disk -= sum(len(piece.lines) for piece in pieces if piece.where >= 0)

    def take_over(self) -> int:
        """Take over some of what other processes have left behind; gives how many files. What is empty is removed.

        It is for one thread. Files are opened while others may add events: one that is damaged takes its time.
        """
        with self._lock:
            if self._folder is None or self._closed:
                return 0
            self._files = [file for file in self._files if file is self._own or not self._let_go(file)]
            known = {file.path for file in self._files}
            room = TAKEN_AT_ONCE - sum(file is not self._own for file in self._files)
        try:
            found = sorted(path for path in self._folder.glob("*.db") if path not in known)
        except OSError:
            return 0
        taken = list(islice(filter(None, map(self._take_alone, found)), max(room, 0)))
        self.has_more = len(taken) >= room
        with self._lock:
            for file in taken:
                self._on_disk += file.size
            if self._closed:
                for file in taken:
                    self._let_go(file, ending=True)
                return 0
            self._files = [*taken, *self._files]
        return len(taken)

    def _take_alone(self, path: Path) -> _File | None:
        with self._taking:
            return self._take(path)

    @property
    def where(self) -> str:
        """Where it is, for a person, after a verb."""
        return f" in {self._folder}" if self._folder else ""

    @property
    def events(self) -> int:
        """How many wait, as far as this process has taken them over; while a disk hangs, how many there were."""
        if not self._lock.acquire(timeout=COUNTED_WITHIN):
            return self._counted
        try:
            self._counted = self._count()
        finally:
            self._lock.release()
        return self._counted

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, as far as this process has taken it over."""
        return not self.next(1)

    @property
    def in_memory(self) -> int:
        """How many wait in memory alone; no disk is asked for it."""
        return sum(piece.events for piece in tuple(self._memory))

    @property
    def is_on_disk(self) -> bool:
        """Whether nothing waits in memory alone."""
        return not self._memory

    def close(self) -> None:
        """Let others have the files. What waits in memory is lost."""
        with self._lock:
            if self._closed:
                return
            for file in [file for file in self._files if file.is_gone]:
                self._make_again(file)
            self._bring_memory_to_disk()
            for file in self._files:
                self._let_go(file, ending=True)
            self._files = []
            self._closed = True
            lost = sum(piece.events for piece in self._memory)
            self._memory.clear()
            if lost:
                self._tallies.drop("disk" if self._folder else "closed", lost)

    @property
    def locks(self) -> tuple[threading.RLock, threading.RLock]:
        """Who has them, in this order, knows that no other thread is within SQLite.

        A child by fork has for ever what SQLite is about just then.
        """
        return self._taking, self._lock

    def is_free(self, seconds: float) -> bool:
        """Whether no other thread is at it, within some time: while a disk hangs one is for ever."""
        found = self._lock.acquire(timeout=max(seconds, 0.0))
        if found:
            self._lock.release()
        return found

    def leave(self) -> list[object]:
        """In a child: have nothing to do with what the parent has open; gives what must never be closed here."""
        kept: list[object] = [file.connection for file in self._files]
        for file in self._files:
            with contextlib.suppress(OSError):
                os.close(file.lock)
        self._files = []
        return kept

    # --- how ---------------------------------------------------------------------------------------------------------

    def _count(self) -> int:
        waiting = self.in_memory
        for file in self._files if not self._closed else ():
            try:
                waiting += file.events
            except sqlite3.Error:  # what cannot be read is not known
                continue
        return waiting

    def _add_to_disk(self, events: int, lines: bytes) -> bool:
        if self._closed or self._on_disk + len(lines) > self._most:
            return False
        if self._own is None:
            if self._tries % BEFORE_AGAIN:
                self._tries += 1
                return False
            self._own = self._open_own()
            self._tries += 1
            if self._own is None:
                return False
        try:
            self._own.add(events, lines)
        except sqlite3.Error as error:
            self._tallies.say(
                "spool", f"Events cannot be written to {self._own.path}: {why(error)}. They wait in memory."
            )
            if self._own.is_gone:  # what is in it is sent, and another one is made
                self._own, self._tries = None, 0
            return False
        self._on_disk += len(lines)
        return True

    def _make_again(self, file: _File) -> None:
        """At the end: what is in a file that is gone waits in another one, if the disk takes it.

        It stays where it is, too: a file that was moved away may be sent by hand, and they are the same events.
        """
        if file is self._own:
            self._own, self._tries = None, 0
        try:
            for group in file.rows(2**62):
                self._on_disk -= group.size
                if group.packed is not None:
                    self.add(group.items, group.packed)
                elif file.lose(group.id):
                    self._tallies.drop("damaged", group.items)
        except (sqlite3.Error, TypeError, ValueError) as error:
            self._tallies.say("spool", f"What is left in {file.path}, which is gone, is lost: {why(error)}.")

    def _bring_memory_to_disk(self) -> None:
        """At the end: what had to wait in memory waits on disk if it can by now; if need be in another file."""
        self._tries = 0
        for last in (False, True):
            while self._memory and self._folder is not None:
                piece = self._memory[0]
                if not self._add_to_disk(piece.events, piece.lines):
                    break
                self._memory.popleft()
            if self._memory and not last:
                self._own, self._tries = None, 0

    def _open_own(self) -> _File | None:
        assert self._folder is not None  # noqa: S101 - who calls this has looked
        path = self._folder / f"{uuid.uuid4().hex}.db"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = hold(path.with_suffix(".lock"))
        except (OSError, DataDirectoryInUse) as error:
            _remove(path)
            self._say_no_disk(error)
            return None
        try:
            file = _File(path, lock, self._say_damaged)
        except (OSError, sqlite3.Error) as error:
            _remove(path)  # on a full disk each attempt would leave something
            os.close(lock)
            self._say_no_disk(error)
            return None
        self._files.append(file)
        return file

    def _take(self, path: Path) -> _File | None:
        """Take over a file, if nobody has it."""
        try:
            lock = hold(path.with_suffix(".lock"))
        except (OSError, DataDirectoryInUse):  # its process lives
            return None
        if not path.exists():  # another one was faster
            _remove(path)
            os.close(lock)
            return None
        try:
            return _File(path, lock, self._say_damaged)
        except (OSError, sqlite3.Error):
            os.close(lock)
            return None

    def _of_files(self, at_once: int) -> list[Piece]:
        found: list[Piece] = []
        size = 0
        for where, file in enumerate(self._files if not self._closed else ()):
            try:
                for group in list(file.rows(at_once - size)):
                    if group.packed is None:
                        if file.lose(group.id):
                            self._tallies.drop("damaged", group.items)
                            self._on_disk -= group.size
                        continue
                    found.append(Piece(where, group.id, group.items, group.packed))
                    size += group.size
            except (sqlite3.Error, TypeError, ValueError) as error:  # damaged, or of another kind
                self._tallies.say("spool", f"Events that wait in {file.path} cannot be read: {why(error)}.")
            if size >= at_once:
                break
        return found

    def _take_out(self, file: _File, rows: Mapping[int, int]) -> None:
        try:
            file.done(rows)
        except sqlite3.Error as error:  # the next process may send them once more, and they are the same events
            self._tallies.say("spool", f"What is done cannot be taken out of {file.path}: {why(error)}.")

    def _let_go(self, file: _File, *, ending: bool = False) -> bool:
        """Close a file that is empty, and remove it; when this process ends, close it in any case."""
        try:
            empty = not file.events
        except sqlite3.Error:
            empty = False
        if not (empty or ending):
            return False
        file.connection.close()
        if empty and not file.is_gone:  # or it would be another one of this name
            _remove(file.path)
        os.close(file.lock)
        return True

    def _say_no_disk(self, error: Exception) -> None:
        sentence = f"Events cannot wait on disk in {self._folder}: {why(error)}. They wait in memory."
        self._tallies.say("spool", f"{sentence} Name another folder with spool=….")

    def _say_damaged(self, reason: str, aside: Path, kept: int) -> None:
        sentence = f"A file of events that waited was damaged ({reason}); {kept} groups were kept. See {aside}."
        self._tallies.say("damaged", sentence)


def _remove(path: Path) -> None:
    """Remove a file of events, and all that belongs to it; its lock is held.

    SQLite leaves its log behind in a child by fork, where it takes the file of the parent for one that is still open.
    """
    with contextlib.suppress(OSError):  # a disk that became read-only: the next process finds it empty
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.stem}.lock"):
            path.with_name(name).unlink(missing_ok=True)
