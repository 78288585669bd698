"""One sink for all tests of the front door, which leave nothing behind that would disturb another."""

from collections.abc import Iterator

import pytest

from tests.sink_process import SinkProcess


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """A running sink with small limits."""
    environment = {"EVENTSINK_COLLECT__MAX_BODY": "1000000", "EVENTSINK_COLLECT__MAX_INFLATED": "2000000"}
    sink = SinkProcess(tmp_path_factory.mktemp("door") / "var", environment=environment)
    try:
        yield sink.start()
    finally:
        sink.close()
