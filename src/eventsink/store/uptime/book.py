"""Keeps the file of uptime up to date with the store: reads what is new of checks, and does their hours anew.

Which order events come in does not matter: each hour is made of all that the store has of it. What was done twice,
because the process was killed in between, is the same.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from eventsink.causes import why
from eventsink.errors import StoreUnavailable
from eventsink.event import EPOCH
from eventsink.store.contract import EventQuery, StoredEvent
from eventsink.store.store import Store
from eventsink.store.uptime import file, report
from eventsink.store.uptime.file import DAY, HOUR, Hour, Series
from eventsink.store.uptime.timeline import DOWN, MAINTENANCE, UNKNOWN, UP, Sample, Segment, merge, segments, validity

__all__ = ["UptimeBook"]

EVERY = 30.0  # seconds
TYPES = "health.*"
MANY = 200_000  # events of one go, beyond the first hour of it
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
        self._hour = 0  # up to which what reaches beyond its hour was carried on

    async def keep(self) -> None:
        """Read what is new now and then; ends when it is cancelled."""
        while True:
            try:
                await self.refresh()
            except StoreUnavailable as error:
                _log.warning("uptime.not_read", reason=str(error))
            except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to look never again
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
            if committed == self._read_to and hour == self._hour:
                return
            await self._check_progress()
            if behind := await self._run(lambda connection: _behind(connection, now)):
                await self._do_hours(behind)
            while await self._read_some():
                pass
            self._read_to, self._hour = committed, hour

    async def uptime(self, question: report.Question) -> report.Uptime:
        """Sums and incidents of a span.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        await self.refresh()
        return await self._run(lambda connection: report.answer(connection, question))

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        async with self._one:
            connection, self._connection = self._connection, None
            if connection is not None:
                await asyncio.get_running_loop().run_in_executor(self._thread, connection.close)
        self._thread.shutdown()

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _check_progress(self) -> None:
        """A store that was emptied numbers its events anew."""
        seq = await self._run(file.progress)
        if seq > self._store.committed:
            _log.warning("uptime.store_is_another", known=seq, found=self._store.committed)
            await self._run(lambda connection: file.note_progress(connection, 0))

    async def _read_some(self) -> bool:
        """Read some pages of new events and do the hours that they are of. False: there is nothing more."""
        seq = last = await self._run(file.progress)
        earliest: dict[Key, tuple[Series, int]] = {}
        dirty: set[tuple[Key, int]] = set()
        more = True
        while more and last < seq + MANY:
            page = await self._store.page(EventQuery(type=TYPES, after_seq=last, order="asc", limit=10_000))
            more = page.next is not None
            if page.events:
                last = page.events[-1].seq
            for series, sample in filter(None, map(_read, page.events)):
                key = (series.name, series.region)
                earliest[key] = series, min(sample.at, earliest[key][1] if key in earliest else sample.at)
                dirty.add((key, sample.at - sample.at % HOUR))
        if last == seq:
            return False
        dirty |= await self._run(lambda connection: _enrol(connection, earliest.values()))
        await self._do_hours(dirty)
        await self._run(lambda connection: file.note_progress(connection, last))
        return more

    async def _do_hours(self, dirty: set[tuple[Key, int]]) -> None:
        now = round(time.time() * 1000)
        done: dict[str, int] = {}  # the earliest hour of each check that has changed
        while dirty:
            first = min(hour for _, hour in dirty)
            run = await self._how_many(first)
            samples = await self._samples(first, first + run * HOUR)
            part = {item for item in dirty if item[1] < first + run * HOUR}
            dirty -= part
            more, changed = await self._run(partial(_do, part=part, samples=samples, span=(first, run, now)))
            dirty |= more
            for name, hour in changed.items():
                done[name] = min(hour, done.get(name, hour))
        await self._run(lambda connection: _finish(connection, done, now))

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
            for event in page.events:
                if one := _read(event):
                    series, sample = one
                    key = (series.name, series.region), sample.at - sample.at % HOUR
                    found.setdefault(key, []).append(sample)
            if page.next is None:
                return found
            query = msgspec.structs.replace(query, after_seq=page.next)

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
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The file of uptime cannot be used at {self._path}: {why(error)}.") from error


