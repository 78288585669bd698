"""COUNTER's month: 830,000 events of a busy Clowder, counted in SQL."""

import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.results import Result
from eventsink.event import Event, new_ids
from eventsink.look.counter import About, Platform, render_json
from eventsink.store import Store
from eventsink.store.counter import Period, Rules

EVENTS, DATASETS, FILES, PEOPLE, VISITORS = 830_000, 3_000, 40_000, 400, 30_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = 31 * 86_400
AT_ONCE = 5_000
RUNS = 3
PLATFORM = Platform(name="Clowder", created_by="Clowder")


def counter() -> list[Result]:
    """A month of 830,000 events: views and downloads of people, programs and robots, and what else there is."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Result]:
    store = await Store.open(folder)
    events = _events()
    while some := list(itertools.islice(events, AT_ONCE)):
        await store.append(some)
    counted, worked, rendered = [], [], []
    for _ in range(RUNS):
        start, work = time.perf_counter(), time.process_time()
        usage = await store.counter(Period("2026-01", "2026-01"), Rules())
        counted.append(time.perf_counter() - start)
        worked.append(time.process_time() - work)
        start = time.perf_counter()
        render_json(usage, PLATFORM, About(), created=BEGIN.date())
        rendered.append(time.perf_counter() - start)
    await store.close()
    name = f"COUNTER, a month of {EVENTS:,} events"
    return [
        Result(name=f"{name}: counted", value=statistics.median(counted), unit="s", aim="< 5"),
        Result(name=f"{name}: processor time of that", value=statistics.median(worked), unit="s"),
        Result(name=f"{name}: JSON", value=statistics.median(rendered), unit="s"),
    ]


def _events() -> Iterator[Event]:
    chance = random.Random(1)
    for moment in sorted(chance.random() * SECONDS for _ in range(EVENTS)):
        when = BEGIN + timedelta(seconds=moment)
        kind, data = _what(chance)
        user = f"64a{chance.randrange(PEOPLE):021x}" if chance.random() < 0.4 else None
        if user is None and kind.startswith("traffic."):
            number = chance.randrange(VISITORS)
            data |= {"visitor": f"{number:032x}", "session": f"{number:016x}", "device": "desktop"}
            data |= {"country": chance.choice(("US", "DE", "JP"))} | ({"robot": True} if number % 10 == 0 else {})
        yield Event(
            id=new_ids(1, when)[0],
            source="clowder.example.org",
            type=kind,
            time=when,
            received=when,
            user=user,
            data=data,
        )


def _what(chance: random.Random) -> tuple[str, dict[str, Any]]:
    dice, file = chance.random(), chance.randrange(FILES)
    dataset = f"64c{file % DATASETS:021x}"
    of_file = {"resource_type": "file", "resource_id": f"64b{file:021x}", "dataset_id": dataset}
    if dice < 0.35:
        return "traffic.resource_viewed", {"resource_type": "dataset", "resource_id": dataset, "resource_name": "Soil"}
    if dice < 0.6:
        return "traffic.resource_viewed", of_file
    if dice < 0.85:
        return "traffic.resource_downloaded", of_file | {"bytes": 1_000 + file, "http_status": 200}
    return "traffic.api_request", {"method": "GET", "route": "/datasets/{id}", "status": 200, "bytes": 5_120}


BENCHMARKS: list[Callable[[], list[Result]]] = [counter]
