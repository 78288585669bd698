"""Appending: each event once, numbered, in the file of its month. All methods run on the writer's thread."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from time import time_ns

import duckdb
import structlog

from eventsink.errors import StoreUnavailable
from eventsink.event import Event
from eventsink.store.batch import Chunk, chunks, id_column, registered
from eventsink.store.months import Months, first_line, month_before, month_of
from eventsink.store.salvage import is_damage

__all__ = ["Writer"]

CHECKPOINT_ROWS = 100_000  # with fewer or more DuckDB merges groups of rows again and again, at twice the cost
CHECKPOINT_BYTES = 64 << 20  # of WAL, to be read again after a crash

_log = structlog.get_logger(__name__)


class Writer:
    """Writes to the files of the store. Make it, then `open` it.

    Args:
        months: the files.
        keep_months: whole months to keep before the present one; 0 keeps all.
    """

    def __init__(self, months: Months, keep_months: int) -> None:
        self.months = months
        self.keep_months = keep_months
        self.committed = 0
        self._dirty: dict[str, int] = {}
        self._sound = True

    @property
    def dirty(self) -> bool:
        """Whether there is anything that only the WAL has."""
        return bool(self._dirty)

    def open(self) -> None:
        """Open the files and find the number to go on from.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: as `Months.open`.
        """
        self.months.open()
        # Never below the clock: numbers stay unique also when the file that had the highest is gone.
        self.committed = max(self.months.last_seq, time_ns() // 1000)
        self._dirty = {month: 0 for month in self.months.names if self.months.wal_size(month)}
        self.months.remove_before(self._oldest_kept())

    def append(self, events: Sequence[Event]) -> int:
        """Insert what is not there yet: a transaction for the events of a month, several when they are very many.

        Returns:
            how many were new.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: some of these transactions may be missing. Append it all again.
        """
        self._mend()
        oldest = self._oldest_kept()
        self.months.remove_before(oldest)
        new = self._without_known(_by_month(events))
        count = 0
        for month, part in new.items():
            if month < oldest:
                _log.warning("store.too_old", month=month, events=len(part), keep_months=self.keep_months)
            elif part:
                self._insert(month, part)
                count += len(part)
        return count

    def checkpoint(self) -> None:
        """Write what only the WAL has into the files themselves. A failure is logged; then it is still to be done."""
        try:
            self._mend()
            self._dirty = {month: rows for month, rows in self._dirty.items() if month in self.months.names}
            for month in list(self._dirty):
                self._checkpoint(month)
        except (duckdb.Error, OSError, StoreUnavailable) as error:  # nothing is lost: the WAL has it
            _log.error("store.checkpoint_failed", reason=first_line(error))

    def close(self) -> None:
        """Checkpoint and close the files."""
        self.checkpoint()
        self.months.close()

    # --- how ---------------------------------------------------------------------------------------------------------

    def _mend(self) -> None:
        if not self._sound:
            self.months.reopen()
            self.committed = max(self.committed, self.months.last_seq)  # a commit that failed may have been written
            self._sound = True

    @contextmanager
    def _at(self, month: str) -> Iterator[None]:
        """Work on one file; when that fails, leave things such that the next attempt can do better."""
        try:
            yield
        except duckdb.Error as error:
            self._sound = False
            if is_damage(error):
                self.months.put_aside(month, error)
                self._sound = True
                self._dirty.pop(month, None)
            raise

    def _without_known(self, batch: dict[str, list[Event]]) -> dict[str, list[Event]]:
        """The same without what any of these months, or one next to them, has already.

        An event that brings neither a time nor an id made of its time may have come before, in the month before.
        """
        known: set[tuple[str, str]] = set()
        for month in self.months.names:
            near = [month_before(month), month, month_before(month, -1)]
            events = [event for name in near for event in batch.get(name, ())]
            if events:
                with self._at(month):
                    known |= self._known(month, events)
        if not known:
            return batch
        return {
            month: [event for event in events if (event.source, event.id) not in known]
            for month, events in batch.items()
        }

    def _known(self, month: str, events: Sequence[Event]) -> set[tuple[str, str]]:
        ordered: list[str] = []
        others: list[str] = []  # apart, because one of them among the ordered makes DuckDB look everywhere
        for event in events:
            (ordered if _begins_with_time(event.id) else others).append(event.id)
        suspects = [row[0] for ids in (ordered, others) if ids for row in self._among(month, "suspects", ids)]
        return {(source, event_id) for source, event_id in self._among(month, "known", suspects)} if suspects else set()

    def _among(self, month: str, name: str, ids: Sequence[str]) -> list[tuple[str, ...]]:
        with registered(self.months.connection, batch=id_column(ids)):
            return self.months.connection.execute(self.months.one(month, name)).fetchall()

    def _insert(self, month: str, events: Sequence[Event]) -> None:
        with self._at(month):
            if month not in self.months.names:
                self.months.add(month)
            for chunk in chunks(events, self.committed + 1):
                self._commit(month, chunk)
                if self._dirty[month] >= CHECKPOINT_ROWS or self.months.wal_size(month) >= CHECKPOINT_BYTES:
                    self._checkpoint_now(month)

    def _commit(self, month: str, chunk: Chunk) -> None:
        connection = self.months.connection
        with registered(connection, batch=chunk.events, batch_pieces=chunk.pieces):
            connection.execute("BEGIN")
            try:
                connection.execute(self.months.one(month, "insert"))
                if chunk.pieces:
                    connection.execute(self.months.one(month, "insert_pieces"))
                connection.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):  # a commit that failed has rolled back by itself
                    connection.rollback()
                raise
        self.committed += chunk.count
        self._dirty[month] = self._dirty.get(month, 0) + chunk.count

    def _checkpoint_now(self, month: str) -> None:
        try:
            self._checkpoint(month)
        except (duckdb.Error, OSError, StoreUnavailable) as error:  # the append itself is committed
            _log.error("store.checkpoint_failed", month=month, reason=first_line(error))

    def _checkpoint(self, month: str) -> None:
        with self._at(month):
            self.months.connection.execute(self.months.one(month, "checkpoint"))
        self._dirty.pop(month, None)

    def _oldest_kept(self) -> str:
        return month_before(month_of(datetime.now(UTC)), self.keep_months) if self.keep_months else ""


def _by_month(events: Sequence[Event]) -> dict[str, list[Event]]:
    """The events of each month, the earliest month first, each event once: as it came first."""
    once = {(event.source, event.id): event for event in reversed(events)}
    calendar: dict[tuple[int, int], list[Event]] = {}
    for event in reversed(once.values()):
        time = event.time if event.time.tzinfo is UTC else event.time.astimezone(UTC)
        calendar.setdefault((time.year, time.month), []).append(event)
    months: dict[str, list[Event]] = {}
    for _, part in sorted(calendar.items()):
        months.setdefault(month_of(part[0].time), []).extend(part)
    return months


def _begins_with_time(event_id: str) -> bool:
    """Whether it is a UUIDv7, or a UUIDv8 as `content_id` makes it of a time."""
    return len(event_id) == 36 and event_id[14] in "78" and not event_id.startswith("00000000-0000-")