def _read(event: StoredEvent) -> tuple[Series, Sample] | None:
    """The sample in an event; None where it is none."""
    if not event.type.endswith("_update"):
        return None
    data = _data.decode(bytes(event.data))
    up, target = data.get("up"), str(data.get("target") or data.get("url") or data.get("queue") or "")
    name = str(data.get("check") or target)
    if not name or not (up is None or isinstance(up, bool)) or ("up" not in data):
        return None
    reason = str(data.get("reason") or "")
    state = (MAINTENANCE if reason == "maintenance" else UNKNOWN) if up is None else UP if up else DOWN
    series = Series(0, name, str(data.get("region") or "-"), str(data.get("kind") or ""), target, 0)
    at = (event.time.replace(tzinfo=UTC) if event.time.tzinfo is None else event.time) - EPOCH
    said = (reason, str(data.get("message") or "")[:LONGEST_MESSAGE]) if state == DOWN else ("", "")
    elapsed = data.get("elapsed_ms")
    every = data.get("every_s")
    valid = validity(float(every) if isinstance(every, int | float) else None)
    took = float(elapsed) if isinstance(elapsed, int | float) else None
    return series, Sample(at // timedelta(milliseconds=1), state, valid, *said, took)


def _behind(connection: sqlite3.Connection, now: int) -> set[tuple[Key, int]]:
    """Hours that have begun since, and into which the last sample of a series reaches."""
    found = set()
    for series in file.all_series(connection):
        last = file.last_hour(connection, series.id) if series.region else None
        if last and last.carried and last.hour + HOUR <= now:
            found.add(((series.name, series.region), last.hour + HOUR))
    return found


def _enrol(connection: sqlite3.Connection, found: Any) -> set[tuple[Key, int]]:
    """Know series. What began earlier than was known makes the hour in which it was thought to begin another one."""
    before = {(series.name, series.region): series for series in file.all_series(connection)}
    again = set()
    for series, first in found:
        key = (series.name, series.region)
        file.enrol(connection, series._replace(first=first))
        file.enrol(connection, series._replace(region="", first=first))
        if key in before and first < before[key].first:
            again.add((key, before[key].first - before[key].first % HOUR))
    return again


def _do(
    connection: sqlite3.Connection,
    part: set[tuple[Key, int]],
    samples: dict[tuple[Key, int], list[Sample]],
    span: tuple[int, int, int],
) -> tuple[set[tuple[Key, int]], dict[str, int]]:
    """Do hours anew, and those after them into which they reach. Gives those that lie beyond the span."""
    first, run, now = span
    series = {(one.name, one.region): one for one in file.all_series(connection)}
    beyond: set[tuple[Key, int]] = set()
    changed: dict[str, int] = {}
    days: set[tuple[int, int]] = set()
    todo = set(part)
    for hour in range(first, first + run * HOUR, HOUR):
        for key in sorted(key for key, at in todo if at == hour):
            reaches = _do_hour(connection, series[key], hour, samples.get((key, hour), []))
            changed[key[0]] = min(hour, changed.get(key[0], hour))
            days.add((series[key].id, hour - hour % DAY))
            if reaches and hour + HOUR <= now:
                (todo if hour + HOUR < first + run * HOUR else beyond).add((key, hour + HOUR))
    for number, day in days:
        file.sum_day(connection, number, day)
    return beyond, changed


def _do_hour(connection: sqlite3.Connection, series: Series, hour: int, samples: list[Sample]) -> bool:
    """Do one hour anew; gives whether what is known of the next one follows from other things than before."""
    before, old = file.hour_at(connection, series.id, hour - HOUR), file.hour_at(connection, series.id, hour)
    found = segments(samples, before.carried if before else None, hour, hour + HOUR)
    carried = _carried(samples, before.carried if before else None, hour + HOUR)
    took = [sample.elapsed_ms for sample in samples if sample.elapsed_ms is not None]
    file.put(connection, series.id, Hour(hour, found, len(samples), sum(took), carried))
    return carried != (old.carried if old else None)


def _carried(samples: list[Sample], before: Segment | None, end: int) -> Segment | None:
    """What the last sample says beyond the end of its hour."""
    if samples:
        last = max(samples, key=lambda sample: (sample.at, sample.state == DOWN))
        before = Segment(last.at, last.at + last.valid, last.state, last.reason, last.message)
    if before is None or before.end <= end or before.state == UNKNOWN:
        return None
    return before._replace(start=end)


def _finish(connection: sqlite3.Connection, done: dict[str, int], now: int) -> None:
    """What follows from the hours of all regions: those of the check as a whole, and its incidents."""
    for name, first in done.items():
        found = {one.region: one for one in file.all_series(connection) if one.name == name}
        whole, regions = found.pop(""), {region: one.id for region, one in found.items()}
        last = first
        for hour in sorted(
            {hour.hour for one in regions.values() for hour in file.hours(connection, one, first, now + 1)}
        ):
            there = [one for region in regions.values() if (one := file.hour_at(connection, region, hour))]
            merged = Hour(
                hour,
                merge([one.segments for one in there]),
                sum(one.samples for one in there),
                sum(one.elapsed_ms for one in there),
            )
            file.put(connection, whole.id, merged)
            last = hour
        for day in range(first - first % DAY, last + 1, DAY):
            file.sum_day(connection, whole.id, day)
        file.renew_incidents(connection, whole.id, first, regions, last)


def _time(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)
