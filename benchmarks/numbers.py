"""Ten million events of a year: how fast they are stored, and how fast every page and report is there."""

import asyncio
import functools
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.results import Result
from eventsink.event import Event, new_ids
from eventsink.look.numbers.desk import NumbersDesk
from eventsink.store import EventQuery, Store
from eventsink.store.counter import Period, Rules
from eventsink.store.facts import NotRead

EVENTS = 10_000_000
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
SECONDS = 365 * 86_400
DATASETS, FILES, PEOPLE, VISITORS, SPACES = 20_000, 1_000_000, 2_000, 300_000, 60
AT_ONCE = 20_000
RUNS = 3
MEMORY, THREADS = "256MB", 2  # what the store takes by itself of 1 GB and two processors
MONTH = {"since": ["2025-10"], "until": ["2025-10"]}
YEAR = {"since": ["2025-01"], "until": ["2025-12"]}
REPORTS: tuple[tuple[str, dict[str, list[str]]], ...] = (
    ("usage", MONTH),
    ("usage", YEAR),
    ("usage", MONTH | {"by": ["dataset"]}),
    ("usage", YEAR | {"by": ["user"]}),
    ("storage", YEAR | {"by": ["month,space"]}),
    ("extractors", MONTH),
    ("extractors", YEAR | {"by": ["extractor"]}),
    ("api", YEAR),
    ("datasets", {"limit": ["1000"]}),
    ("files", {"limit": ["1000"]}),
    ("spaces", {}),
    ("users", {}),
)


def numbers() -> list[Result]:
    """Ten million events: load, facts, pages, reports, COUNTER, disk and memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.numbers", folder]  # a process of its own: its memory is measured
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        return msgspec.json.decode(found, type=list[Result])


async def _measure(folder: Path) -> list[Result]:
    store = await Store.open(folder / "store", memory=MEMORY, threads=THREADS)
    results = [
        *await _load(store, folder),
        *await _pages(store),
        *await _reports(store),
        *await _counter(store, folder),
    ]
    peak = int(next(line for line in _status() if line.startswith("VmHWM")).split()[1]) / 1024
    await store.close()
    months = sum(file.stat().st_size for file in (folder / "store").glob("events-*"))
    facts = sum(file.stat().st_size for file in (folder / "store").glob("facts*"))
    return [
        *results,
        Result(name="10 M events: bytes of the store per event", value=months / EVENTS, unit="bytes"),
        Result(name="10 M events: bytes of the facts per event", value=facts / EVENTS, unit="bytes"),
        Result(name=f"10 M events: highest memory of all ({MEMORY} for DuckDB)", value=peak, unit="MB", aim="< 1,000"),
    ]


def _status() -> list[str]:
    return Path("/proc/self/status").read_text("ascii").splitlines()


async def _load(store: Store, folder: Path) -> list[Result]:
    events, spent = _events(), 0.0
    with (folder / "october.ndjson").open("wb") as month:
        while some := list(itertools.islice(events, AT_ONCE)):
            begun = time.perf_counter()
            await store.append(some)
            spent += time.perf_counter() - begun
            for event in some:
                if event.time.month == 10:
                    month.write(msgspec.json.encode(event) + b"\n")
    begun = time.perf_counter()
    await _until_read(store)
    behind = time.perf_counter() - begun
    return [
        Result(name="10 M events: appended", value=EVENTS / spent, unit="events/s"),
        Result(name="10 M events: until the facts have all, after that", value=behind, unit="s"),
    ]


async def _until_read(store: Store) -> None:
    try:
        await NumbersDesk(store).page("overview", MONTH)
    except NotRead:
        await asyncio.sleep(0.05)
        await _until_read(store)


async def _pages(store: Store) -> list[Result]:
    desk, results = NumbersDesk(store), []
    for page in desk.pages():
        for span, asked in (("a month", MONTH), ("the year", YEAR)):
            taken = await _timed(functools.partial(desk.page, page["name"], asked))
            name = f"10 M events: page {page['name']}, {span}"
            results.append(Result(name=name, value=1000 * taken, unit="ms", aim="< 500" if span == "a month" else ""))
    return results


async def _reports(store: Store) -> list[Result]:
    desk, results = NumbersDesk(store), []
    for name, asked in REPORTS:
        taken = await _timed(functools.partial(desk.report, name, asked))
        said = ", ".join(f"{option} {values[0]}" for option, values in asked.items() if option != "until")
        aim = "< 1" if (name, asked) == REPORTS[0] else ""
        results.append(Result(name=f"10 M events: report {name}, {said}", value=taken, unit="s", aim=aim))
    return results


async def _counter(store: Store, folder: Path) -> list[Result]:
    taken = await _timed(lambda: store.counter(Period("2025-10", "2025-10"), Rules()))
    begun = time.perf_counter()
    plain = _count_plainly(folder / "october.ndjson")
    script = time.perf_counter() - begun
    assert sum(plain.values()) > 0
    found = await _timed(lambda: NumbersDesk(store).page("overview", MONTH))
    counted = await store.count(
        EventQuery(since=datetime(2025, 10, 1, tzinfo=UTC), until=datetime(2025, 11, 1, tzinfo=UTC))
    )
    name = f"10 M events: a month of {counted:,}"
    return [
        Result(name=f"{name}: COUNTER", value=taken, unit="s", aim="< 5"),
        Result(
            name=f"{name}: page overview, by a plain script over NDJSON", value=1000 * found, unit="ms",
            baseline=1000 * script, ratio=found / script,
        ),
    ]  # fmt: skip


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
    """The median of some runs, seconds."""
    taken = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def _count_plainly(file: Path) -> dict[tuple[str, str], int]:
    """What a script of somebody without this program does: every line, a dictionary of sums by day and kind."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    with file.open("rb") as lines:
        for line in lines:
            event = json.loads(line)
            sums[event["time"][:10], event["type"]] += 1
            sums["bytes", event["type"]] += event["data"].get("bytes", 0)
    return sums


