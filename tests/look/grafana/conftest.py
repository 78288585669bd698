"""A year of events, in our store and in InfluxDB; the files that Grafana reads."""

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from eventsink.cli import app
from eventsink.deliver.workers.influxdb import InfluxDB as Worker
from eventsink.deliver.workers.influxdb import Options
from eventsink.event import Event
from eventsink.look.numbers.dashboard import Dashboard
from eventsink.store import Store
from tests.look.numbers.year import year
from tests.servers.influxdb import InfluxDB

DATABASE = "year"

Export = Callable[..., Path]


@pytest.fixture(scope="package")
def events() -> list[Event]:
    """All of them; some of robots are marked by the flag alone."""
    return year()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def dashboard(events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Dashboard]:
    """Our own pages."""
    store = await Store.open(tmp_path_factory.mktemp("year"))
    for start in range(0, len(events), 20_000):
        await store.append(events[start : start + 20_000])
    yield Dashboard(store)
    await store.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def filled(events: list[Event], influxdb: InfluxDB) -> InfluxDB:
    """An InfluxDB that our worker delivered the same events to, in another order."""
    worker = Worker(Options(url=influxdb.url, database=DATABASE))
    await worker.open()
    shuffled = random.Random(2).sample(events, len(events))
    for start in range(0, len(shuffled), 10_000):
        await worker.deliver(shuffled[start : start + 10_000])
    await worker.close()
    return influxdb


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Writes the files, as an operator would, by the settings given; gives the folder."""

    def write(settings: str, *arguments: str) -> Path:
        folder = tmp_path_factory.mktemp("grafana")
        (folder / "eventsink.toml").write_text(settings)
        command = ["grafana", "export", "--config", str(folder / "eventsink.toml"), "--out", str(folder), *arguments]
        with pytest.raises(SystemExit) as ended:
            app(command, prog_name="eventsink")
        assert ended.value.code in (0, None)
        return folder

    return write
