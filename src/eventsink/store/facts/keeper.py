"""Keeps the file of facts in step with the events: what is new is added, what does not fit them is made again.

All of it runs on the thread of numbers, in pieces, so that other questions have their turn between them.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

import duckdb
import structlog

from eventsink.errors import StoreUnavailable
from eventsink.store import salvage
from eventsink.store.extent import Extent
from eventsink.store.months import Months
from eventsink.store.open_files import catalog, on_month
from eventsink.store.remedies import first_line
from eventsink.store.span import Row
from eventsink.store.sql import statement

__all__ = ["FactsKeeper", "NotRead"]

VERSION = 2  # of the columns: another one in the file means that it is made again
PIECE = 122_880  # events read at once, a group of rows of DuckDB: a third of a second
SAVE_EVERY = 60.0  # seconds: before, the file would be smaller than its WAL for long
LONG = 16  # events of which each may have a quarter of a megabyte

_log = structlog.get_logger(__name__)


class NotRead(StoreUnavailable):
    """Numbers cannot be given yet: many events must be read for them first, as after an upgrade. Ask again."""


class FactsKeeper:
    """The file of facts of one store.

    Args:
        months: the files of events; the caller of every method looks at them (`gate`).
    """

    def __init__(self, months: Months) -> None:
        self._months = months
        self._file = months.path / "facts.duckdb"
        self._read: dict[str, tuple[int, int]] = {}  # by file: the last number that was read, and how many events
        self._unsaved = 0  # rows in the WAL
        self._save_at = monotonic() + SAVE_EVERY

    def left(self) -> int:
        """How many events are not read yet."""
        return sum(extent.events for extent in self._months.extents.values()) - self.rows()

    def rows(self) -> int:
        """How many were."""
        return sum(events for _, events in self._read.values())

    def read_on(self, committed: int) -> bool:
        """Read some events that were not read yet, up to a number.

        Returns:
            whether there may be more.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: it cannot be written, or a file of events cannot be read.
        """
        self.attach()
        extents = self._months.extents
        for home in [home for home, read in self._read.items() if not _fits(extents.get(home), *read)]:
            self._forget(home)
        for home, extent in sorted(extents.items()):
            seq, _ = self._read.get(home, (0, 0))
            if extent.events and seq < min(extent.last_seq, committed) and self._read_piece(home, seq, committed):
                return True
        self._save()
        return False

    # --- reading -----------------------------------------------------------------------------------------------------

    def _read_piece(self, home: str, seq: int, committed: int) -> bool:
        with self._months.using(home):
            last, count = self._fetch_one(home, "facts_next", after=seq, committed=committed, limit=PIECE)
            if not count:
                return False
            known = self._read.get(home, (0, 0))[1]
            try:
                self._add_piece(home, seq, last, known + count)
            except duckdb.Error as error:
                if not salvage.is_damage(error):
                    raise
                self._fetch(home, "facts_probe", after=seq, last=last)  # which fails if it is the month that is damaged
                self.make_again(error)
                return True
        self._read[home] = (last, known + count)
        self._unsaved += count
        return True

    def _add_piece(self, home: str, seq: int, last: int, events: int) -> None:
        with self._transaction():
            bounds = {"after": seq, "last": last}
            self._add(home, statement("facts_short", month=catalog(home)), **bounds)
            long = [row[0] for row in self._fetch(home, "facts_long_ones", **bounds)]
            for start in range(0, len(long), LONG):
                self._add(home, statement("facts_long", month=catalog(home)), seqs=long[start : start + LONG])
            self._execute("facts_forget_read", home=home)
            self._execute("facts_note", home=home, seq=last, events=events)

    def _add(self, home: str, rows: str, **values: object) -> None:
        self._months.files.counter.execute(statement("facts_add", rows=rows), {"home": home, **values})

    def _forget(self, home: str) -> None:
        """Its events are gone, or others are there: somebody deleted, restored or replaced the file."""
        with self._transaction():
            self._execute("facts_forget", home=home)
            self._execute("facts_forget_read", home=home)
        del self._read[home]
        self._unsaved += PIECE

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        counter = self._months.files.counter
        counter.execute("BEGIN")
        try:
            yield
            counter.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):  # a commit that failed has rolled back by itself
                counter.rollback()
            raise

    # --- the file ----------------------------------------------------------------------------------------------------

    def attach(self) -> bool:
        """Have the file open, as it is not when the store was opened anew; one that is no use is made again.

        Returns:
            whether what was read is in it: False if it was made.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: it cannot be opened now, or not be made.
        """
        ((attached,),) = self._execute("facts_attached")
        if attached:
            return True
        try:
            return self._open()
        except (duckdb.Error, ValueError) as error:
            if isinstance(error, duckdb.Error) and salvage.is_around(error):
                self._detach()  # or what is in it would be taken for known
                raise
            self.make_again(error)
            return False

    def make_again(self, error: Exception) -> None:
        """Throw the file away, which is no use, and begin again with none of the events read.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: that fails.
        """
        _log.warning("store.facts_made_again", reason=first_line(error))
        self._make()

    def _open(self) -> bool:
        if not self._file.exists():
            self._make()
            return False
        salvage.check_wal(self._file)
        self._execute("facts_attach", file=self._quoted())
        try:
            ((version,),) = self._execute("facts_version")
        except duckdb.CatalogException:  # killed as it was made
            version = 0
        if version != VERSION:
            self._make()
            return False
        self._execute("facts_columns")
        self._read = {home: (seq, events) for home, seq, events in self._execute("facts_read")}
        self._unsaved = 0
        return True

    def _detach(self) -> None:
        ((attached,),) = self._execute("facts_attached")
        if attached:
            self._execute("facts_detach")

    def _make(self) -> None:
        self._detach()
        salvage.delete(self._file)
        self._execute("facts_attach", file=self._quoted())
        for part in statement("facts_tables", version=str(VERSION)).split(";"):
            self._months.files.counter.execute(part)
        self._read = {}
        self._unsaved = 0

    def _save(self) -> None:
        """Write into the file itself what only its WAL has, if it is much."""
        if self._unsaved >= PIECE or (self._unsaved and monotonic() >= self._save_at):
            self._save_at = monotonic() + SAVE_EVERY
            with suppress(duckdb.TransactionException):  # something else is being written: then the next time
                self._execute("facts_checkpoint")
                self._unsaved = 0

    def _quoted(self) -> str:
        return str(self._file).replace("'", "''")

    # --- statements --------------------------------------------------------------------------------------------------

    def _execute(self, name: str, file: str = "", **values: object) -> list[Row]:
        if self._months.files.interrupted:
            raise StoreUnavailable("The store is being closed.")
        text = statement(name, file=file) if file else statement(name)
        return self._months.files.counter.execute(text, values or None).fetchall()

    def _fetch(self, home: str, name: str, **values: object) -> list[tuple[int, ...]]:
        return self._months.files.counter.execute(on_month(home, name), values).fetchall()

    def _fetch_one(self, home: str, name: str, **values: object) -> tuple[int, ...]:
        return self._fetch(home, name, **values)[0]


def _fits(extent: Extent | None, seq: int, events: int) -> bool:
    """Whether what was read can be the beginning of what a file has now."""
    if extent is None or extent.last_seq < seq or extent.events < events:
        return False
    return extent.last_seq > seq or extent.events == events
