"""Answers queries that others wrote, on a thread of its own. It sees the newest events, and holds up nobody."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import duckdb
import msgspec

from eventsink.errors import StoreUnavailable
from eventsink.store.contract import EventQuery
from eventsink.store.months import Months
from eventsink.store.open_files import MOST_OPEN, on_month
from eventsink.store.sandbox.contract import Answer, Column, Query, QueryRefused
from eventsink.store.sandbox.guard import Guard
from eventsink.store.sandbox.statement import Checked, check
from eventsink.store.sandbox.tables import TABLES, Scene
from eventsink.store.span import Span
from eventsink.store.sql import statement

__all__ = ["Analyst"]

MOST_BYTES = 16 << 20  # of an answer
FETCHED_AT_ONCE = 100  # rows: each may be long
_ZONED = "TIMESTAMP WITH TIME ZONE"

_encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode


class Analyst:
    """Answers queries, one after the other.

    Args:
        months: the files.
        committed: the number of the last event that is committed.
    """

    def __init__(self, months: Months, committed: Callable[[], int]) -> None:
        self._months = months
        self._committed = committed

    def answer(self, query: Query) -> Answer:
        """The rows of a query.

        Raises:
            QueryRefused: it is wrong, or needs more time or memory than it may have.
            StoreUnavailable, OSError, duckdb.Error: the files cannot be read, or somebody has to replace them.
        """
        files, begun = self._months.files, time.monotonic()
        files.check()
        memory = self._bytes()
        with (
            Guard(self._interrupt, query.seconds, memory) as guard,
            self._months.gate.looking(guard.break_off),
            self._in_words(query, guard),
        ):
            files.check()
            if files.interrupted:
                raise StoreUnavailable("The store is being closed.")
            found = check(query.text, files.analyst, TABLES)
            with self._tables(query, found):
                columns, rows, cut = self._rows(query)
        return Answer(columns=columns, rows=rows, cut=cut, seconds=round(time.monotonic() - begun, 3))

    def _interrupt(self) -> None:
        with suppress(duckdb.Error, StoreUnavailable):  # it is closed already
            self._months.files.analyst.interrupt()

    def _bytes(self) -> int:
        ((text,),) = self._months.files.analyst.execute("SELECT current_setting('memory_limit')").fetchall()
        number, _, unit = str(text).partition(" ")
        return int(float(number) * 1024 ** ("KMGT".find(unit[:1]) + 1))

    # --- what is seen ------------------------------------------------------------------------------------------------

    @contextmanager
    def _tables(self, query: Query, found: Checked) -> Iterator[None]:
        """Have the tables that a query names, as views for this connection alone."""
        connection, names = self._months.files.analyst, sorted(found.tables)
        span = Span(self._months, EventQuery(since=query.since, until=query.until), self._committed())
        if "events" in names and len(span.extents) > MOST_OPEN:
            raise QueryRefused(
                f"The events of this time lie in {len(span.extents)} files, of which {MOST_OPEN} may be open at once:"
                " ask for a shorter time, with since and until (--since, --until)."
            )
        with ExitStack() as stack:
            months = {}
            for month in span.extents if "events" in names else ():
                stack.enter_context(self._months.using(month))
                months[month] = self._has_pieces(month) if found.texts else False
            scene = Scene(
                months=months, committed=span.committed, since=query.since, until=query.until, texts=found.texts
            )
            for name in names:
                connection.execute(statement("sandbox_view", view=name, rows=TABLES[name].rows(scene)))
                stack.callback(self._drop, name)
            yield

    def _has_pieces(self, month: str) -> bool:
        return bool(self._months.files.analyst.execute(on_month(month, "has_pieces")).fetchall())

    def _drop(self, name: str) -> None:
        with suppress(duckdb.Error, StoreUnavailable):
            self._months.files.analyst.execute(f'DROP VIEW IF EXISTS temp."{name}"')

    # --- what is answered --------------------------------------------------------------------------------------------

    def _rows(self, query: Query) -> tuple[list[Column], list[msgspec.Raw], bool]:
        found = self._months.files.analyst.execute(query.text)
        columns = [Column(str(name), str(kind)) for name, kind, *_ in found.description or ()]
        for column in columns:
            if _ZONED in column.type:
                raise QueryRefused(f"{column.name[:80]} is a time with a zone: write (…)::TIMESTAMP, which is in UTC.")
        zoned = [number for number, column in enumerate(columns) if _is_moment(column.type)]
        rows: list[msgspec.Raw] = []
        size = 0
        while part := found.fetchmany(FETCHED_AT_ONCE):
            for row in part:
                encoded = _encode(_in_utc(row, zoned))
                size += len(encoded)
                if len(rows) == query.rows or (size > MOST_BYTES and rows):
                    return columns, rows, True
                rows.append(msgspec.Raw(encoded))
        return columns, rows, False

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    @contextmanager
    def _in_words(self, query: Query, guard: Guard) -> Iterator[None]:
        memory = self._months.files.memory
        try:
            yield
        except duckdb.InterruptException as error:
            if guard.reason == "time":
                text = f"The query took longer than {query.seconds:g} seconds (query_seconds in [store])"
                raise QueryRefused(f"{text}: ask for a shorter time, or for less.") from error
            if guard.reason == "memory":
                raise QueryRefused(_needs_more(memory)) from error
            raise StoreUnavailable("The query was broken off, because the store needs its files: ask again.") from error
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            raise QueryRefused(_needs_more(memory)) from error
        except (duckdb.FatalException, duckdb.InternalException, duckdb.IOException):
            raise
        except duckdb.Error as error:
            raise QueryRefused(_said(error)) from error
        except (ArithmeticError, ValueError, ImportError, RecursionError) as error:
            raise QueryRefused(
                "The answer has a value that cannot be written, as a date before the year 1: write (…)::VARCHAR."
            ) from error


def _needs_more(memory: str) -> str:
    return (
        f"The query needs more memory than {memory} (memory in [store]): ask for a shorter time, for fewer columns, or"
        " count what you list."
    )


def _is_moment(kind: str) -> bool:
    """Whether values of a type are times, in whatever resolution; a list of them, as `TIMESTAMP[]`, is none."""
    return kind.startswith("TIMESTAMP") and not kind.endswith("]")


def _in_utc(row: tuple[Any, ...], zoned: list[int]) -> list[Any]:
    values = list(row)
    for number in zoned:
        if values[number] is not None:
            values[number] = values[number].isoformat() + "Z"
    return values


def _said(error: duckdb.Error) -> str:
    """What DuckDB says of a query, on one line, without the line of the query that it repeats."""
    text = str(error).partition("\n\nLINE ")[0].partition("\nLINE ")[0].partition("\n\nPossible solutions")[0]
    return f"The query is wrong. {' '.join(text.split())[:1000].rstrip('.')}."
