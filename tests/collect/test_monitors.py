"""Which monitors there are: one that has ended without a word is named, and so are two of one name."""

import pytest

from eventsink.collect import monitors
from eventsink.collect.monitors import Monitors, Report


def report(instance: str = "a") -> Report:
    """Of one process."""
    return Report(instance=instance, region="urbana", checks=3)


def test_one_that_is_started_again_is_no_rival() -> None:
    known = Monitors()
    assert not known.note("far", report("a"))
    assert not known.note("far", report("b")), "a was killed"
    assert not known.note("far", report("b"))
    assert known.concerns() == []


def test_two_of_a_name_are_told_both_and_named() -> None:
    known = Monitors()
    told = [known.note("far", report(instance)) for instance in "abab"]
    assert told == [False, False, True, True]
    assert known.concerns() == ["Two monitors are called far: give one of them another monitor.name."]


def test_two_that_were_one_again_for_a_while_are_no_rivals(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Monitors()
    for instance in "aba":
        known.note("far", report(instance))
    monkeypatch.setattr(monitors, "RIVALS_FOR", 0.0)
    assert not known.note("far", report("a"))
    assert known.concerns() == []


def test_one_that_says_nothing_any_more_is_named_unless_it_has_said_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Monitors()
    known.note("far", report())
    known.note("near", report())
    known.forget("near", "a")
    known.forget("far", "another process")
    monkeypatch.setattr(monitors, "SILENT_AFTER", 0.0)
    (concern,) = known.concerns()
    assert concern.startswith("The monitor far in urbana was last heard of at")


def test_no_more_are_remembered_than_there_can_be() -> None:
    known = Monitors()
    for number in range(monitors.MOST + 5):
        known.note(f"m{number}", report())
    assert len(known.listed()) == monitors.MOST
