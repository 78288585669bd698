"""The event sink on RabbitMQ: from HTTP through the broker to the destinations, in processes as in production."""

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pika

from benchmarks.embedded import SECONDS, noop, resident
from benchmarks.load import post
from benchmarks.results import Result
from eventsink.amqp import Address
from eventsink.deliver.workers.influxdb.line_protocol import EventLines
from eventsink.event import Event
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions
from eventsink.testing import sample_events
from tests.journeys.production import production
from tests.servers.influxdb import InfluxDB
from tests.servers.rabbitmq import RabbitMQ
from tests.sink_process import Process

__all__ = ["BENCHMARKS"]

SINGLE, BATCHED, EARLIER = 40_000, 400_000, 2_000  # events: some seconds of work each


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def to_influxdb() -> list[Result]:
    """RabbitMQ to InfluxDB, batches and single messages, against the earlier design and InfluxDB itself."""
    with _folder() as folder, RabbitMQ(folder / "r").running() as broker, InfluxDB(folder / "i").running() as influxdb:
        earlier = _earlier(broker, influxdb)
        raw = _raw_writes(influxdb)
        batched, memory = _ours(broker, influxdb, folder, BATCHED, single=False)
        single, _ = _ours(broker, influxdb, folder, SINGLE, single=True)
    limit = "One interpreter: decoding and encoding of each event, beside RabbitMQ and InfluxDB on the same two cores."
    one_by_one = "The client's work for each message, and that of RabbitMQ, which confirms and counts each."
    return [
        Result(
            name="RabbitMQ to InfluxDB, batches of 100, to the earlier design",
            value=batched,
            unit="events/s",
            baseline=earlier,
            ratio=batched / earlier,
            aim="ratio >= 100",
            limit=limit,
        ),
        Result(
            name="RabbitMQ to InfluxDB, single messages, to the earlier design",
            value=single,
            unit="events/s",
            baseline=earlier,
            ratio=single / earlier,
            aim="ratio >= 12",
            limit=one_by_one,
        ),
        Result(
            name="RabbitMQ to InfluxDB, batches of 100, to prepared lines",
            value=batched,
            unit="events/s",
            baseline=raw,
            ratio=batched / raw,
            aim="ratio >= 0.5",
            limit=limit,
        ),
        Result(name="resident memory of a worker, highest under load", value=memory, unit="MB", aim="< 150"),
    ]


def _ours(broker: RabbitMQ, influxdb: InfluxDB, folder: Path, count: int, *, single: bool) -> tuple[float, float]:
    """Events a second from a full queue, and the highest resident memory of the worker."""
    vhost = f"single-{single}"
    url = broker.vhost(vhost)
    environment = {
        "EVENTSINK_EXCHANGE__URL": url,
        "EVENTSINK_WORKERS__INFLUXDB__URL": influxdb.url,
        "EVENTSINK_WORKERS__INFLUXDB__DATABASE": vhost,
    }
    asyncio.run(_fill(url, count, single=single))
    worker = Process("worker", "influxdb", log=folder / f"{vhost}.log", environment=environment)
    memory = 0.0
    with _Depth(url, "events.influxdb") as depth:
        full = depth.messages()
        worker.launch()
        try:
            while depth.messages() == full:
                time.sleep(0.002)
            begun = time.monotonic()
            while depth.messages() or _written(influxdb, vhost) < count:  # the last batches are in its hands
                memory = max(memory, resident(worker.pid))
                time.sleep(0.01)
            seconds = time.monotonic() - begun
        finally:
            worker.stop()
    return count / seconds, memory


def _written(influxdb: InfluxDB, database: str) -> int:
    """How many events are in InfluxDB."""
    return sum(row["count"] for row in influxdb.query(database, "SELECT count(event_id) FROM storage"))