# --- the events ------------------------------------------------------------------------------------------------------


def _events() -> Iterator[Event]:
    chance = random.Random(1)
    for number in range(EVENTS):
        when = BEGIN + timedelta(seconds=SECONDS * number / EVENTS, microseconds=chance.randrange(1_000_000))
        kind, data = _what(chance)
        user = f"64a{int(PEOPLE * chance.random() ** 2):021x}" if chance.random() < 0.6 else None
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
    number = int(DATASETS * (file / FILES) ** 3)
    dataset, space = f"64c{number:021x}", f"64d{number % SPACES:021x}"
    of_file = {"resource_type": "file", "resource_id": f"64b{file:021x}", "dataset_id": dataset, "space_id": space}
    if dice < 0.3:
        return "traffic.resource_viewed", of_file | {"resource_name": f"plot-{file}.png"}
    if dice < 0.5:
        return "traffic.resource_downloaded", of_file | {"bytes": 1_000 + file, "http_status": 200}
    if dice < 0.65:
        url = f"https://clowder.example.org/datasets/{dataset}"
        visitor = f"{chance.randrange(VISITORS):032x}"
        about = {"resource_type": "dataset", "resource_id": dataset, "visitor": visitor, "session": visitor[:20]}
        return "traffic.page_view", about | {
            "url": url,
            "country": chance.choice(("US", "DE", "JP")),
            "device": "desktop",
        }
    if dice < 0.8:
        route = f"/api/{chance.choice(('files', 'datasets', 'spaces'))}/{{id}}/{chance.randrange(12)}"
        return "traffic.api_request", {"method": "GET", "route": route, "status": 200, "duration_ms": file % 997 / 3}
    if dice < 0.92:
        job = {
            "extractor": f"ncsa.image.{file % 25}",
            "job_id": f"{file:024x}",
            "status": ("queued", "done", "failed")[file % 3],
        }
        return "extractions.extraction_event", of_file | job | {"queue_ms": 1250.0 + file % 100, "run_ms": 8300.0}
    name = {"file_id": of_file["resource_id"], "file_name": f"plot-{file}.png", "mime_type": "image/png", "bytes": file}
    return "storage.file_uploaded", name | {"dataset_id": dataset, "dataset_name": f"Soil {number}", "space_id": space}


BENCHMARKS: list[Callable[[], list[Result]]] = [numbers]


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_measure(Path(sys.argv[1])))))
