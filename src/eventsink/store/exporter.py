"""Exports: events as a Parquet file, which DuckDB writes within the folder of the store. On a thread of its own."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import msgspec

from eventsink.errors import StoreUnavailable
from eventsink.store.batch import LONGEST
from eventsink.store.contract import EventQuery
from eventsink.store.months import Months
from eventsink.store.open_files import MOST_OPEN, on_month
from eventsink.store.sandbox.contract import QueryRefused
from eventsink.store.sandbox.guard import Guard
from eventsink.store.sandbox.tables import Scene, short_events
from eventsink.store.span import Span
from eventsink.store.sql import statement

__all__ = ["Export", "Exporter"]

MOST_SECONDS = 3600.0
NO_BOUND = 1 << 50  # of memory: what an export does is known
SLICE = 2 << 20  # characters of long texts that are put together at once
GROUP = 4 << 20  # bytes of rows that are written together


class Export(msgspec.Struct, frozen=True):
    """A file that was made: it has no name any more, and is gone when it is closed, or this process ends.

    Args:
        file: to be read, and closed.
        events: in it.
        bytes: of it.
    """

    file: BinaryIO
    events: int
    bytes: int


class Exporter:
    """Makes files of events, one after the other.

    Args:
        months: the files of the store.
        committed: the number of the last event that is committed.
    """

    def __init__(self, months: Months, committed: Callable[[], int]) -> None:
        self._months = months
        self._committed = committed

    def export(self, query: EventQuery) -> Export:
        """The events of a span of time, and of a type, as one Parquet file.

        Raises:
            QueryRefused: they lie in too many files, or it takes too long.
            StoreUnavailable, OSError, duckdb.Error: they cannot be read or written, or somebody replaces the files.
        """
        files = self._months.files
        files.check()
        with Guard(self._interrupt, MOST_SECONDS, NO_BOUND) as guard, self._months.gate.looking(guard.break_off):
            files.check()
            try:
                return self._made(query)
            except duckdb.InterruptException as error:
                if guard.reason == "time":  # asked again it would take as long
                    raise QueryRefused(
                        f"The export took longer than {MOST_SECONDS / 3600:g} h: ask for a shorter time, with since and"
                        " until."
                    ) from error
                raise StoreUnavailable("The export was broken off: the store needs its files. Ask again.") from error

    def _interrupt(self) -> None:
        with suppress(duckdb.Error, StoreUnavailable):  # it is closed already
            self._months.files.exporter.interrupt()

    def _made(self, query: EventQuery) -> Export:
        span = Span(self._months, query, self._committed())
        if len(span.extents) > MOST_OPEN:
            raise QueryRefused(
                f"The events of this time lie in {len(span.extents)} files, of which {MOST_OPEN} may be open at once:"
                " export month by month, with since and until."
            )
        folder = self._months.path.resolve() / "tmp" / f"export-{uuid.uuid4().hex}"
        folder.mkdir(parents=True)
        try:
            with ExitStack() as stack:
                for month in span.extents:
                    stack.enter_context(self._months.using(month))
                events = self._copy(query, span, folder)
            file = (folder / "events.parquet").open("rb")
            return Export(file, events, os.fstat(file.fileno()).st_size)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _copy(self, query: EventQuery, span: Span, folder: Path) -> int:
        months = {month: bool(self._rows(on_month(month, "has_pieces"))) for month in span.extents}
        scene = Scene(months=months, committed=span.committed, since=query.since, until=query.until)
        parts = [part for month, long in months.items() if long for part in self._long(scene, month, folder)]
        rows = short_events(scene)
        if parts:
            rows += f" UNION ALL BY NAME SELECT * FROM read_parquet([{', '.join(parts)}])"
            self._rows("SET preserve_insertion_order = false")  # or rows are not written by their bytes
        given = {"rows": rows, "kind": _of_type(query.type), "file": _quoted(folder / "events.parquet")}
        try:
            ((count,),) = self._rows(
                statement("export", bytes=f", ROW_GROUP_SIZE_BYTES {GROUP}" if parts else "", **given)
            )
        finally:
            self._months.files.exporter.execute("RESET preserve_insertion_order")
        return int(count)

    def _long(self, scene: Scene, month: str, folder: Path) -> Iterator[str]:
        """Files of events with long texts, each of few: DuckDB would hold two thousand at once, whatever is in them."""
        for number, (first, last) in enumerate(_slices(self._rows(on_month(month, "long_events")))):
            file = _quoted(folder / f"long-{month}-{number}.parquet")
            bounds = {"condition": scene.condition, "first": str(first), "last": str(last), "file": file}
            self._rows(on_month(month, "export_long", **bounds))
            yield f"'{file}'"

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        if self._months.files.interrupted:
            raise StoreUnavailable("The store is being closed.")
        return self._months.files.exporter.execute(sql).fetchall()


def _slices(pieces: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, int]]:
    """Numbers of events, from and to, whose long texts are together in memory without harm; one event at least."""
    first, size, last = None, 0, 0
    for seq, count in pieces:
        if first is not None and size + count * LONGEST > SLICE:
            yield first, last
            first, size = None, 0
        first, last, size = seq if first is None else first, seq, size + count * LONGEST
    if first is not None:
        yield first, last


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _of_type(kind: str | None) -> str:
    """A type, or the beginning of types with a star, as a condition."""
    if kind is None:
        return "true"
    text = kind.removesuffix("*").replace("'", "''").replace("\0", "")
    return f"starts_with(type, '{text}')" if kind.endswith("*") else f"type = '{text}'"
