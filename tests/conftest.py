"""Fixtures that several rooms share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sink_process import SinkProcess


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
