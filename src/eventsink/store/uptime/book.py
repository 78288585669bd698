"""Keeps the file of uptime up to date with the store: reads what is new of checks, and does their hours anew.

Which order events come in does not matter: each hour is made of all that the store has of it. What was done twice,
because the process was killed in between, is the same.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from eventsink.catalogue import CATALOGUE
from eventsink.causes import why
from eventsink.errors import StoreUnavailable
from eventsink.event import EPOCH
from eventsink.store.contract import EventQuery, StoredEvent
from eventsink.store.store import Store
from eventsink.store.uptime import file, glance, overview, report
from eventsink.store.uptime.file import DAY, HOUR, Hour, Series
from eventsink.store.uptime.overview import HIDDEN
from eventsink.store.uptime.timeline import (
    DOWN,
    MAINTENANCE,
    UNKNOWN,
    UP,
    Sample,
    Segment,
    merge,
    order,
    segments,
    validity,
)

__all__ = ["UptimeBook"]

EVERY = 30.0  # seconds
FRESH = 2 * EVERY  # of what `keep` reads
PATIENCE = 3.0  # seconds in which a page waits for what is new
TYPES = "health.*"
LOOKED_BACK = 4 * DAY  # milliseconds: no sample is good for longer
LAST = datetime(9999, 1, 1, tzinfo=UTC)
MANY = 200_000  # events of one go, beyond the first hour of it
MOST_SERIES = 10_000  # checks and regions: a key may make them up
MOST = 1e15  # of seconds and milliseconds, as the catalogue has it
TOGETHER = (24 * 30, 24)  # hours of one go
LONGEST_MESSAGE = 200
NAME = "uptime.db"

T = TypeVar("T")
Key = tuple[str, str]  # check and region
_log = structlog.get_logger(__name__)
_data = msgspec.json.Decoder(dict[str, Any])


class UptimeBook:
    """What is known of every check, from the store's first event on.

    Args:
        store: whose events it reads; the file lies in its folder.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._path: Path = store.path / NAME
        self._thread = ThreadPoolExecutor(1, "uptime")
        self._connection: sqlite3.Connection | None = None
        self._one = asyncio.Lock()
        self._read_to = -1  # the last event that the store had when it was read
        self._read_at: datetime | None = None
        self.trouble = ""
        """What a person should know; empty when all is well."""
        self._hour = 0  # up to which what reaches beyond its hour was carried on

    async def keep(self) -> None:
        """Read what is new now and then; ends when it is cancelled."""
        while True:
            try:
                await self.refresh()
                self.trouble = ""
            except StoreUnavailable as error:
                self.trouble = f"Uptime is not up to date: {error}"
                _log.warning("uptime.not_read", reason=str(error))
            except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to look never again
                self.trouble = "Uptime is not up to date, by a fault of the event sink; its log says where."
                _log.exception("uptime.failed")
            await asyncio.sleep(EVERY)

    async def refresh(self) -> None:
        """Read all that is new.

        Raises:
            StoreUnavailable: the store does not answer, or the disk takes nothing.
        """
        async with self._one:
            committed, now = self._store.committed, round(time.time() * 1000)
            hour = now - now % HOUR
            begun = datetime.now(UTC)
            if committed == self._read_to and hour == self._hour:
                self._read_at = begun
                return
            await self._check_progress()
            await self._run(lambda connection: _carry_on(connection, now))
            await self._do_hours(now)
            while await self._read_some():
                await self._do_hours(now)
            self._read_to, self._hour, self._read_at = committed, hour, begun

    async def uptime(self, question: report.Question) -> report.Uptime:
        """Sums and incidents of a span.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        await self.refresh()
        return await self._run(lambda connection: report.answer(connection, question))

    async def encoded(self, question: report.Question) -> bytes:
        """The same as JSON, made on the thread of the file: it may be long.

        Raises:
            StoreUnavailable: the store does not answer.
            TooManyRows: it would be too long.
        """
        await self.refresh()
        return await self._run(lambda connection: msgspec.json.encode(report.answer(connection, question)))

    async def now(self) -> report.Now:
        """How the checks are at this moment, as far as was read.

        Raises:
            StoreUnavailable: the file cannot be read.
        """
        # As of the last reading: what was measured since is not known yet, and what is quick would seem unknown.
        read_at = datetime.now(UTC) if self._read_at is None else self._read_at
        now = (read_at - EPOCH) // timedelta(milliseconds=1)
        return await self._run(lambda connection: report.present(connection, now))

    async def overview(self, names: Sequence[str], now: datetime, days: int = 90) -> overview.Overview:
        """The named checks at a glance, of the last days, as they were at a moment, or when results were last read.

        Raises:
            StoreUnavailable: the file cannot be read.
        """
        read_at, moment = await self._last_read(now)
        found = await self._run(lambda connection: overview.survey(connection, names, moment, days))
        return msgspec.structs.replace(found, read_at=read_at)

    async def glance(self, now: datetime) -> bytes:
        """All checks at a glance as JSON, as they were at a moment, or when results were last read.

        Raises:
            StoreUnavailable: the file cannot be read.
        """
        read_at, moment = await self._last_read(now)

        def work(connection: sqlite3.Connection) -> bytes:
            found = glance.glance(connection, moment)
            return msgspec.json.encode(msgspec.structs.replace(found, read_at=read_at))

        return await self._run(work)

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        async with self._one:
            connection, self._connection = self._connection, None
            if connection is not None:
                await asyncio.get_running_loop().run_in_executor(self._thread, connection.close)
        self._thread.shutdown()

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _last_read(self, now: datetime) -> tuple[datetime | None, int]:
        """When results were last read, after doing so where that is long ago, and the moment to be shown."""
        if self._read_at is None or (datetime.now(UTC) - self._read_at).total_seconds() > FRESH:
            with contextlib.suppress(StoreUnavailable, TimeoutError):  # the age of what is shown says it
                await asyncio.wait_for(self.refresh(), PATIENCE)
        # What was not read yet is not unknown: a check that runs each second says something for two and a half alone.
        return self._read_at, (min(now, self._read_at or now) - EPOCH) // timedelta(milliseconds=1)

    async def _check_progress(self) -> None:
        """A store that was emptied numbers its events anew."""
        seq = await self._run(file.progress)
        if seq > self._store.committed:
            _log.warning("uptime.store_is_another", known=seq, found=self._store.committed)
            await self._run(lambda connection: file.note_progress(connection, 0))

    async def _read_some(self) -> bool:
        """Note of which hours the next new events are. False: there are none."""
        seq = last = await self._run(file.progress)
        earliest: dict[Key, tuple[Series, int]] = {}
        dirty: set[tuple[Key, int]] = set()
        more = True
        while more and last < seq + MANY:
            page = await self._store.page(EventQuery(type=TYPES, after_seq=last, order="asc", limit=10_000))
            more = page.next is not None
            if page.events:
                last = page.events[-1].seq
            for series, sample in await self._off_the_loop(partial(_read_all, page.events)):
                key = (series.name, series.region)
                earliest[key] = series, min(sample.at, earliest[key][1] if key in earliest else sample.at)
                dirty.add((key, sample.at - sample.at % HOUR))
        if last == seq:
            return False

        def note(connection: sqlite3.Connection) -> None:
            _note_dirty(connection, earliest, dirty)
            file.note_progress(connection, last)

        await self._run(note)
        return True

    async def _do_hours(self, now: int) -> None:
        """Do all hours that are to be done, up to the present one. Ended in between, the next time goes on."""
        while (first := await self._run(lambda connection: file.first_dirty(connection, now))) is not None:
            hours = await self._how_many(first)
            samples = await self._samples(first, first + hours * HOUR)
            await self._run(partial(_do, samples=samples, first=first, until=min(first + hours * HOUR, now + 1)))
        while await self._run(lambda connection: _finish_some(connection, now)):
            """One after the other, so that a question need not wait for all of them."""

    async def _how_many(self, first: int) -> int:
        """How many hours to read at once: more where there is little in them."""
        for hours in TOGETHER:
            query = EventQuery(type=TYPES, since=_time(first), until=_time(first + hours * HOUR))
            if await self._store.count(query) <= MANY:
                return hours
        return 1

    async def _samples(self, since: int, until: int) -> dict[tuple[Key, int], list[Sample]]:
        """All samples of a span, by series and hour."""
        found: dict[tuple[Key, int], list[Sample]] = {}
        query = EventQuery(type=TYPES, since=_time(since), until=_time(until), order="asc", limit=10_000)
        while True:
            page = await self._store.page(query)
            for series, sample in await self._off_the_loop(partial(_read_all, page.events)):
                key = (series.name, series.region), sample.at - sample.at % HOUR
                found.setdefault(key, []).append(sample)
            if page.next is None:
                return found
            query = msgspec.structs.replace(query, after_seq=page.next)

    async def _off_the_loop(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            if self._connection is None:
                self._connection = file.connect(self._path)
            connection = self._connection
            connection.execute("BEGIN")
            try:
                outcome = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.rollback()
                raise
            return outcome

        try:
            return await self._off_the_loop(run)
        except (sqlite3.Error, OSError) as error:
            connection, self._connection = self._connection, None  # should it be damaged, opening it finds that out
            if connection is not None:
                await self._off_the_loop(connection.close)
            raise StoreUnavailable(f"The file of uptime cannot be used at {self._path}: {why(error)}.") from error


def _read_all(events: Sequence[StoredEvent]) -> list[tuple[Series, Sample]]:
    return [found for event in events if (found := _read(event))]


def _read(event: StoredEvent) -> tuple[Series, Sample] | None:
    """The sample in an event; None where it is none. Of types that the catalogue does not know nothing was checked."""
    if event.type not in _KNOWN:
        return None
    data = _data.decode(bytes(event.data))
    up, target = data.get("up"), str(data.get("target") or data.get("url") or data.get("queue") or "")
    name = str(data.get("check") or target)
    if not name or "up" not in data or not (up is None or isinstance(up, bool)):
        return None
    reason = str(data.get("reason") or "")
    state = (MAINTENANCE if reason == "maintenance" else UNKNOWN) if up is None else UP if up else DOWN
    series = Series(0, name, str(data.get("region") or "-"), str(data.get("kind") or ""), target, 0)
    at = (event.time.replace(tzinfo=UTC) if event.time.tzinfo is None else event.time) - EPOCH
    said = (reason, str(data.get("message") or "")[:LONGEST_MESSAGE]) if state == DOWN else ("", "")
    sample = Sample(
        at // timedelta(milliseconds=1),
        state,
        validity(_number(data.get("every_s"))),
        *said,
        _took(event.type, data),
    )
    return series, sample


def _took(event_type: str, data: Mapping[str, object]) -> float | None:
    """How long a result took. Of a ping that is a round trip: the whole is mostly pauses between its requests."""
    return _number(data.get("avg_ms" if event_type == "health.ping_update" else "elapsed_ms"))


def _number(value: object) -> float | None:
    """A number that is one, and not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST:
        return None
    return float(value)


