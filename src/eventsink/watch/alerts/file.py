"""The file of alerts: their states, what is to be told, silences and what operators write.

One thread has it, and each change is one commit on disk: after kill -9 a transition and its notices are both there, or
neither is, and then it is found again.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from eventsink.causes import remedy, why
from eventsink.errors import StoreUnavailable
from eventsink.files import hold, open_sound

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
        self._lock = -1
        self._thread = ThreadPoolExecutor(1, "alerts")
        try:
            self._lock = hold(path.with_suffix(".lock"))
            self._connection = open_sound(path, partial(_prepare, schema=schema), _say_damaged)
            status = path.stat()
            self._identity = status.st_dev, status.st_ino
        except (sqlite3.Error, OSError) as error:
            if self._lock >= 0:
                os.close(self._lock)
            raise StoreUnavailable(
                f"The file of alerts cannot be opened at {path}: {why(error)}.{remedy(error)}"
            ) from error

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


def _prepare(connection: sqlite3.Connection, schema: str) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(schema)


def _say_damaged(reason: str, aside: Path) -> None:
    _log.error("alerts.damaged", reason=reason, set_aside=str(aside))
