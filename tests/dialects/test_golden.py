"""Every sample message is read into the event that its golden file holds (made by tests/dialects/regenerate.py)."""

import pytest

from tests.dialects.regenerate import GOLDEN, SAMPLES, golden_of, load, names


def test_every_sample_has_a_golden_file_and_every_golden_file_a_sample() -> None:
    assert names(SAMPLES), "there are samples"
    assert names(SAMPLES) == names(GOLDEN), "run: python -m tests.dialects.regenerate"


@pytest.mark.parametrize("name", names(SAMPLES))
def test_a_sample_is_read_into_its_golden_event(name: str) -> None:
    assert golden_of(load(SAMPLES / name)) == load(GOLDEN / name), "run: python -m tests.dialects.regenerate"