def _carry_on(connection: sqlite3.Connection, now: int) -> None:
    """Hours that have begun since, and into which the last sample of a series reaches, are to be done."""
    for series in file.all_series(connection):
        if series.region:
            for hour in file.open_ends(connection, series.id, now - LOOKED_BACK, now - HOUR):
                file.add_dirty(connection, series.id, hour + HOUR)


def _note_dirty(
    connection: sqlite3.Connection, earliest: Mapping[Key, tuple[Series, int]], dirty: set[tuple[Key, int]]
) -> None:
    """Know series, and that hours of them are to be done.

    What began earlier than was known makes the hour in which it was thought to begin another one.
    """
    known = file.count_series(connection)
    ids: dict[Key, int] = {}
    left_out: list[str] = []
    for key, (series, first) in earliest.items():
        before = file.find_series(connection, *key)
        if before is None and known >= MOST_SERIES:
            left_out.append(series.name[:100])
            continue
        known += before is None
        ids[key] = file.enrol(connection, series._replace(first=first)).id
        if series.region != HIDDEN or file.find_series(connection, series.name, "") is None:
            file.enrol(connection, series._replace(region="", first=first))
        if before and first < before.first:
            file.add_dirty(connection, before.id, before.first - before.first % HOUR)
    if left_out:  # said once: whoever makes up names is not to fill the log
        _log.error("uptime.too_many_checks", most=MOST_SERIES, left_out=len(left_out), check=left_out[0])
    for key, hour in dirty:
        if key in ids:
            file.add_dirty(connection, ids[key], hour)


