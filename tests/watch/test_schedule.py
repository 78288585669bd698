"""Each check runs once a period, at its own place in it, whatever the clock does."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsink.watch.schedule import Schedule


def test_it_runs_at_the_same_moments_wherever_and_whenever_it_was_started() -> None:
    one, other = Schedule("m/ping", 60.0, 1_000_000.0), Schedule("m/ping", 60.0, 1_000_601.5)
    assert one.due % 60 == pytest.approx(other.due % 60)
    assert 0 <= one.due - 1_000_000.0 <= 60


def test_checks_of_one_period_are_spread_over_it() -> None:
    places = sorted(Schedule(f"m/{number}", 10.0, 0.0).offset for number in range(500))
    assert 0 <= places[0] < 0.5 and 9.5 < places[-1] < 10
    assert max(later - earlier for earlier, later in itertools.pairwise(places)) < 0.5


def test_a_run_that_took_too_long_costs_those_that_it_lasted_over() -> None:
    schedule = Schedule("m/ping", 10.0, 1000.0)
    due = schedule.due
    assert schedule.begin(due + 0.01) == 0
    assert schedule.begin(due + 35.0) == 2
    assert schedule.missed == 2
    assert schedule.due == pytest.approx(due + 40)


def test_who_wakes_up_too_early_runs_once_all_the_same() -> None:
    schedule = Schedule("m/ping", 10.0, 1000.0)
    due = schedule.due
    assert schedule.begin(due - 0.001) == 0
    assert schedule.wait(due) == pytest.approx(10.0)


def test_a_clock_that_is_set_back_makes_nobody_wait_for_hours() -> None:
    schedule = Schedule("m/ping", 10.0, 100_000.0)
    assert schedule.wait(100_000.0 - 7200) <= 10.0


@given(st.floats(0, 4e9), st.floats(1, 86_400), st.lists(st.floats(-1e6, 1e6), max_size=20))
def test_the_wait_is_never_longer_than_a_period(now: float, every: float, jumps: list[float]) -> None:
    schedule = Schedule("m/x", every, now)
    for jump in jumps:
        now = max(now + jump, 0.0)
        assert 0 <= schedule.wait(now) <= every * (1 + 1e-6)
        now += schedule.wait(now)
        assert schedule.begin(now) >= 0
