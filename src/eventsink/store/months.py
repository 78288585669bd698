"""The files of the store, one a month of event time, attached to one DuckDB in memory.

A file that cannot be read is set aside, with nothing of it deleted, and the store goes on without it. All methods run
on the writer's thread; a reader holds `reading` while it uses `reader`.
"""

import fcntl
import os
import re
import shutil
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import structlog

from eventsink.errors import StoreUnavailable
from eventsink.store import salvage, schema
from eventsink.store.sql import statement

__all__ = ["Months", "first_line", "month_before", "month_of"]

FIRST, LAST = "1999-12", "2100-01"  # stand for all before and after: a wild clock must not make a thousand files

_log = structlog.get_logger(__name__)
_FILE = re.compile(r"events-(\d{4}-\d{2})\.duckdb")


def month_of(time: datetime) -> str:
    """The month whose file holds events of a time."""
    time = time.astimezone(UTC)
    return min(max(f"{time.year:04}-{time.month:02}", FIRST), LAST)


def month_before(month: str, count: int = 1) -> str:
    """The month `count` months before; after, when it is negative."""
    months = int(month[:4]) * 12 + int(month[5:]) - 1 - count
    return f"{months // 12:04}-{months % 12 + 1:02}"


class Months:
    """The files of one folder. Make it, then `open` it.

    Args:
        path: the folder; only one process at a time may have it.
        memory: what DuckDB may use, as "64MB".
    """

    def __init__(self, path: Path, memory: str) -> None:
        self.path = path
        self.memory = memory
        self.names: tuple[str, ...] = ()
        self.last_seq = 0  # the highest number seen in a file as it was attached
        self.set_aside: list[str] = []
        self.reading = threading.Lock()
        self._lock = -1
        self._connections: list[duckdb.DuckDBPyConnection] = []

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The writer's connection."""
        return self._connection(0)

    @property
    def reader(self) -> duckdb.DuckDBPyConnection:
        """The reader's connection."""
        return self._connection(1)

    def _connection(self, number: int) -> duckdb.DuckDBPyConnection:
        if not self._connections:
            raise StoreUnavailable(f"The store in {self.path} is not open; the log says why.")
        return self._connections[number]

    # --- opening and closing -----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Take the folder and attach every file in it.

        Raises:
            StoreUnavailable: another process has it, or a file is of a later version.
            OSError, duckdb.Error: it cannot be opened here.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if self._lock < 0:
            self._lock = _lock(self.path / "lock")
        temporary = self.path / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": 1,
            "memory_limit": self.memory,
            "temp_directory": str(temporary),
            "storage_compatibility_version": "v1.5.0",
            "wal_autocheckpoint": "1GB",  # the writer does it at better moments
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        connection = duckdb.connect(":memory:", config=settings)
        self._connections = [connection, connection.cursor()]
        try:
            connection.execute(statement("event_key"))
            for month in self._found():
                self.add(month)
        except BaseException:
            self._disconnect()
            raise

    def reopen(self) -> None:
        """Close and open everything: what makes DuckDB sound again after it failed to write.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: as `open`; then call it again later.
        """
        with self.reading:
            self._disconnect()
            self.open()

    def close(self) -> None:
        """Detach everything and let others have the folder."""
        with self.reading:
            self._disconnect()
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    def interrupt(self) -> None:
        """Break off the query that is running, if any; called on any thread."""
        for reader in self._connections[1:]:
            reader.interrupt()

    def _disconnect(self) -> None:
        self.names = ()
        while self._connections:
            self._connections.pop().close()

    # --- files -------------------------------------------------------------------------------------------------------

    def file(self, month: str) -> Path:
        """The file of a month."""
        return self.path / f"events-{month}.duckdb"

    def size(self) -> int:
        """Bytes of all files and their WALs."""
        return sum(part.stat().st_size for month in self.names for part in salvage.parts(self.file(month)))

    def wal_size(self, month: str) -> int:
        """Bytes of what has not been written into the file of a month itself."""
        return sum(part.stat().st_size for part in salvage.parts(self.file(month), beside=True))

    def add(self, month: str) -> None:
        """Attach the file of a month, or make it."""
        try:
            self._attach(month)
        except duckdb.Error as error:
            if not salvage.is_damage(error) and not isinstance(error, duckdb.InternalException | duckdb.FatalException):
                raise
            self._attach_damaged(month, error)
        self.names = tuple(sorted({*self.names, month}))

    def put_aside(self, month: str, error: duckdb.Error) -> None:
        """Go on without a file that turned out to be damaged."""
        with self.reading:
            self._disconnect()
            self._rename(salvage.parts(self.file(month)), error)
            self.open()

    def remove_before(self, month: str) -> None:
        """Delete the files of all months before this one, unless a query is running: then the next call does it."""
        if min(self.names, default=month) < month and self.reading.acquire(blocking=False):
            try:
                for old in [name for name in self.names if name < month]:
                    self.names = tuple(name for name in self.names if name != old)
                    self.connection.execute(self.one(old, "detach"))
                    salvage.delete(self.file(old))
                    _log.info("store.month_removed", month=old)
            finally:
                self.reading.release()

    def _found(self) -> list[str]:
        found = (_FILE.fullmatch(file.name) for file in self.path.iterdir())
        return sorted(match[1] for match in found if match)

    def _attach(self, month: str) -> None:
        file = self.file(month)
        if file.exists() and not file.stat().st_size:  # killed as it was made
            file.unlink()
        new = not salvage.parts(file)
        salvage.check_wal(file)
        try:
            self.connection.execute(self.one(month, "attach", file=str(file).replace("'", "''")))
            try:
                schema.prepare(self.connection, _catalog(month))
                ((last_seq,),) = self.connection.execute(self.one(month, "last_seq")).fetchall()
                self.last_seq = max(self.last_seq, last_seq or 0)
            except BaseException:
                self.connection.execute(self.one(month, "detach"))
                raise
        except BaseException:
            if new:  # the disk is full: half a file would look damaged
                salvage.delete(file)
            raise

    def _attach_damaged(self, month: str, error: duckdb.Error) -> None:
        file = self.file(month)
        try:
            if salvage.parts(file, beside=True):
                self._attach_without_damage(month, error)
                return
        except duckdb.Error as again:
            if not salvage.is_damage(again):
                raise
            error = again
        self._rename(salvage.parts(file), error)
        self._attach(month)

    def _attach_without_damage(self, month: str, error: duckdb.Error) -> None:
        """Attach a file with what of its WAL is sound, or else with none of it."""
        wal = salvage.wal_of(self.file(month))
        size = salvage.sound_bytes(error) if wal.exists() else 0
        aside = self._rename(salvage.parts(self.file(month), beside=True), error)
        if size:
            salvage.keep_beginning(aside[0], wal, size)
            try:
                self._attach(month)
                return
            except duckdb.Error:  # then without
                wal.unlink(missing_ok=True)
        self._attach(month)

    def _rename(self, damaged: list[Path], error: duckdb.Error) -> list[Path]:
        aside = salvage.rename(damaged)
        self.set_aside += [str(part) for part in aside]
        _log.error("store.damaged", reason=first_line(error), set_aside=[part.name for part in aside])
        return aside

    # --- statements over several months ------------------------------------------------------------------------------

    def within(self, since: datetime | None, until: datetime | None) -> list[str]:
        """The months that hold events of a span of time."""
        first = month_of(since) if since else FIRST
        last = month_of(until) if until else LAST
        return [month for month in self.names if first <= month <= last]

    def each(self, months: Iterable[str], name: str, **parts: str) -> str:
        """The statement of a file for each of some months, all as one."""
        return " UNION ALL BY NAME ".join(f"({self.one(month, name, **parts)})" for month in months)

    def one(self, month: str, name: str, **parts: str) -> str:
        """The statement of a file for one month."""
        return statement(name, month=_catalog(month), **parts)


def _catalog(month: str) -> str:
    return f'"events-{month}"'


def first_line(error: Exception) -> str:
    """What an error says, without the hints that DuckDB adds."""
    return str(error).partition("\n")[0]


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