def _do(
    connection: sqlite3.Connection, samples: Mapping[tuple[Key, int], list[Sample]], first: int, until: int
) -> None:
    """Do the hours of a span that are to be done, and those after them into which they reach."""
    series = {one.id: one for one in file.all_series(connection)}
    todo: dict[int, set[int]] = {}
    for number, hour in file.dirty(connection, first, until):
        todo.setdefault(hour, set()).add(number)
    days: set[tuple[int, int]] = set()
    for hour in range(first, until, HOUR):
        for number in sorted(todo.get(hour, ())):
            one = series[number]
            if _do_hour(connection, number, hour, samples.get(((one.name, one.region), hour), [])):
                if hour + HOUR < until:
                    todo.setdefault(hour + HOUR, set()).add(number)
                else:
                    file.add_dirty(connection, number, hour + HOUR)
            days.add((number, hour - hour % DAY))
            file.add_unfinished(connection, one.name, hour)
    for number, day in days:
        file.sum_day(connection, number, day)
    file.remove_dirty(connection, first, until)


def _do_hour(connection: sqlite3.Connection, series: int, hour: int, samples: list[Sample]) -> bool:
    """Do one hour anew; gives whether what is known of the next one follows from other things than before."""
    before, old = file.hour_at(connection, series, hour - HOUR), file.hour_at(connection, series, hour)
    found = segments(samples, before.carried if before else None, hour, hour + HOUR)
    carried = _carried(samples, before.carried if before else None, hour + HOUR)
    took = [sample.elapsed_ms for sample in samples if sample.elapsed_ms is not None]
    file.put(connection, series, Hour(hour, found, len(samples), sum(took), carried, len(took)))
    return carried != (old.carried if old else None)


