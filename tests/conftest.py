"""Fixtures that several rooms share."""

import gzip
import logging
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.servers.influxdb import InfluxDB
from tests.servers.mongodb import MongoDB
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.rabbitmq_4 import RabbitMQ4
from tests.sink_process import SinkProcess

# What pika says of connections that tests break fills pages, and none of it is news.
logging.getLogger("pika").setLevel(logging.CRITICAL + 1)

# That this machine stood still for a moment is no fault of what is tested: as Hypothesis has it where CI is set.
settings.register_profile("busy", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The same tests on another broker."""
    parser.addoption("--rabbitmq-4", action="store_true", help="share a RabbitMQ 4 in the place of this machine's own")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what pages have to load: whoever makes it larger is to see that."""
    script = Path(__file__).parents[1] / "src/eventsink/collect/tracker/t.1.js"
    packed = len(gzip.compress(script.read_bytes(), 9, mtime=0))
    terminalreporter.write_line(f"browser tracker: {packed:,} bytes with gzip -9 (aim 1,600)")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Compressed bytes have the time in them: names of tests must be the same in every process."""
    return f"gzip-{len(val)}" if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys start servers, and soak runs last for minutes: they may take longer than any other test."""
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(1800))
        elif "journeys" in item.path.parts:
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(autouse=True)
def logs_are_of_this_test() -> Iterator[None]:
    """A command that is run in this process sets up the logs; the next test finds them as they were."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def make_sink(tmp_path: Path) -> Iterator[Callable[..., SinkProcess]]:
    """Makes sinks (not started yet) that are gone when the test ends."""
    made: list[SinkProcess] = []

    def make(name: str = "var", **options: Any) -> SinkProcess:
        made.append(SinkProcess(tmp_path / name, **options))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


@pytest.fixture
def sink(make_sink: Callable[..., SinkProcess]) -> SinkProcess:
    """A running sink with nothing in it."""
    return make_sink().start()


# Servers of others are started once for all tests, which keep to a place of their own. Who kills one starts his own.


@pytest.fixture(scope="session")
def rabbitmq(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """A RabbitMQ that all tests share."""
    version: type[RabbitMQ] = RabbitMQ4 if request.config.getoption("--rabbitmq-4") else RabbitMQ
    with version(tmp_path_factory.mktemp("rabbitmq")).running() as server:
        yield server


@pytest.fixture
def vhost() -> str:
    """A name that no other test uses: for a virtual host or a database."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def broker(rabbitmq: RabbitMQ, vhost: str) -> str:
    """The address of an empty virtual host."""
    return rabbitmq.vhost(vhost)


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    """An InfluxDB that all tests share."""
    with InfluxDB(tmp_path_factory.mktemp("influxdb")).running() as server:
        yield server


@pytest.fixture(scope="session")
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoDB]:
    """A server with MongoDB's protocol that all tests share."""
    with MongoDB(tmp_path_factory.mktemp("mongodb")).running() as server:
        yield server
