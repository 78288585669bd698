"""What of a worker's state programs go by is read from the words that a person reads."""

from datetime import UTC, datetime

import pytest

from eventsink.worker_state import FAILED, NOT_RUNNING, brief, has_failed, is_missing, pause_of, paused

_SINCE = datetime(2026, 11, 2, 9, 5, 59, tzinfo=UTC)


def test_a_pause_says_since_when_and_why():
    assert (
        paused(_SINCE, "no answer") == paused(_SINCE, "no answer.") == "paused since 2026-11-02 09:05 UTC: no answer."
    )


def test_one_of_several_processes_that_is_paused_is_found():
    pause = paused(_SINCE, "no answer")
    assert pause_of(f"2 idle; 1 {pause}") == pause
    assert brief(f"2 idle; 1 {pause}") == "2 idle; 1 paused since 2026-11-02 09:05 UTC"
    assert brief(f"{pause}; 1 idle") == "paused since 2026-11-02 09:05 UTC; 1 idle"


@pytest.mark.parametrize(
    "state", ["", "idle", "delivering", "12 events wait: the service is busy", NOT_RUNNING, FAILED]
)
def test_others_are_not_paused(state):
    assert pause_of(state) == ""
    assert brief(state) == state
    assert (is_missing(state), has_failed(state)) == (state == NOT_RUNNING, state == FAILED)