def _carried(samples: list[Sample], before: Segment | None, end: int) -> Segment | None:
    """What the last sample says beyond the end of its hour."""
    if samples:
        last = max(samples, key=order)
        before = Segment(last.at, last.at + last.valid, last.state, last.reason, last.message)
    if before is None or before.end <= end or before.state == UNKNOWN:
        return None
    return before._replace(start=end)


def _finish_some(connection: sqlite3.Connection, now: int) -> bool:
    """What follows for a check from the hours of its regions: those of it as a whole, and its incidents.

    False: there is none left.
    """
    found = file.unfinished(connection)
    if found is None:
        return False
    name, first = found
    of_it = {one.region: one for one in file.series_of(connection, name)}
    whole, regions = of_it.pop(""), {region: one.id for region, one in of_it.items()}
    last = first
    for hour in sorted({hour.hour for one in regions.values() for hour in file.hours(connection, one, first, now + 1)}):
        there = [one for region in regions.values() if (one := file.hour_at(connection, region, hour))]
        merged = Hour(
            hour,
            merge([one.segments for one in there]),
            sum(one.samples for one in there),
            sum(one.elapsed_ms for one in there),
            measured=sum(one.measured for one in there),
        )
        file.put(connection, whole.id, merged)
        last = hour
    for day in range(first - first % DAY, last + 1, DAY):
        file.sum_day(connection, whole.id, day)
    file.renew_incidents(connection, whole.id, first, regions, last)
    file.remove_unfinished(connection, name)
    return True


def _time(milliseconds: int) -> datetime:
    return min(EPOCH + timedelta(milliseconds=min(milliseconds, 2**47)), LAST)


_KNOWN = frozenset(
    name
    for name, entry in CATALOGUE.items()
    if name.startswith("health.") and name.endswith("_update") and "up" in entry.fields
)
