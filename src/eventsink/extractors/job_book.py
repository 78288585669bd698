"""The job file in use: one process has it, one thread works on it, and changes of the same moment share a commit."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from eventsink.causes import remedy, why
from eventsink.durable import GroupCommit
from eventsink.errors import ExchangeUnavailable
from eventsink.extractors import job_file
from eventsink.files import hold

__all__ = ["JobBook"]

T = TypeVar("T")


class JobBook:
    """An open job file.

    Args:
        path: of the file.

    Raises:
        DataDirectoryInUse: another process has it.
        ExchangeUnavailable: it cannot be made or opened here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = hold(path.with_suffix(".lock"))
            connection = job_file.connect(path)
        except (OSError, sqlite3.Error) as error:
            self._let_go()
            raise ExchangeUnavailable(
                f"The file of jobs cannot be opened at {path}: {why(error)}.{remedy(error)}"
            ) from error
        self._commits = GroupCommit(connection)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something with the file, all of it or nothing; durable when this returns.

        Raises:
            ExchangeUnavailable: the disk does not take it, and nothing has changed.
        """
        try:
            outcome: T = await self._commits.call(work)
        except sqlite3.Error as error:
            raise ExchangeUnavailable(f"The file of jobs cannot be used at {self.path}: {why(error)}.") from error
        return outcome

    async def close(self) -> None:
        """Finish what is under way, and let others have the file. Safe to call twice."""
        await self._commits.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1
