"""The store: a thread that writes, one that reads, and one each for numbers, for queries of others and for exports.

So questions never hold up appends, and what may take long holds up no question.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import msgspec
import structlog

from eventsink.errors import InvalidQuestion, StoreUnavailable
from eventsink.event import Event
from eventsink.store.contract import EventPage, EventQuery, Interval, Stats, StoredEvent, Summary, TooManyPoints
from eventsink.store.counter.contract import Usage
from eventsink.store.counter.period import Period
from eventsink.store.counter.rules import Rules
from eventsink.store.exporter import Export, Exporter
from eventsink.store.facts.keeper import NotRead
from eventsink.store.facts.question import Answer, Question
from eventsink.store.months import Months
from eventsink.store.reader import Reader
from eventsink.store.remedies import first_line, sentence
from eventsink.store.sandbox.analyst import Analyst
from eventsink.store.sandbox.contract import Answer as Table
from eventsink.store.sandbox.contract import Query
from eventsink.store.sandbox.tables import FACTS
from eventsink.store.writer import Writer
from eventsink.store.zones import zone_of

__all__ = ["Store"]

READ_AFTER = 5.0  # seconds after an append that its events are read into the facts, asked for or not
MOST_WAITED_FOR = 1_000_000  # events that whoever asks for numbers waits for: three to fifteen seconds
CHECKPOINT_AFTER = 30.0  # seconds after the first append that waits for one
QUERY_ENDS = 10.0  # seconds after which a query is not waited for when the store is closed
BREAKS_OFF_EVERY = 0.05  # seconds
TROUBLE_FOR = 600.0  # seconds that a question which could not be answered is spoken of

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class Store:
    """Events in DuckDB files of one folder, one a month. Make it with `open`."""

    def __init__(self, path: Path, memory: str, keep_months: int, threads: int) -> None:
        self.path = path
        self.threads = threads
        self._memory = memory
        self._months = Months(path, memory, threads)
        self._writer = Writer(self._months, keep_months)
        self._reader = Reader(self._months, lambda: self._writer.committed)
        self._analyst = Analyst(self._months, lambda: self._writer.committed)
        self._exporter = Exporter(self._months, lambda: self._writer.committed)
        self._writing = ThreadPoolExecutor(1, "store-writer")
        self._reading = ThreadPoolExecutor(1, "store-reader")
        self._counting = ThreadPoolExecutor(1, "store-counter")
        self._asking = ThreadPoolExecutor(1, "store-analyst")
        self._exporting = ThreadPoolExecutor(1, "store-exporter")
        self._timer: asyncio.TimerHandle | None = None
        self._reading_on: asyncio.TimerHandle | None = None
        self._trouble = ("", 0.0)  # the last one, and the moment until which it is spoken of
        self._closed = False
        self.stuck = False
        """Whether a query did not end when the store was closed: its thread would keep the process from ending."""

    @classmethod
    async def open(cls, path: Path, memory: str = "64MB", keep_months: int = 0, threads: int = 1) -> "Store":
        """Open the folder, or make it. What is damaged in it is set aside, and named in `set_aside`.

        Args:
            path: the folder; only one process at a time may have it.
            memory: what DuckDB may use, as "64MB"; large queries go to the folder beyond it.
            keep_months: whole months to keep before the present one; files of earlier ones are deleted. 0 keeps all.
            threads: that DuckDB may use.

        Raises:
            StoreUnavailable: it cannot be opened, is another process's, or was written by a later version.
        """
        store = cls(path, memory, keep_months, threads)
        try:
            await store._run(store._writing, "opened", store._writer.open)
        except BaseException:
            await asyncio.to_thread(store._abandon)
            raise
        store._checkpoint_later()
        store._read_later()
        return store

    @property
    def set_aside(self) -> list[str]:
        """The damaged files that were set aside since the store was opened: what was in them is to be sent again."""
        return list(self._months.set_aside)

    @property
    def committed(self) -> int:
        """The number of the last event that is committed."""
        return self._writer.committed

    async def append(self, events: Sequence[Event]) -> int:
        """Insert each event once, also when it comes again. They are durable when this returns.

        Returns:
            how many were new.

        Raises:
            StoreUnavailable: some of them may be in it now, and the others not; append all of them again.
        """
        try:
            return await self._run(self._writing, "written", lambda: self._writer.append(events))
        finally:
            self._checkpoint_later()
            self._read_later()

    async def page(self, query: EventQuery) -> EventPage:
        """The first events that match, in the order of their arrival or the newest first.

        A page has at most 10,000 events and ends after about 4 MB of them, also before its limit: see `next`.

        Raises:
            StoreUnavailable: it cannot answer now.
        """
        return await self._ask(lambda: self._reader.page(query))

    async def events(self, query: EventQuery) -> list[StoredEvent]:
        """All events that match, up to the limit, page after page: for whoever knows that they fit into memory.

        Raises:
            StoreUnavailable: it cannot answer now.
        """
        found: list[StoredEvent] = []
        while True:
            page = await self.page(query)
            found += page.events
            left = query.limit and query.limit - len(page.events)
            if page.next is None or left == 0:
                return found
            cursor = {"before_seq" if query.order == "desc" else "after_seq": page.next}
            query = msgspec.structs.replace(query, limit=left, **cursor)

    async def count(self, query: EventQuery) -> int:
        """How many events match, whatever the limit of the query.

        Raises:
            StoreUnavailable: it cannot answer now.
        """
        return await self._ask(lambda: self._reader.count(query))

    async def summary(self, since: datetime | None, until: datetime | None, interval: Interval) -> Summary:
        """Sums and the series of a span of event time, `until` excluded. Weeks begin on Monday, all in UTC.

        Raises:
            TooManyPoints: the intervals are too short for the span.
            StoreUnavailable: it cannot answer now.
        """
        return await self._ask(lambda: self._reader.summary(since, until, interval))

    async def counter(self, period: Period, rules: Rules, datasets: Mapping[str, str] | None = None) -> Usage:
        """Usage of datasets as COUNTER counts it. Between two months other questions have their turn.

        Args:
            datasets: of files, by their ids, as far as the caller knows them, for events that name none.

        Raises:
            SettingsError: the zone of the rules is none.
            StoreUnavailable: it cannot answer now.
        """
        zone_of(rules.zone)
        known, committed = datasets or {}, self.committed
        months = [
            await self._ask(partial(self._reader.counter, month, rules, known, committed)) for month in period.months
        ]
        firsts = (extent.first for extent in self._months.extents.values() if extent.first)
        return Usage(period=period, rules=rules, months=months, first=min(firsts, default=None))

    async def ask(self, question: Question, committed: int | None = None) -> Answer:
        """Numbers of a span of time, by groups; of all events that were there when it was asked.

        Args:
            committed: the number of the last event that counts, so that several answers are of one moment.

        Raises:
            InvalidQuestion: it names a column or measure that there is not.
            SettingsError: its zone is none.
            NotRead: very many events are to be read first, and are being read; its message says how many.
            StoreUnavailable: it cannot answer now.
        """
        await self._read_facts()
        return await self._ask(partial(self._reader.ask, question, committed), self._counting)

    async def rows(self, name: str, values: Mapping[str, Any], **parts: str) -> list[tuple[Any, ...]]:
        """The rows of a statement of `sql/` about the facts, of all events that were there when it was asked.

        Raises:
            NotRead, StoreUnavailable: as `ask`.
        """
        await self._read_facts()
        return await self._ask(partial(self._reader.report, name, values, parts), self._counting)

    async def query(self, query: Query) -> Table:
        """What a query finds that somebody else wrote. It delays neither appends nor other questions.

        Raises:
            QueryRefused: it is wrong, or needs more time or memory than it may have.
            NotRead, StoreUnavailable: it cannot be answered now.
        """
        if FACTS in query.text.lower():
            await self._read_facts()
        return await self._run(self._asking, "read", lambda: self._analyst.answer(query))

    async def export(self, query: EventQuery) -> Export:
        """The events of a span of time, and of a type if one is given, as a Parquet file.

        Raises:
            QueryRefused: they lie in too many files, or it takes too long.
            StoreUnavailable: it cannot be made now.
        """
        return await self._run(self._exporting, "exported", lambda: self._exporter.export(query))

    @property
    def trouble(self) -> str | None:
        """Why a question of the last ten minutes could not be answered; None if all could."""
        trouble, until = self._trouble
        return trouble if time.monotonic() < until else None

    async def copy(self, month: str | None) -> Export | None:
        """The file of a month, or the last, as it is now, with all that was appended; None where there is none.

        Appends wait while it is copied, a second for each gigabyte or so. Questions do not.

        Raises:
            StoreUnavailable: it cannot be copied now; the reason is that of a write that fails.
        """
        return await self._run(self._writing, "copied", lambda: self._writer.copy(month))

    async def stats(self) -> Stats:
        """What the store holds, and what trouble it had with questions in the last ten minutes.

        Raises:
            StoreUnavailable: it cannot answer now.
        """
        known = self.trouble
        stats = await self._run(self._reading, "read", lambda: self._reader.stats(known))
        given = {"keep_months": self._writer.keep_months, "memory": self._memory, "threads": self.threads}
        return msgspec.structs.replace(stats, **given)

    async def close(self) -> None:
        """Finish the append that is under way, write all into the files and close them. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        if self._timer:
            self._timer.cancel()
        if self._reading_on:
            self._reading_on.cancel()
        await asyncio.to_thread(self._close)

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _ask(self, work: Callable[[], _T], thread: ThreadPoolExecutor | None = None) -> _T:
        try:
            return await self._run(thread or self._reading, "read", work)
        except (TooManyPoints, InvalidQuestion, NotRead):  # of this question, not of the store
            raise
        except StoreUnavailable as error:
            if isinstance(error.__cause__, duckdb.OutOfMemoryException) and thread is self._counting:
                raise  # the report was too large: the store is well
            self._trouble = (str(error), time.monotonic() + TROUBLE_FOR)
            raise

    async def _run(self, thread: ThreadPoolExecutor, verb: str, work: Callable[[], _T]) -> _T:
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, work)
        except (duckdb.Error, OSError) as error:
            if isinstance(error, duckdb.FatalException | duckdb.InternalException):
                self._writer.doubt()  # then nothing is answered any more until the files are opened again
            raise StoreUnavailable(sentence(self.path, verb, error, self._memory)) from error

    def _close(self) -> None:
        for thread in (self._exporting, self._counting, self._reading):
            self._break_off(thread)
        self.stuck = not self._break_off(self._asking, QUERY_ENDS)
        if self.stuck:  # DuckDB does not look up within one function, however long that takes
            _log.error("store.query_does_not_end", seconds=QUERY_ENDS)
        # Whoever looks at the files keeps them open: then the writer only leaves nothing in its WALs.
        self._writing.submit(self._writer.checkpoint if self.stuck else self._writer.close).result()
        self._writing.shutdown()

    def _break_off(self, thread: ThreadPoolExecutor, most: float = math.inf) -> bool:
        """Break off what runs, until a thread has ended: a statement that has not begun yet does not hear it.

        Args:
            most: seconds to wait.

        Returns:
            whether it has ended.
        """
        last = thread.submit(lambda: None)
        thread.shutdown(wait=False)
        end = time.monotonic() + most
        self._months.files.interrupt()
        while not wait([last], BREAKS_OFF_EVERY).done:
            if time.monotonic() >= end:
                return False
            self._months.files.interrupt()
        return True

    def _abandon(self) -> None:
        self._closed = True
        for thread in (self._asking, self._exporting, self._counting, self._reading):
            thread.shutdown()
        self._writing.submit(self._months.close).result()
        self._writing.shutdown()

    async def _read_facts(self) -> None:
        """Read into the facts what is not there yet; what comes meanwhile is not waited for."""
        committed = self._writer.committed
        while left := await self._ask(partial(self._reader.read_facts, committed), self._counting):
            if left > MOST_WAITED_FOR:
                self._read_later(0.0)
                raise NotRead(
                    f"{left:,} events are still to be read before numbers can be given: this is done now, some 100,000"
                    " a second. Ask again."
                )

    def _read_later(self, after: float = READ_AFTER) -> None:
        if self._reading_on is None and not self._closed:
            self._reading_on = asyncio.get_running_loop().call_later(after, self._read_on)

    def _read_on(self) -> None:
        """Read a piece, and let questions have their turn before the next one."""
        self._reading_on = None
        done = asyncio.get_running_loop().run_in_executor(
            self._counting, self._reader.read_facts, self._writer.committed
        )
        done.add_done_callback(self._read_more)

    def _read_more(self, done: "asyncio.Future[int]") -> None:
        if done.cancelled():
            return
        if error := done.exception():
            _log.warning("store.facts_not_read", reason=first_line(error))  # the next question says it, or can
        elif done.result():
            self._read_later(0.0)

    def _checkpoint_later(self) -> None:
        if self._timer is None and self._writer.dirty and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(CHECKPOINT_AFTER, self._checkpoint)

    def _checkpoint(self) -> None:
        self._timer = None
        done = asyncio.get_running_loop().run_in_executor(self._writing, self._writer.checkpoint)
        done.add_done_callback(lambda _: self._checkpoint_later())
