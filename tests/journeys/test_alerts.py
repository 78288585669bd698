"""Alerts of a real sink that is killed all the time: each change is told once."""

import contextlib
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.hook import Hook
from tests.servers.process import free_ports
from tests.sink_process import SinkProcess

SETTINGS = """
[alerts]
notify = ["{hook}"]
group = 0.2
ignore = ["sink/disk"]
flaps = 1000

[checks.target]
kind = "tcp"
host = "127.0.0.1"
port = {port}
every = 1
timeout = 10
failures = 2
successes = 2
"""


class Target:
    """A port that listens, or does not."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self._listening: socket.socket | None = None

    def up(self) -> None:
        """Listen."""
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=1000)

    def down(self) -> None:
        """Do not."""
        if self._listening:
            self._listening.close()
        self._listening = None


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


@pytest.fixture
def target() -> Iterator[Target]:
    made = Target()
    made.up()
    yield made
    made.down()


@pytest.fixture
def sink(tmp_path: Path, hook: Hook, target: Target) -> Iterator[SinkProcess]:
    settings = tmp_path / "eventsink.toml"
    settings.write_text(SETTINGS.format(hook=hook.url, port=target.port))
    made = SinkProcess(tmp_path / "var", environment={"EVENTSINK_CONFIG": str(settings)})
    made.start()
    yield made
    made.close()


def test_each_of_two_outages_is_told_once_and_so_is_its_end(sink: SinkProcess, hook: Hook, target: Target) -> None:
    _change(2, sink, hook, target, kill=False)
    assert {notice["again"] for notice in hook.notices} == {False}


def test_killed_at_every_change_it_tells_each_once(sink: SinkProcess, hook: Hook, target: Target) -> None:
    _change(2, sink, hook, target, kill=True)


@pytest.mark.soak
def test_killed_at_many_changes_it_tells_each_once(sink: SinkProcess, hook: Hook, target: Target) -> None:
    _change(40, sink, hook, target, kill=True)


def test_what_nobody_takes_is_told_when_somebody_does(sink: SinkProcess, hook: Hook, target: Target) -> None:
    hook.status = 500
    _wait_until_up(sink, hook)
    target.down()
    hook.wait_for(lambda: _state(sink) == "firing", "it fires")
    hook.wait_for(lambda: "the server answers 500" in str(_status(sink)["concerns"]), "status says so")
    sink.kill()
    sink.start()
    hook.status = 200
    hook.wait_for(lambda: hook.told("check/target") == ["firing"], "it is told after the restart")
    hook.wait_for(lambda: "500" not in str(_status(sink)["concerns"]), "status says nothing of it any more")


def _change(times: int, sink: SinkProcess, hook: Hook, target: Target, *, kill: bool) -> None:
    """Outages, each of which lasts until it is told."""
    chance = random.Random(13)
    _wait_until_up(sink, hook)
    expected: list[str] = []
    for _ in range(times):
        for kind, turn in (("firing", target.down), ("resolved", target.up)):
            expected.append(kind)
            turn()
            if kill:
                time.sleep(chance.uniform(0.0, 3.5))
                sink.kill()
                sink.start()
            hook.wait_for(lambda: hook.told("check/target") == expected, f"{expected} was told")
    time.sleep(3.0)
    assert hook.told("check/target") == expected
    assert {notice["alert"] for notice in hook.notices} == {"check/target"}


def _status(sink: SinkProcess) -> dict:
    status, answer = sink.request("GET", "/v1/status")
    assert status == 200
    return dict(answer)


def _wait_until_up(sink: SinkProcess, hook: Hook) -> None:
    """It is looked at every 30 seconds: nothing is known of a check that a machine had no time for just before."""
    hook.wait_for(lambda: _is_up(sink), "it has been up for a moment", 180.0)


def _is_up(sink: SinkProcess) -> bool:
    return bool((_status(sink)["checks"] or {}).get("up"))


def _state(sink: SinkProcess) -> str:
    _, answer = sink.request("GET", "/v1/alerts")
    with contextlib.suppress(StopIteration):
        return str(next(one["state"] for one in answer["alerts"] if one["name"] == "check/target"))
    return "ok"
