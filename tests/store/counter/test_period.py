"""Periods, and the offsets of zones in them."""

import itertools
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsink.store.counter import InvalidPeriod, Period
from eventsink.store.counter.period import bounds
from eventsink.store.zones import offsets


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2026-02", "2026-01", "before it begins"),
        ("2026-13", "2027-01", "'2026-13' is no month: write it as 2026-01"),
        ("2026-1", "2026-02", "no month"),
        ("2026-01-01", "2026-02", "no month"),
        ("", "2026-02", "no month"),
        ("1969-12", "2026-02", "no month"),
        ("9999-12", "9999-12", "no month"),
        ("2010-01", "2026-02", "more than 120 months"),
    ],
)
def test_a_period_that_is_none_is_explained(first: str, last: str, says: str) -> None:
    with pytest.raises(InvalidPeriod, match=says):
        Period(first, last)


def test_months_of_a_period() -> None:
    assert list(Period("2025-11", "2026-02").months) == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert list(Period("2026-01", "2026-01").months) == ["2026-01"]
    assert len(list(Period("2017-01", "2026-12").months)) == 120


def test_the_latest_month_that_is_over() -> None:
    assert Period.latest(date(2026, 1, 31)) == Period("2025-12", "2025-12")
    assert Period.latest(date(2026, 3, 1)) == Period("2026-02", "2026-02")


ZONES = [
    "UTC",
    "America/Chicago",
    "Europe/London",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Apia",
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.integers(1975, 2035), st.integers(1, 12), st.floats(0, 1, exclude_max=True))
def test_offsets_cover_a_month_and_are_those_of_the_zone(name: str, year: int, number: int, part: float) -> None:
    zone = ZoneInfo(name)
    begin, end = bounds(f"{year}-{number:02}", zone)
    found = list(offsets(begin, end, zone))
    assert (found[0].begin, found[-1].until) == (begin, end)
    assert all(one.until == after.begin for one, after in itertools.pairwise(found))
    moments = [begin + part * (end - begin)]
    for one in found:
        moments += [one.begin, one.begin - timedelta(microseconds=1)]
    for moment in moments:
        if begin <= moment < end:
            (piece,) = [one for one in found if one.begin <= moment < one.until]
            assert timedelta(microseconds=piece.shift) == moment.astimezone(zone).utcoffset()
            assert moment.astimezone(zone).strftime("%Y-%m") == f"{year}-{number:02}"
