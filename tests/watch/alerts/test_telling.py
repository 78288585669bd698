"""What people are told, case by case."""

import pytest

from eventsink.watch.alerts.alert import Alert, Facts
from eventsink.watch.alerts.machine import Signal
from eventsink.watch.alerts.telling import CALM, Circumstances, Told, tell

BAD, WELL = Signal(True, True), Signal(False, False)
NOW = 1_800_000_000.0


@pytest.fixture
def alert() -> Alert:
    return Alert(name="check/x", facts=Facts(title="x"))


def _tell(alert: Alert, signal: Signal | None, now: float, **about: object) -> Told | None:
    since = now if signal and signal.suspect else 0.0
    return tell(alert, signal, Facts(title="x", since=since, message="No answer."), now, Circumstances(**about))


def test_a_silence_that_ends_while_it_is_down_tells_it_then_and_why_not_before(alert: Alert) -> None:
    assert _tell(alert, BAD, NOW, muted="silenced until noon") is None
    assert alert.muted == "silenced until noon"
    told = _tell(alert, BAD, NOW + 60)
    assert told == Told("firing", "It was not told before: silenced until noon.")
    assert _tell(alert, WELL, NOW + 90) == Told("resolved")


def test_what_began_and_ended_within_a_silence_is_told_to_nobody(alert: Alert) -> None:
    assert _tell(alert, BAD, NOW, muted="silenced") is None
    assert _tell(alert, WELL, NOW + 60, muted="silenced") is None
    assert _tell(alert, WELL, NOW + 120) is None


def test_who_was_told_that_it_is_down_is_told_that_it_is_up_also_within_a_silence(alert: Alert) -> None:
    assert _tell(alert, BAD, NOW) == Told("firing")
    assert _tell(alert, WELL, NOW + 60, muted="silenced") == Told("resolved")


def test_reminders_come_until_somebody_takes_it_in_hand(alert: Alert) -> None:
    assert _tell(alert, BAD, NOW, reminder=3600) == Told("firing")
    assert _tell(alert, BAD, NOW + 3599, reminder=3600) is None
    assert _tell(alert, BAD, NOW + 3600, reminder=3600) == Told("reminder")
    assert _tell(alert, BAD, NOW + 7000, reminder=3600) is None
    alert.acknowledged = "Alice"
    assert _tell(alert, BAD, NOW + 9000, reminder=3600) is None
    assert _tell(alert, WELL, NOW + 9060, reminder=3600) == Told("resolved")
    assert alert.acknowledged == ""  # the next time somebody else may have to take it in hand


def test_three_outages_in_a_row_are_told_three_times_and_the_fifth_says_that_it_is_the_last_for_now(
    alert: Alert,
) -> None:
    told = []
    for number in range(8):
        told += [_tell(alert, BAD, NOW + 120 * number), _tell(alert, WELL, NOW + 120 * number + 60)]
    kinds = [one.kind if one else None for one in told]
    assert kinds == ["firing", "resolved"] * 4 + ["firing", None] + [None, None] * 3
    assert "It has fired 5 times within an hour" in told[8].note
    end = NOW + 120 * 7 + 60
    assert _tell(alert, WELL, end + CALM - 1) is None
    assert _tell(alert, WELL, end + CALM) == Told("resolved")
    assert alert.is_idle


def test_one_that_stays_down_after_it_has_changed_too_often_is_told_no_second_time(alert: Alert) -> None:
    for number in range(5):
        _tell(alert, BAD, NOW + 120 * number)
        _tell(alert, WELL, NOW + 120 * number + 60)
    assert _tell(alert, BAD, NOW + 700) is None  # they believe so already
    assert _tell(alert, BAD, NOW + 700 + CALM) is None
    assert not alert.flapping and alert.told
    assert _tell(alert, WELL, NOW + 800 + CALM) == Told("resolved")


def test_it_says_what_was_the_matter_when_it_is_over(alert: Alert) -> None:
    _tell(alert, BAD, NOW)
    _tell(alert, WELL, NOW + 60)
    assert alert.facts.message == "No answer." and alert.facts.since == NOW
