"""The embedded sink: one process from HTTP to the store."""

import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.load import post
from benchmarks.results import Result
from eventsink.store import Store
from eventsink.testing import sample_events
from tests.sink_process import SinkProcess

__all__ = ["BENCHMARKS", "SECONDS", "noop", "resident"]

SECONDS = 6.0
NOOP_PORT = 18751


@contextlib.contextmanager
def _sink(*, core: int | None = None) -> Iterator[SinkProcess]:
    pin = ("taskset", "-c", str(core)) if core is not None and shutil.which("taskset") else ()
    with tempfile.TemporaryDirectory() as folder:
        sink = SinkProcess(Path(folder) / "var", prefix=pin)
        try:
            yield sink.start()
        finally:
            sink.close()


@contextlib.contextmanager
def noop(*, core: int | None = None) -> Iterator[str]:
    """A handler that does nothing, in a process of its own; gives its address."""
    pin = ("taskset", "-c", str(core)) if core is not None and shutil.which("taskset") else ()
    command = [*pin, sys.executable, "-m", "benchmarks.noop", str(NOOP_PORT)]
    with subprocess.Popen(command) as process:
        time.sleep(1.0)
        try:
            yield f"http://127.0.0.1:{NOOP_PORT}/"
        finally:
            process.kill()


def single_posts() -> list[Result]:
    """Single posts with durable answer, 64 connections, against a handler that does nothing."""
    pairs = []
    with noop() as baseline_url, _sink() as sink:
        for seed in range(3):  # in turns, so that a noisy neighbour disturbs both
            base = post(baseline_url, "none", batch=1, connections=64, seconds=SECONDS / 2, seed=seed)
            ours = post(f"{sink.url}/v1/events", sink.key, batch=1, connections=64, seconds=SECONDS, seed=seed)
            pairs.append((ours.rate, base.rate, ours.p99_ms))
        sink.settle(120)
    value, baseline, p99 = (statistics.median(column) for column in zip(*pairs, strict=True))
    limit = (
        f"p99 {p99:.1f} ms. All Python runs in one thread: HTTP, JSON, checks, and the store's worker take turns;"
        " one fsync serves all requests that wait."
    )
    aim = "ratio >= 0.4"
    return [
        Result(
            name="single posts, durable",
            value=value,
            unit="posts/s",
            baseline=baseline,
            ratio=value / baseline,
            aim=aim,
            limit=limit,
        )
    ]


def batches() -> list[Result]:
    """Batches of 100, on one core and on all, against a handler that does nothing with the same bodies."""
    limit = (
        "Whatever is accepted is also delivered: the store's worker and DuckDB take their share of the same cores"
        " ({waiting:,} events waited at the end). p99 {p99:.1f} ms."
    )
    results = []
    for name, sink_core, load_core, aim in (("one core", 0, 1, ">= 150,000"), ("all cores", None, None, "")):
        with noop(core=sink_core) as baseline_url:
            base = post(baseline_url, "none", batch=100, connections=16, seconds=SECONDS, seed=1, core=load_core)
        with _sink(core=sink_core) as sink:
            url = f"{sink.url}/v1/events"
            ours = post(url, sink.key, batch=100, connections=16, seconds=SECONDS, seed=1, core=load_core)
            waiting = sink.accounts()["store"]["waiting"]
            sink.settle(120)
        results.append(
            Result(
                name=f"batches of 100, {name}",
                value=100 * ours.rate,
                unit="events/s",
                baseline=100 * base.rate,
                ratio=ours.rate / base.rate,
                aim=aim,
                limit=limit.format(waiting=waiting, p99=ours.p99_ms),
            )
        )
    return results


def to_the_store() -> list[Result]:
    """From post to visible in the store, under a flood of batches."""
    baseline = asyncio.run(_bare_appends())
    delays: list[float] = []
    with _sink() as sink:
        stop = threading.Event()
        probing = threading.Thread(target=_probe, args=(sink, stop, delays))
        probing.start()
        begun = time.monotonic()
        ours = post(f"{sink.url}/v1/events", sink.key, batch=100, connections=8, seconds=2 * SECONDS, seed=1)
        sink.settle(300)
        seconds = time.monotonic() - begun
        stop.set()
        probing.join()
    rate = 100 * ours.requests / seconds
    limit = "The interpreter's lock: the front door and the store's worker share it; DuckDB itself runs beside them."
    return [
        Result(
            name="post to visible in the store",
            value=rate,
            unit="events/s",
            baseline=baseline,
            ratio=rate / baseline,
            aim=">= 80,000",
            limit=limit,
        ),
        Result(name="median delay until visible, under flood", value=statistics.median(delays), unit="s", aim="< 1"),
    ]


async def _bare_appends() -> float:
    """Events a second that the store takes in prepared batches of 5,000, with nothing else running."""
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(Path(folder) / "store")
        batches = [sample_events(5000) for _ in range(20)]
        begun = time.monotonic()
        for batch in batches:
            await store.append(batch)
        seconds = time.monotonic() - begun
        await store.close()
    return 100_000 / seconds


