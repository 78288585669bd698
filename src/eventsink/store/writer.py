"""Appending: each event once, numbered, in the file of its month. All methods run on the writer's thread."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC
from time import time_ns

import duckdb
import structlog

from eventsink.errors import StoreUnavailable
from eventsink.event import Event
from eventsink.store.batch import Chunk, chunks, id_columns, registered
from eventsink.store.copying import copied
from eventsink.store.exporter import Export
from eventsink.store.month_names import month_before, month_of, this_month
from eventsink.store.months import MOST_DIRTY, Months
from eventsink.store.open_files import on_month
from eventsink.store.remedies import first_line
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
        self._dirty: dict[str, int] = {}  # rows in the WAL of each file; the one written to longest ago is the first
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
        self._dirty = {month: 0 for month in self.months.names if self.months.files.wal_size(month)}
        self._remove_old()

    def append(self, events: Sequence[Event]) -> int:
        """Insert what is not there yet: a transaction for the events of a file, several when they are very many.

        Returns:
            how many were new.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: some of these transactions may be missing. Append it all again.
        """
        self._mend()
        count = 0
        for home, months in self._by_home(events).items():
            if new := self._without_known(months):
                self._insert(home, new)
                count += len(new)
        return count

    def doubt(self) -> None:
        """Open the files again before the next append, or checkpoint: DuckDB failed on another thread."""
        self._sound = False

    def checkpoint(self) -> None:
        """Write what only the WAL has into the files themselves. A failure is logged; then it is still to be done."""
        try:
            self._mend()
            for month in list(self._dirty):
                self._checkpoint(month)
        except (duckdb.Error, OSError, StoreUnavailable) as error:  # nothing is lost: the WAL has it
            _log.error("store.checkpoint_failed", reason=first_line(error))

    def copy(self, month: str | None) -> Export | None:
        """A copy of the file of a month, or of the last, with all that was appended; None where there is none.

        Nobody else writes to it meanwhile, for this is the writer's thread, and after a checkpoint the file alone is
        all there is.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: it cannot be made now.
        """
        self._mend()
        month = month or next(reversed(self.months.names), "")
        if month not in self.months.extents:
            return None
        self._checkpoint(month)
        if self.months.files.wal_size(month):
            raise StoreUnavailable(
                f"The events of {month} cannot be written into their file while it is read. Ask again."
            )
        return copied(self.months.files.file(month), self.months.path / "tmp", self.months.extents[month].events)

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

    def _by_home(self, events: Sequence[Event]) -> dict[str, dict[str, list[Event]]]:
        """For each file the events that belong into it, by month, without what is too old to be kept."""
        oldest = self._remove_old()
        homes: dict[str, dict[str, list[Event]]] = {}
        too_old = 0
        for month, part in _by_month(events).items():
            if month < oldest:
                too_old += len(part)
            else:
                homes.setdefault(self.months.home(month), {})[month] = part
        if too_old:
            _log.warning("store.too_old", events=too_old, before=oldest, keep_months=self.keep_months)
        return homes

    def _without_known(self, months: Mapping[str, Sequence[Event]]) -> list[Event]:
        """The events of some months without what any of these, or one next to them, has already.

        An event that brings neither a time nor an id made of its time may have come before, in the month before.
        """
        events = [event for part in months.values() for event in part]
        known: set[tuple[str, str]] = set()
        for file in self.months.near(months):
            with self._at(file), self.months.using(file):
                known |= self._known(file, events)
        return [event for event in events if (event.source, event.id) not in known] if known else events

    def _known(self, month: str, events: Sequence[Event]) -> set[tuple[str, str]]:
        ordered: list[Event] = []
        others: list[Event] = []  # apart, because one of them among the ordered makes DuckDB look everywhere
        for event in events:
            (ordered if _begins_with_time(event.id) else others).append(event)
        found = {row[0] for part in (ordered, others) if part for row in self._among(month, "suspects", part)}
        suspects = [event for event in events if event.id in found] if found else []
        return {(source, event_id) for source, event_id in self._among(month, "known", suspects)} if suspects else set()

    def _among(self, month: str, name: str, events: Sequence[Event]) -> list[tuple[str, ...]]:
        connection = self.months.files.writer
        with registered(connection, batch=id_columns(events)):
            return connection.execute(on_month(month, name)).fetchall()

    def _insert(self, month: str, events: Sequence[Event]) -> None:
        if month not in self._dirty and len(self._dirty) >= MOST_DIRTY:
            self._checkpoint(next(iter(self._dirty)))
        with self._at(month), self.months.using(month):
            for chunk in chunks(events, self.committed + 1):
                self._commit(month, chunk)
                if self._dirty[month] >= CHECKPOINT_ROWS or self.months.files.wal_size(month) >= CHECKPOINT_BYTES:
                    self._checkpoint_now(month)

    def _commit(self, month: str, chunk: Chunk) -> None:
        connection = self.months.files.writer
        with registered(connection, batch=chunk.events, batch_pieces=chunk.pieces):
            connection.execute("BEGIN")
            try:
                connection.execute(on_month(month, "insert"))
                if chunk.pieces:
                    connection.execute(on_month(month, "insert_pieces"))
                connection.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):  # a commit that failed has rolled back by itself
                    connection.rollback()
                raise
        self.months.grew(month, chunk)  # before the reader may look for them
        self.committed += chunk.count
        self._dirty[month] = self._dirty.pop(month, 0) + chunk.count

    def _checkpoint_now(self, month: str) -> None:
        try:
            self._checkpoint(month)
        except (duckdb.Error, OSError, StoreUnavailable) as error:  # the append itself is committed
            _log.error("store.checkpoint_failed", month=month, reason=first_line(error))

    def _checkpoint(self, month: str) -> None:
        with self._at(month), self.months.using(month):
            self.months.files.writer.execute(on_month(month, "checkpoint"))
        self._dirty.pop(month, None)

    def _remove_old(self) -> str:
        """Delete what is too old. Returns the oldest month that is kept."""
        oldest = month_before(this_month(), self.keep_months) if self.keep_months else ""
        self.months.remove_before(oldest)
        extents = self.months.extents
        self._dirty = {month: rows for month, rows in self._dirty.items() if month in extents}
        return oldest


def _by_month(events: Sequence[Event]) -> dict[str, list[Event]]:
    """The events of each month, the earliest month first, each event once: as it came first."""
    once: dict[tuple[str, str], Event] = {}
    for event in events:
        once.setdefault((event.source, event.id), event)  # which leaves it at its place also if it comes again
    months: dict[tuple[int, int], list[Event]] = {}
    for event in once.values():
        time = event.time if event.time.tzinfo is UTC else event.time.astimezone(UTC)
        months.setdefault((time.year, time.month), []).append(event)
    return {month_of(part[0].time): part for _, part in sorted(months.items())}


def _begins_with_time(event_id: str) -> bool:
    """Whether it is a UUIDv7, or a UUIDv8 as `content_id` makes it of a time."""
    return len(event_id) == 36 and event_id[14] in "78" and not event_id.startswith("00000000-0000-")
