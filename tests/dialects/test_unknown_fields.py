"""Fields that a later Clowder may add are kept; those that we rename are not there twice."""

import json
from pathlib import Path

import pytest

from eventsink import dialects

SAMPLES = Path(__file__).parent.parent / "fixtures" / "samples"
_SINGLE = sorted(path for path in [*SAMPLES.glob("clowder-v1-*.json"), *SAMPLES.glob("legacy/*.json")])


@pytest.mark.parametrize("path", _SINGLE, ids=lambda path: path.stem)
def test_a_new_field_is_kept_and_nothing_else_is_added(path: Path) -> None:
    message = json.loads(path.read_text())
    message = message[0] if isinstance(message, list) else message
    known = dialects.read(message).data
    assert dialects.read(message | {"space_name": "Prairie"}).data == known | {"space_name": "Prairie"}