def _probe(sink: SinkProcess, stop: threading.Event, delays: list[float]) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        sink.post({"id": f"probe-{number}", "type": "bench.probe"})
        begun = time.monotonic()
        while not sink.request("GET", f"/v1/events?id=probe-{number}")[1].get("events"):
            time.sleep(0.01)
        delays.append(time.monotonic() - begun)
        time.sleep(0.1)


def send_a_million() -> list[Result]:
    """`eventsink send` of a file of a million lines, against reading the file and decoding its lines."""
    with _sink() as sink:
        file = sink.data.parent / "million.ndjson"
        with file.open("w") as lines:
            for number in range(1_000_000):
                lines.write(
                    json.dumps({"type": "storage.file_uploaded", "user": f"u{number % 500}", "data": {"bytes": number}})
                    + "\n"
                )
        begun = time.monotonic()
        with file.open("rb") as raw:
            for line in raw:
                json.loads(line)
        baseline = 1_000_000 / (time.monotonic() - begun)
        environment = os.environ | {
            "XDG_STATE_HOME": str(sink.data.parent),
            "EVENTSINK_URL": sink.url,
            "EVENTSINK_KEY": sink.key,
        }
        begun = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "eventsink", "send", str(file)], env=environment, check=True, capture_output=True
        )
        rate = 1_000_000 / (time.monotonic() - begun)
        sink.settle(300)
        after = resident(sink.pid)
    limit = "The sink's one thread: it also delivers to the store meanwhile; the command itself waits for answers."
    return [
        Result(
            name="send of a million events",
            value=rate,
            unit="events/s",
            baseline=baseline,
            ratio=rate / baseline,
            limit=limit,
        ),
        Result(name="resident memory after a million events", value=after, unit="MB", aim="< 200"),
    ]


def start_and_memory() -> list[Result]:
    """Start to first accepted event, against the start of the interpreter; memory when idle."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    baseline = time.monotonic() - begun
    values: list[float] = []
    idle = 0.0
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            sink = SinkProcess(Path(folder) / "var")
            begun = time.monotonic()
            try:
                sink.start()
                assert sink.post({"type": "users.login"})[0] == 202
                values.append(time.monotonic() - begun)
                idle = resident(sink.pid)
            finally:
                sink.close()
    value = statistics.median(values)
    return [
        Result(
            name="start to first accepted event",
            value=value,
            unit="s",
            baseline=baseline,
            ratio=value / baseline,
            aim="< 2",
            limit="Importing Litestar and DuckDB, and opening the store.",
        ),
        Result(name="resident memory, idle", value=idle, unit="MB", aim="< 200"),
    ]


def resident(pid: int) -> float:
    """Resident memory of a process, megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


_DEAD = '''
"""A destination that never answers."""
from dataclasses import dataclass
from eventsink.deliver.worker import Worker
from eventsink.errors import TryLater

@dataclass(frozen=True)
class Options:
    """None."""

class Dead(Worker[Options]):
    """Is away."""

    async def deliver(self, events):
        """Say so."""
        raise TryLater("nobody is there")
'''


def beside_a_dead_destination() -> list[Result]:
    """The front door beside a destination that is away with a million events, against the same without it."""
    with tempfile.TemporaryDirectory() as folder:
        worker = Path(folder) / "dead.py"
        worker.write_text(_DEAD)
        dead = SinkProcess(Path(folder) / "dead", environment={"EVENTSINK_WORKERS__DEAD__USE": str(worker)})
        alone = SinkProcess(Path(folder) / "alone")
        sinks = (dead, alone)
        try:
            for sink in sinks:
                _fill(sink.start(), BACKLOG)
            pairs = [
                tuple(
                    post(f"{sink.url}/v1/events", sink.key, batch=1, connections=64, seconds=SECONDS, seed=seed)
                    for sink in (sinks if seed % 2 else reversed(sinks))
                )[:: 1 if seed % 2 else -1]
                for seed in range(4)
            ]
            waiting = dead.accounts()["dead"]["waiting"]
        finally:
            for sink in sinks:
                sink.close()
    value, baseline = (statistics.median(outcome.rate for outcome in column) for column in zip(*pairs, strict=True))
    p99, other = (statistics.median(outcome.p99_ms for outcome in column) for column in zip(*pairs, strict=True))
    return [
        Result(
            name="posts beside a dead destination",
            value=value,
            unit="posts/s",
            baseline=baseline,
            ratio=value / baseline,
            aim="ratio >= 0.9",
            limit=f"{waiting:,} events wait for it. p99 {p99:.1f} ms, {other:.1f} ms without it.",
        )
    ]


BACKLOG = 1_000_000


def _fill(sink: SinkProcess, events: int) -> None:
    """Have a sink accept so many events, and store them."""
    while sink.accounts()["store"]["accepted"] < events:
        post(f"{sink.url}/v1/events", sink.key, batch=500, connections=8, seconds=SECONDS / 2, seed=1)
        while sink.accounts()["store"]["waiting"] > 0:
            time.sleep(0.2)


BENCHMARKS: list[Callable[[], list[Result]]] = [
    single_posts,
    batches,
    to_the_store,
    send_a_million,
    start_and_memory,
    beside_a_dead_destination,
]
