"""The files of the store, one a month of event time, and what is known of each.

Only those that somebody needs are open; every file is opened once at the start, one after the other, which brings it up
to date and says how far it reaches. A file that cannot be read is set aside, with nothing of it deleted, and the store
goes on without it. The thread of the writer and those of questions use it; the latter go through `gate` during one.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import structlog

from eventsink.errors import StoreUnavailable
from eventsink.store import salvage, schema
from eventsink.store.batch import Chunk
from eventsink.store.extent import Extent
from eventsink.store.gate import Gate
from eventsink.store.month_names import SHARED, home_of, month_before, month_of, this_month
from eventsink.store.open_files import OpenFiles, catalog, on_month
from eventsink.store.remedies import first_line

__all__ = ["MOST_DIRTY", "Months"]

MOST_DIRTY = 8  # files with a WAL, which stay open; fewer than may be open, or questions would find no room

_log = structlog.get_logger(__name__)
_FILE = re.compile(r"events-(\d{4}-\d{2})\.duckdb")


class Months:
    """The files of one folder. Make it, then `open` it.

    Args:
        path: the folder; only one process at a time may have it.
        memory: what DuckDB may use, as "64MB".
        threads: that it may use.
    """

    def __init__(self, path: Path, memory: str, threads: int = 1) -> None:
        self.path = path
        self.files = OpenFiles(path, memory, threads)
        self.set_aside: list[str] = []
        self.gate = Gate()
        self._extents: dict[str, Extent] = {}  # of every file
        self._lock = -1

    @property
    def extents(self) -> dict[str, Extent]:
        """How far each file reaches: a copy, because either thread may change it."""
        return self._extents.copy()

    @property
    def names(self) -> list[str]:
        """The months that have a file, in order."""
        return sorted(self.extents)

    @property
    def last_seq(self) -> int:
        """The highest number in any file."""
        return max((extent.last_seq for extent in self.extents.values()), default=0)

    # --- opening and closing -----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Take the folder and look at every file in it.

        Raises:
            StoreUnavailable: another process has it, or a file is of a later version.
            OSError, duckdb.Error: it cannot be opened here.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if self._lock < 0:
            self._lock = _lock(self.path / "lock")
        shutil.rmtree(self.path / "tmp", ignore_errors=True)
        self._extents = {}
        try:
            self.files.connect()
            self._look_at(self._found())
        except BaseException:
            self.files.disconnect()
            raise

    def reopen(self) -> None:
        """Close and open everything: what makes DuckDB sound again after it failed to write.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: as `open`; then call it again later.
        """
        with self.gate.alone():
            self.files.disconnect()
            self.open()

    def close(self) -> None:
        """Close everything and let others have the folder."""
        with self.gate.alone():
            self.files.disconnect()
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    def _found(self) -> list[str]:
        found = (_FILE.fullmatch(file.name) for file in self.path.iterdir())
        return sorted(match[1] for match in found if match)

    def _look_at(self, months: Iterable[str]) -> None:
        """Open each once. A crash can have left more WALs than may stay: those are written into their files now."""
        dirty = 0
        for month in months:
            with self.using(month):
                dirty += bool(self.files.wal_size(month))
                if dirty > MOST_DIRTY:
                    self.files.opener.execute(on_month(month, "checkpoint"))
                    dirty -= 1

    # --- files -------------------------------------------------------------------------------------------------------

    @contextmanager
    def using(self, month: str) -> Iterator[None]:
        """Have the file of a month open, made if it is not there.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: it cannot be opened.
        """
        with self.files.changing:
            if month not in self.files:
                self._open(month)
            self.files.hold(month)
        try:
            yield
        finally:
            self.files.release(month)

    def home(self, month: str) -> str:
        """The file for new events of a month."""
        return home_of(month, self._extents, this_month())

    def near(self, months: Iterable[str]) -> list[str]:
        """The files that may have events of these months or of those next to them."""
        around = {near for month in months for near in (month_before(month), month, month_before(month, -1))}
        first, last = min(around), max(around)
        return [
            name
            for name, extent in self.extents.items()
            if name in around
            or (name in SHARED and extent.first and month_of(extent.first) <= last and self._latest(name) >= first)
        ]

    def grew(self, month: str, chunk: Chunk) -> None:
        """Take down that events were added to a file."""
        self._extents[month] = self._extents[month].grown(chunk)

    def put_aside(self, month: str, error: duckdb.Error) -> None:
        """Go on without a file that turned out to be damaged."""
        with self.gate.alone():
            self.files.disconnect()
            self._rename(salvage.parts(self.files.file(month)), error)
            self.open()

    def remove_before(self, month: str) -> None:
        """Delete the files of all months before this one, unless a query is running: then the next call does it.

        A file of many months stays until its latest event is too old: kept longer than asked for, never shorter.
        """
        old = [name for name in self.names if self._latest(name) < month]
        if not old:
            return
        with self.gate.alone_at_once() as alone:
            for name in old if alone else ():
                self.files.detach(name)
                salvage.delete(self.files.file(name))
                del self._extents[name]
                _log.info("store.month_removed", month=name)

    def size(self) -> int:
        """Bytes of all files and their WALs, with what is made of them."""
        total = 0
        for file in (*map(self.files.file, self.names), self.path / "facts.duckdb"):
            for part in salvage.parts(file):
                with suppress(FileNotFoundError):  # a WAL goes when it has been written into its file
                    total += part.stat().st_size
        return total

    def _latest(self, name: str) -> str:
        last = self._extents[name].last
        return month_of(last) if name in SHARED and last else name

    def _open(self, month: str) -> None:
        try:
            self._attach(month)
        except duckdb.Error as error:
            if not salvage.is_damage(error) and not isinstance(error, duckdb.InternalException | duckdb.FatalException):
                raise
            self._attach_damaged(month, error)

    def _attach(self, month: str, *, changed: bool = False) -> None:
        file = self.files.file(month)
        if file.exists() and not file.stat().st_size:  # killed as it was made
            file.unlink()
        new = not salvage.parts(file)
        salvage.check_wal(file)
        try:
            self.files.attach(month)
            try:
                if new or changed or month not in self._extents:
                    schema.prepare(self.files.opener, catalog(month))
                    ((*row,),) = self.files.opener.execute(on_month(month, "extent")).fetchall()
                    self._extents[month] = Extent.of_row(*row)
            except BaseException:
                self.files.detach(month)
                raise
        except BaseException:
            if new:  # the disk is full: half a file would look damaged
                salvage.delete(file)
            raise

    # --- damage ------------------------------------------------------------------------------------------------------

    def _attach_damaged(self, month: str, error: duckdb.Error) -> None:
        file = self.files.file(month)
        try:
            if salvage.parts(file, beside=True):
                self._attach_without_damage(month, error)
                return
        except duckdb.Error as again:
            if not salvage.is_damage(again):
                raise
            error = again
        self._rename(salvage.parts(file), error)
        self._attach(month, changed=True)

    def _attach_without_damage(self, month: str, error: duckdb.Error) -> None:
        """Attach a file with what of its WAL is sound, or else with none of it."""
        wal = salvage.wal_of(self.files.file(month))
        size = salvage.sound_bytes(error) if wal.exists() else 0
        aside = self._rename(salvage.parts(self.files.file(month), beside=True), error)
        if size:
            salvage.keep_beginning(aside[0], wal, size)
            try:
                self._attach(month, changed=True)
                return
            except duckdb.Error:  # then without
                wal.unlink(missing_ok=True)
        self._attach(month, changed=True)

    def _rename(self, damaged: list[Path], error: duckdb.Error) -> list[Path]:
        aside = salvage.rename(damaged)
        self.set_aside += [str(part) for part in aside]
        _log.error("store.damaged", reason=first_line(error), set_aside=[part.name for part in aside])
        return aside


def _lock(path: Path) -> int:
    """Hold a lock file for as long as it is open.

    DuckDB locks each file, but a folder may have none yet, and within one process its locks do not hold.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreUnavailable(f"Another event sink has the store in {path.parent}: stop it.") from None
    return descriptor
