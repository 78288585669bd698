"""Spools that a front door left behind: it was answered with 202 what is in them, and then started on another port.

In: a data directory. Out: what lies there and nobody has, forwarded, and removed when it is empty.
"""

import asyncio
import os
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import structlog

from eventsink.causes import why
from eventsink.durable import Spooler
from eventsink.errors import DataDirectoryInUse, ExchangeUnavailable
from eventsink.event import Event
from eventsink.exchange.spooled import open_spool
from eventsink.files import hold

__all__ = ["Inherited", "left_behind"]

EVERY = 0.5  # seconds between two looks whether all is forwarded
_OF_A_PORT = re.compile(r"spool-\d+\.db")  # which a front door there may open again at any time

_log = structlog.get_logger(__name__)
Publish = Callable[[Sequence[Event]], Awaitable[None]]


class Inherited:
    """Forwards what was left behind in a data directory. Make it with `take`."""

    def __init__(self, publish: Publish, paths: Sequence[Path]) -> None:
        self._spoolers = {}
        for path in paths:
            try:
                file = open_spool(path)
            except (DataDirectoryInUse, ExchangeUnavailable) as error:  # another process was faster, or it is damaged
                _log.warning("spool.not_inherited", path=str(path), reason=why(error))
                continue
            _log.info("spool.inherited", path=str(path), events=file.events)
            self._spoolers[path] = Spooler(publish, file)
        self._task = asyncio.create_task(self._clear())

    @classmethod
    def take(cls, directory: Path, own: Path, publish: Publish) -> "Inherited":
        """Take what no process has, and forward it.

        Args:
            own: file of this process, which is no inheritance.
            publish: as the spool of this process forwards.
        """
        return cls(publish, [taken for path, _ in left_behind(directory, own) if (taken := _taken(path))])

    @property
    def events(self) -> int:
        """How many wait."""
        return sum(spooler.file.events for spooler in self._spoolers.values())

    @property
    def bytes(self) -> int:
        """How large they are."""
        return sum(spooler.file.bytes for spooler in self._spoolers.values())

    def ask_again(self) -> None:
        """Try at once what nobody took."""
        for spooler in self._spoolers.values():
            spooler.ask_again()

    async def close(self) -> None:
        """Stop forwarding; what is left waits for the next start. Safe to call twice."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for path in [*self._spoolers]:
            await self._let_go(path)

    async def _clear(self) -> None:
        while self._spoolers:
            for path in [path for path, spooler in self._spoolers.items() if not spooler.file.events]:
                await self._let_go(path)
            await asyncio.sleep(EVERY)

    async def _let_go(self, path: Path) -> None:
        """Close a spool, and remove an empty one. Whoever is stopped in here has left it to be closed."""
        spooler = self._spoolers[path]
        await spooler.finish()
        empty = not spooler.file.events
        if empty:
            _remove(path)  # while its lock is held
        await spooler.file.close()
        del self._spoolers[path]
        if empty:
            _remove(Path(f"{path}-wal"), Path(f"{path}-shm"), path.with_suffix(".lock"))


def left_behind(directory: Path, own: Path | None = None) -> Iterator[tuple[Path, int]]:
    """The spools in which events wait and that no process has, with how many they are.

    Args:
        own: file of this process.
    """
    try:
        paths = sorted(directory.glob("spool-*.db"))
    except OSError as error:  # this user may not look there
        _log.warning("spool.not_inherited", path=str(directory), reason=why(error))
        return
    for path in paths:
        if path != own and (events := _waiting(path)):
            yield path, events


def _waiting(path: Path) -> int:
    try:
        os.close(hold(path.with_suffix(".lock")))
        return _events(path)
    except DataDirectoryInUse:
        return 0
    except (OSError, sqlite3.Error) as error:
        _log.warning("spool.not_inherited", path=str(path), reason=why(error))
        return 0


def _taken(path: Path) -> Path | None:
    """The path under which a spool is ours to forward; None where a process has it by now.

    The file of a port gets another name, for a front door may start there while we still forward.
    """
    try:
        lock = hold(path.with_suffix(".lock"))
    except (DataDirectoryInUse, OSError):
        return None
    try:
        if not path.exists():  # another process was faster
            return None
        _events(path)
        if not _OF_A_PORT.fullmatch(path.name):
            return path
        return path.rename(_free_name(path))
    except (sqlite3.Error, OSError) as error:
        _log.warning("spool.not_inherited", path=str(path), reason=why(error))
        return None
    finally:
        os.close(lock)


def _events(path: Path) -> int:
    """How many events are in a spool, all of which is in its one file afterwards.

    Raises:
        sqlite3.Error: it cannot be read, or some of it stays in the write-ahead log, which no new name would follow.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("another program reads it")
        return int(connection.execute("SELECT coalesce(sum(count), 0) FROM spool").fetchone()[0])


def _remove(*paths: Path) -> None:
    """Remove what belonged to an empty spool; what cannot be removed does no harm."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning(
                "spool.not_removed",
                path=str(path),
                reason=why(error),
                remedy="No events are in it any more: remove it by hand.",
            )


def _free_name(path: Path) -> Path:
    number = 1
    while (free := path.with_name(f"{path.stem}-{number}.db")).exists():
        number += 1
    return free
