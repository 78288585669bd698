"""A sink that all tests of the commands share, and a way to run commands on it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from eventsink.cli import app
from tests.sink_process import SinkProcess

PICKY = Path(__file__).parent / "picky_worker.py"


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """A running sink with a second worker, which refuses some events."""
    data = tmp_path_factory.mktemp("town") / "var"
    sink = SinkProcess(data, environment={"EVENTSINK_WORKERS__PICKY__USE": str(PICKY)})
    yield sink.start()
    sink.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs one command in this process, in an empty directory and with a state directory of its own."""
    for name in ("EVENTSINK_URL", "EVENTSINK_KEY", "EVENTSINK_DATA", "EVENTSINK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)

    def invoke(*words: object, **more: Any) -> Result:
        answer = CliRunner().invoke(app, [str(word) for word in words], **more)
        if answer.exception and not isinstance(answer.exception, SystemExit):
            raise answer.exception  # a command ends by an exit code, or it is a bug that a test should show
        return answer

    return invoke


@pytest.fixture
def on_town(run: Callable[..., Result], town: SinkProcess, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs one command on the shared sink."""
    monkeypatch.setenv("EVENTSINK_DATA", str(town.data))
    return run
