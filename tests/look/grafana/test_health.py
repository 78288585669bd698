"""What Grafana shows of checks and of the sink, against plain Python over the same events."""

import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from eventsink.deliver.workers.influxdb import InfluxDB as Worker
from eventsink.deliver.workers.influxdb import Options
from eventsink.event import Event
from eventsink.store import Store
from eventsink.store.uptime import UptimeBook
from eventsink.store.uptime.report import Question
from tests.look.grafana.asking import Board, load
from tests.look.grafana.conftest import Export
from tests.servers.influxdb import InfluxDB

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
HOURS = 6
DATABASE = "checks"


def _checks() -> Iterator[tuple[str, dict[str, Any]]]:
    """Of one minute."""
    for region in ("urbana", "dublin"):
        yield (
            "health.ping_update",
            {"check": "clowder", "target": "clowder.example.org", "region": region, "avg_ms": 0.0, "loss_percent": 0.0},
        )
        yield (
            "health.download_update",
            {
                "check": "home",
                "url": "https://clowder.example.org/",
                "region": region,
                "first_byte_ms": 0.0,
                "bytes_per_second": 1.5e6,
            },
        )
    yield "health.check_update", {"check": "disk", "target": "/", "region": "urbana", "certificate_days": 80.5}
    yield "health.queue_update", {"check": "rabbitmq", "queue": "extractors", "ready": 0, "region": "urbana"}
    yield "health.connection_update", {"check": "nginx", "active": 0, "status_5xx": 0, "region": "dublin"}
    yield "health.status_changed", {"check": "clowder", "target": "clowder.example.org", "up": False}
    yield (
        "health.sink_update",
        {"worker": "mongodb", "accepted": 0, "delivered": 0, "waiting": 0, "dead": 2, "missing": 0, "lag_s": 0.0}
        | {"canary_s": 0.25, "spool_events": 0, "spool_bytes": 0},
    )


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Checks each minute of some hours, up and down by chance."""
    chance = random.Random(3)
    found = []
    for minute in range(60 * HOURS):
        for number, (kind, fixed) in enumerate(_checks()):
            data = fixed | {"elapsed_ms": chance.randint(1, 900) / 4, "up": chance.random() > 0.1, "every_s": 60.0}
            for name in ("avg_ms", "loss_percent", "first_byte_ms", "lag_s"):
                if name in data:
                    data[name] = chance.randint(0, 400) / 4
            for name in ("ready", "active", "status_5xx", "waiting"):
                if name in data:
                    data[name] = chance.randint(0, 50)
            if "accepted" in data:
                data = {**data, "accepted": 10 * minute}
                del data["elapsed_ms"], data["up"], data["every_s"]
            time = BEGIN + timedelta(minutes=minute, seconds=number)
            event_id = f"{minute}-{number}"
            found.append(Event(id=event_id, source="test", type=kind, time=time, received=time, data=data))
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def boards(events: list[Event], influxdb: InfluxDB, export: Export) -> dict[str, Board]:
    """Both, of the same span."""
    worker = Worker(Options(url=influxdb.url, database=DATABASE))
    await worker.open()
    await worker.deliver(events)
    await worker.close()
    folder = export(f'[workers.influxdb]\ndatabase = "{DATABASE}"\n')
    until = BEGIN + timedelta(hours=HOURS)
    return {
        name: Board(load(folder, name), influxdb, DATABASE, BEGIN, until, every="1h") for name in ("health", "sink")
    }


def _by(events: list[Event], field: str, *tags: str, kind: str = "", hours: bool = False) -> dict[Any, list[Any]]:
    """The values of a field by tags, in the order of time; by the hour too, as the beginning in nanoseconds."""
    found: dict[Any, list[Any]] = defaultdict(list)
    for event in events:
        if event.type != "health.status_changed" and field in event.data and (not kind or event.type == kind):
            hour = int(event.time.replace(minute=0, second=0).timestamp()) * 10**9
            group = tuple(str(event.data.get(tag, "")) for tag in tags)
            found[(hour, *group) if hours else group].append(event.data[field])
    return found


WHAT = ("check", "target", "region")


async def test_availability_now_and_over_time(boards: dict[str, Board], events: list[Event]) -> None:
    table = boards["health"].table("Now")
    flags = _by(events, "up", *WHAT)
    assert set(table) == set(flags)
    assert len(flags) == 7, "what follows from checks is no check"
    for group, ups in flags.items():
        assert table[group]["Up"] == 100 * ups[-1]
        assert table[group]["Availability"] == pytest.approx(100 * statistics.mean(ups))
    found = boards["health"].over_time("Availability")["Availability"]
    assert found == pytest.approx(
        {group: 100 * statistics.mean(ups) for group, ups in _by(events, "up", *WHAT, hours=True).items()}
    )


async def test_availability_is_that_of_our_own_report(
    boards: dict[str, Board], events: list[Event], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = await Store.open(tmp_path_factory.mktemp("uptime"))
    await store.append(events)
    book = UptimeBook(store)
    own = await book.uptime(Question(since=BEGIN, until=BEGIN + timedelta(hours=HOURS), by="region"))
    await book.close()
    await store.close()
    shown = {(check, region): row["Availability"] for (check, _, region), row in boards["health"].table("Now").items()}
    assert len(own.rows) == len(shown)
    for row in own.rows:  # by time, and there by checks: the last one of a span is cut
        assert shown[row.check, row.region or ""] == pytest.approx(row.uptime_percent, abs=0.3)


LINES: dict[str, tuple[str, str, tuple[str, ...], Callable[[list[Any]], float]]] = {
    "How long checks take": ("Duration", "elapsed_ms", WHAT, statistics.mean),
    "Round trips": ("Round trip", "avg_ms", ("target", "region"), statistics.mean),
    "Packets lost": ("Lost", "loss_percent", ("target", "region"), statistics.mean),
    "Downloads: until the first byte": ("First byte", "first_byte_ms", ("check", "region"), statistics.mean),
    "Queues": ("Ready", "ready", ("queue",), max),
    "Connections to NGINX": ("Active", "active", ("check",), max),
    "Answers of NGINX with 5xx": ("5xx", "status_5xx", ("check",), sum),
}


@pytest.mark.parametrize("title", LINES)
async def test_lines_of_checks(boards: dict[str, Board], events: list[Event], title: str) -> None:
    name, field, tags, how = LINES[title]
    found = {group: value for group, value in boards["health"].over_time(title)[name].items() if value is not None}
    assert found == pytest.approx({group: how(v) for group, v in _by(events, field, *tags, hours=True).items()})


async def test_every_target_has_data(boards: dict[str, Board]) -> None:
    for name, board in boards.items():
        targets = [target for panel in board.dashboard["panels"] for target in panel["targets"]]
        assert len(targets) > 8
        for target in targets:
            assert board.ask(target), (name, target["query"])


async def test_a_region_that_is_chosen_is_alone(boards: dict[str, Board], events: list[Event]) -> None:
    board = boards["health"]
    chosen = Board(
        board.dashboard, board.server, board.database, board.since, board.until, {"region": ["dublin"]}, "1h"
    )
    assert {group[2] for group in chosen.table("Now")} == {"dublin"}
    (variable,) = board.dashboard["templating"]["list"]
    assert {row["value"] for row in board.server.query(DATABASE, variable["query"])} == {"urbana", "dublin"}


async def test_days_of_certificates(boards: dict[str, Board]) -> None:
    assert boards["health"].table("Days until certificates end") == {("disk", "/"): {"Days": 80.5}}


async def test_the_sink_says_of_each_worker_how_it_is(boards: dict[str, Board], events: list[Event]) -> None:
    board = boards["sink"]
    reports = [event.data for event in events if event.type == "health.sink_update"]
    (accounts,) = board.table("Accounts").items()
    last = reports[-1]
    assert accounts == (
        ("mongodb",),
        {
            "Accepted": last["accepted"],
            "Delivered": 0,
            "Waiting": last["waiting"],
            "Dead": 2,
            "Missing": 0,
            "Behind": last["lag_s"],
        },
    )
    waiting = board.over_time("Waiting")["Waiting"]
    assert waiting == {group: max(v) for group, v in _by(events, "waiting", "worker", hours=True).items()}
    assert set(board.over_time("Accepted")["Accepted"].values()) == {600}
