"""How long to wait before the next attempt."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsink.deliver.retry import LONGEST_NAMED, Policy, delay

POLICY = Policy(first=0.5, longest=60.0)


@settings(deadline=None)
@given(st.integers(1, 10**6))
def test_a_delay_lies_between_nothing_and_the_cap_of_its_attempt(attempt: int) -> None:
    assert 0 <= delay(POLICY, attempt) <= min(60.0, 0.5 * 2.0 ** min(attempt - 1, 30))


def test_delays_are_spread_so_that_not_all_come_back_at_once() -> None:
    delays = [delay(POLICY, 20) for _ in range(200)]
    assert len(set(delays)) > 190
    assert min(delays) < 15 < 45 < max(delays)


@settings(deadline=None)
@given(st.integers(1, 100), st.floats(0, 10**6))
def test_the_time_that_a_destination_names_is_waited_at_least(attempt: int, after: float) -> None:
    named = min(after, LONGEST_NAMED)
    assert named <= delay(POLICY, attempt, after) <= max(named, 60.0)


@pytest.mark.parametrize("after", [None, 0, -5, float("nan"), float("-inf"), float("inf"), True, "120", [], object()])
def test_what_is_no_time_to_wait_is_passed_over(after: Any) -> None:
    assert 0 <= delay(POLICY, 1, after) <= 0.5
