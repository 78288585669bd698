from datetime import UTC, datetime

import pytest
import typer

from eventsink.cli.times import age, clock, moment

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2h", "2026-11-24T13:30:00Z"),
        ("90S", "2026-11-24T15:28:30Z"),
        ("15 m", "2026-11-24T15:15:00Z"),
        ("7d", "2026-11-17T15:30:00Z"),
        ("2w", "2026-11-10T15:30:00Z"),
        ("99999d", "1970-01-01T00:00:00Z"),
        ("now", "2026-11-24T15:30:00Z"),
        ("Today", "2026-11-24T00:00:00Z"),
        ("yesterday", "2026-11-23T00:00:00Z"),
        ("2026-11-01", "2026-11-01T00:00:00Z"),
        ("2026-11-01T10:00", "2026-11-01T10:00:00Z"),
        ("2026-11-01T10:00+02:00", "2026-11-01T08:00:00Z"),
        ("1764000000", "2025-11-24T16:00:00Z"),
    ],
)
def test_times_are_read_as_people_write_them(text: str, time: str):
    assert moment(text, NOW) == time


@pytest.mark.parametrize("text", ["", "7", "soon", "2y", "-2h", "2026-13-01", "99999d" * 2])
def test_what_is_no_time_is_refused_with_examples(text: str):
    with pytest.raises(typer.BadParameter, match="as 2h, 7d, today"):
        moment(text, NOW)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.25, "0.2s"), (12, "12s"), (119, "119s"), (120, "2m"), (7200, "2h"), (2e5, "2d")]
)
def test_durations_are_told_in_their_largest_unit(seconds: float, text: str):
    assert age(seconds) == text


def test_times_of_the_api_are_shortened_to_the_second():
    assert clock("2026-11-24T15:30:01.123456Z") == "2026-11-24 15:30:01"