async def _fill(url: str, count: int, *, single: bool) -> None:
    """Put events into the queue of the worker, as an API does it that gets batches of 100."""
    exchange = await RabbitExchange.open(Address.parse(url), RabbitOptions(single=single))
    await exchange.queue("influxdb")
    for _ in range(count // 1000):
        events = _events(1000)
        await asyncio.gather(*(exchange.publish(events[start : start + 100]) for start in range(0, 1000, 100)))
    await exchange.close()


def _earlier(broker: RabbitMQ, influxdb: InfluxDB) -> float:
    """Events a second of the earlier design."""
    url = broker.vhost("earlier")
    influxdb.query("", "CREATE DATABASE earlier")
    asyncio.run(_fill(url, EARLIER, single=True))
    command = [sys.executable, "-m", "benchmarks.earlier_consumer", url, "events.influxdb", influxdb.url, "earlier"]
    with _Depth(url, "events.influxdb") as depth, subprocess.Popen(command) as consumer:
        try:
            while depth.messages() > EARLIER - 10:
                time.sleep(0.002)
            begun, left = time.monotonic(), depth.messages()
            while depth.messages():
                time.sleep(0.005)
            return left / (time.monotonic() - begun)
        finally:
            consumer.kill()


def _raw_writes(influxdb: InfluxDB) -> float:
    """Points a second of InfluxDB itself, given prepared lines of the same events, 5,000 a request."""
    influxdb.query("", "CREATE DATABASE raw")
    encoder = EventLines()
    bodies = [encoder.encode(_events(5000)) for _ in range(40)]
    begun = time.monotonic()
    for body in bodies:
        status, answer = influxdb.request("POST", "/write?db=raw&precision=ns", body)
        if status != 204:
            raise RuntimeError(f"InfluxDB answers {status}: {answer}")
    return 200_000 / (time.monotonic() - begun)


def encoder() -> list[Result]:
    """Events to line protocol."""
    events = _events(20_000)
    subject = EventLines()
    times = []
    for start in range(0, 20_000, 5000):
        begun = time.perf_counter()
        subject.encode(events[start : start + 5000])
        times.append((time.perf_counter() - begun) / 5000 * 1e6)
    return [Result(name="line protocol encoder", value=statistics.median(times), unit="µs/point")]


def posts() -> list[Result]:
    """HTTP posts to RabbitMQ through `eventsink api`, against a handler that does nothing."""
    with _folder() as folder, production(folder) as setup:
        for worker in setup.workers.values():
            worker.stop()
        setup.serve.stop()  # what is measured is the way into the broker
        url = f"http://127.0.0.1:{setup.api.port}/v1/events"
        pairs = []
        with noop() as base_url:
            for seed in range(3):
                base = post(base_url, "none", batch=1, connections=64, seconds=SECONDS / 2, seed=seed)
                ours = post(url, setup.key, batch=1, connections=64, seconds=SECONDS, seed=seed)
                pairs.append((ours.rate, base.rate, ours.p99_ms))
        batches = post(url, setup.key, batch=100, connections=16, seconds=SECONDS, seed=1)
        spooled = setup.metric(setup.api, "eventsink_spool_events")
    single, baseline, p99 = (statistics.median(column) for column in zip(*pairs, strict=True))
    beside = f"RabbitMQ writes every message into three queues on the same two cores; {spooled:,.0f} were spooled."
    return [
        Result(
            name="single posts to RabbitMQ, coalesced",
            value=single,
            unit="posts/s",
            baseline=baseline,
            ratio=single / baseline,
            aim="ratio >= 0.35",
            limit=f"p99 {p99:.1f} ms. {beside}",
        ),
        Result(
            name="batches of 100 to RabbitMQ",
            value=100 * batches.rate,
            unit="events/s",
            aim=">= 100,000",
            limit=f"p99 {batches.p99_ms:.1f} ms. {beside}",
        ),
    ]


def to_all_destinations() -> list[Result]:
    """HTTP through RabbitMQ into InfluxDB, MongoDB and the store at once."""
    with _folder() as folder, production(folder) as setup:
        url = f"http://127.0.0.1:{setup.api.port}/v1/events"
        begun = time.monotonic()
        ours = post(url, setup.key, batch=100, connections=8, seconds=1, seed=1)  # the slowest takes a minute for these
        left = {name: account["waiting"] for name, account in setup.serve.accounts().items()}
        setup.settle(600)
        rate = 100 * ours.requests / (time.monotonic() - begun)
        counts = {name: sum(ids.values()) for name, ids in setup.ids().items()}
        accepted = setup.serve.accounts()["store"]["accepted"]  # with those on their way when the load ended
        if counts["store"] != accepted or counts["mongodb"] != accepted:
            raise RuntimeError(f"{accepted} events were accepted, and there are {counts}")
        memory = max(resident(worker.pid) for worker in setup.workers.values())
    slowest = max(left, key=lambda name: left[name])
    limit = (
        f"Six processes and three servers on two cores. When the posts ended, {_in_words(left)} waited: {slowest} was"
        f" the slowest. Workers afterwards: at most {memory:.0f} MB. {accepted - counts['influxdb']} events of"
        f" {accepted:,} share a nanosecond in InfluxDB with one that came more than 16,384 events before."
    )
    return [
        Result(name="HTTP to InfluxDB, MongoDB and store at once", value=rate, unit="events/s each", limit=limit),
    ]


def _in_words(waiting: dict[str, int]) -> str:
    return ", ".join(f"{count:,} for {name}" for name, count in waiting.items())


def _events(count: int) -> list[Event]:
    return sample_events(count)


class _Depth:
    """How many messages of a queue are ready, asked over a connection of its own."""

    def __init__(self, url: str, queue: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._queue = queue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def messages(self) -> int:
        """Those ready now."""
        found = self._channel.queue_declare(self._queue, passive=True)
        return int(found.method.message_count)


BENCHMARKS: list[Callable[[], list[Result]]] = [encoder, to_influxdb, posts, to_all_destinations]
