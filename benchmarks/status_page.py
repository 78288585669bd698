"""The status page over years of roll-ups: what one new edition costs, from the file to HTML."""

import asyncio
import gc
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.results import Result
from eventsink.assemble.process import COLLECT_AFTER
from eventsink.look.status.contract import Said
from eventsink.look.status.editions import PAGE, Editions
from eventsink.look.status.html import html
from eventsink.look.status.page import DAYS, compose
from eventsink.store import Store
from eventsink.store.uptime import UptimeBook, file
from eventsink.store.uptime.file import DAY, HOUR, Hour, Series
from eventsink.store.uptime.timeline import DOWN, UP, Segment

YEARS, CHECKS, REGIONS = 5, 100, ("urbana", "chicago", "oakland")
RUNS = 15


def status_page() -> list[Result]:
    """The page of 100 checks in three regions, over five years."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Result]:
    store = await Store.open(folder)
    _write(folder / "uptime.db")
    book = UptimeBook(store)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)  # as the sink does
    names = [f"check-{number:03}" for number in range(CHECKS)]
    said = Said(title="Clowder status", public=names)

    async def say() -> Said:
        return said

    whole, data, drawn = [], [], []
    size = packed = 0
    for _ in range(RUNS):
        now = datetime.now(UTC)
        begun = time.perf_counter()
        overview = await book.overview(names, now, DAYS)
        between = time.perf_counter()
        html(compose(said, overview, now), base="status/")
        done = time.perf_counter()
        editions = Editions(book, say)
        served = time.perf_counter()
        page = await editions.file(PAGE)
        whole.append(1000 * (time.perf_counter() - served))
        data.append(1000 * (between - begun))
        drawn.append(1000 * (done - between))
        assert page is not None
        size, packed = len(page.plain), len(page.packed)
        assert overview.checks[0].uptime["90d"] is not None
    now = datetime.now(UTC)
    overview = await book.overview(names, now, DAYS)
    begun = time.perf_counter()
    msgspec.json.encode(compose(said, overview, now))
    encoded = 1000 * (time.perf_counter() - begun)
    await book.close()
    await store.close()
    name = f"status page, {CHECKS} checks"
    return [
        Result(
            name=f"{name}: data and HTML",
            value=statistics.median(map(sum, zip(data, drawn, strict=True))),
            unit="ms",
            aim="< 100",
        ),
        Result(name=f"{name}: data", value=statistics.median(data), unit="ms"),
        Result(name=f"{name}: HTML", value=statistics.median(drawn), unit="ms"),
        Result(name=f"{name}: JSON", value=encoded, unit="ms"),
        Result(
            name=f"{name}: new edition",
            value=statistics.median(whole),
            unit="ms",
            limit=(
                f"Compressed as well: {size / 1e6:.1f} MB, {packed / 1e3:.0f} kB of them are sent. At most one edition"
                " in 5 s, however many ask."
            ),
        ),
    ]


def _write(path: Path) -> None:
    """Five years of hours and days of each check and region, with outages, as the file has them."""
    chance = random.Random(1)
    connection = file.connect(path)
    now = round(time.time() * 1000)
    last = now - now % HOUR
    first = last - YEARS * 365 * DAY
    hours = range(first, last + 1, HOUR)
    days = range(first - first % DAY, last, DAY)
    connection.execute("BEGIN")
    for number in range(CHECKS):
        for region in ("", *REGIONS):
            one = file.enrol(connection, Series(0, f"check-{number:03}", region, "http", "", first)).id
            took = 60 * chance.uniform(20, 90)
            connection.executemany(
                "INSERT INTO hours VALUES (?, ?, ?, NULL, 60, ?, NULL)", ((one, hour, UP, took) for hour in hours)
            )
            connection.executemany(
                "INSERT INTO days VALUES (?, ?, ?, 0, 0, 1440, ?)", ((one, day, DAY, 24 * took) for day in days)
            )
            for hour in chance.sample(hours, len(hours) // 500):
                middle = hour + chance.randrange(60_000, HOUR)
                segments = [Segment(hour, middle, DOWN, "timeout"), Segment(middle, hour + HOUR, UP)]
                file.put(connection, one, Hour(hour, segments, 60, took))
                file.sum_day(connection, one, hour - hour % DAY)
                if not region:
                    row = (one, hour, middle, middle - hour, "timeout", "", "urbana")
                    connection.execute("INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    connection.execute("COMMIT")
    connection.close()


BENCHMARKS: list[Callable[[], list[Result]]] = [status_page]
