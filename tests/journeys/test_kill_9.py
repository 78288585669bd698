"""Accepted means durable: under kill -9 in mid-flood nothing that was answered with 202 is lost or doubled."""

import random
import time
from collections.abc import Callable

import pytest

from tests.journeys.flood import Flood
from tests.servers.process import eventually
from tests.sink_process import SinkProcess


def _kill_repeatedly(sink: SinkProcess, rounds: int, seed: int) -> Flood:
    chance = random.Random(seed)
    sink.start()
    with Flood(sink, broken=0.01, seed=seed) as flood:
        for _ in range(rounds):
            deadline = time.monotonic() + chance.uniform(0.3, 1.5)
            while time.monotonic() < deadline:
                sink.accounts()  # asserts that the books balance
                time.sleep(0.05)
            sink.kill()
            sink.start()
        time.sleep(0.3)
        eventually(lambda: bool(flood.accepted), "the flood comes through")
    return flood


def _check(sink: SinkProcess, flood: Flood) -> None:
    accounts = sink.settle()
    stored = sink.stored_ids()
    assert flood.accepted, f"the flood came through: {flood.statuses}"
    assert len(stored) == len(set(stored)), "none doubled"
    assert set(flood.accepted) <= set(stored), "none lost"
    assert set(stored) <= flood.attempted, "none invented"
    assert not set(flood.rejected) & set(stored), "none that was refused"
    assert accounts["store"]["dead"] == accounts["store"]["missing"] == 0


def test_nothing_is_lost_or_doubled_under_kill_9(make_sink: Callable[..., SinkProcess]) -> None:
    sink = make_sink()
    _check(sink, _kill_repeatedly(sink, rounds=5, seed=1))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 7))
def test_nothing_is_lost_or_doubled_under_kill_9_for_minutes(make_sink: Callable[..., SinkProcess], seed: int) -> None:
    sink = make_sink()
    _check(sink, _kill_repeatedly(sink, rounds=40, seed=seed))


def test_sigterm_ends_cleanly_and_leaves_nothing_behind(sink: SinkProcess) -> None:
    with Flood(sink, clients=3) as flood:
        time.sleep(0.5)
        assert sink.stop() == 0
    assert not (sink.data / "running.json").exists()
    sink.start()
    sink.settle()
    stored = sink.stored_ids()
    assert set(flood.accepted) <= set(stored)
    assert len(stored) == len(set(stored))
    assert "Traceback" not in sink.log.read_text()


def test_a_second_sink_on_the_same_data_says_who_has_it(
    sink: SinkProcess, make_sink: Callable[..., SinkProcess]
) -> None:
    with pytest.raises(AssertionError, match=f"Process {sink.pid} already uses"):
        make_sink().start()
