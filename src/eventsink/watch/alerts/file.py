"""The file of alerts: their states, what is to be told, silences and what operators write.

One thread has it, and each change is one commit on disk: after kill -9 a transition and its notices are both there, or
neither is, and then it is found again.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog

from eventsink.causes import why
from eventsink.errors import StoreUnavailable
from eventsink.files import hold, set_aside

__all__ = ["AlertFile"]

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class AlertFile:
    """Owns the connection.

    Args:
        path: of the file, made where there is none. A damaged one is set aside.
        schema: statements that make what is missing in it.

    Raises:
        DataDirectoryInUse: another process has it.
        StoreUnavailable: it cannot be opened.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._lock = hold(path.with_suffix(".lock"))
        self._thread = ThreadPoolExecutor(1, "alerts")
        try:
            self._connection = _open_or_set_aside(path, schema)
            status = path.stat()
            self._identity = status.st_dev, status.st_ino
        except (sqlite3.Error, OSError) as error:
            os.close(self._lock)
            raise StoreUnavailable(f"The file of alerts cannot be opened at {path}: {why(error)}.") from error

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something in one commit; what it returns comes when that is durable. If it raises, nothing was done.

        Raises:
            StoreUnavailable: the file cannot be read or written.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, work)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"The file of alerts cannot be used at {self._path}: {why(error)}.") from error

    def _commit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._check_place()
        self._connection.execute("BEGIN")
        try:
            outcome = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise
        return outcome

    def _check_place(self) -> None:
        """What is written to a file that was deleted or replaced would be found by nobody.

        Raises:
            OSError: it is not in its place.
        """
        status = self._path.stat()
        if (status.st_dev, status.st_ino) != self._identity:
            raise FileNotFoundError(2, "it is another file than the one that was opened: restart the event sink")

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        if self._lock < 0:
            return
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()
        os.close(self._lock)
        self._lock = -1


def _open_or_set_aside(path: Path, schema: str) -> sqlite3.Connection:
    path.touch(mode=0o600)
    try:
        return _open(path, schema)
    except sqlite3.OperationalError:  # the disk is full, or it may not be written
        raise
    except sqlite3.DatabaseError as error:
        aside = set_aside(path)
        _log.error("alerts.damaged", reason=str(error), set_aside=str(aside))
        path.touch(mode=0o600)
        return _open(path, schema)


def _open(path: Path, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(schema)
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("its check found damage")
    except BaseException:
        connection.close()
        raise
    return connection
