"""Documents of an earlier consumer's collection, as `mongoexport` writes them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventsink import dialects
from eventsink.errors import InvalidEvent
from tests.dialects.reading import event_of

EXPORT = Path(__file__).parents[1] / "fixtures/mongoexport.ndjson"
MESSAGE = {
    "category": "download", "type": "file", "resource_id": "64b000000000000000000001", "resource_name": "m",
    "user_id": "64a000000000000000000002", "user_name": "B", "size": 10, "created": 1795000000000,
}  # fmt: skip
ID = {"_id": {"$oid": "64c000000000000000000001"}}


def test_every_document_is_the_event_that_its_message_was() -> None:
    changes: list[dict[str, Any]] = [
        {}, {"size": 5000000000, "created": 1795000000001, "resource_name": "m2"},
        {"resource_name": "m3"}, {"resource_name": "m4"},
    ]  # fmt: skip
    exported = [event_of(json.loads(line)) for line in EXPORT.read_text("utf-8").splitlines()]
    assert exported == [event_of(MESSAGE | change) for change in changes]
    assert "_id" not in exported[0].data


@pytest.mark.parametrize(
    "changes",
    [
        {"size": {"$numberInt": "10"}},
        {"size": {"$numberDouble": "10.0"}},
        {"size": 10.0},
        {"created": {"$date": {"$numberLong": "1795000000000"}}},
        {"created": {"$date": 1795000000000}},
        {"created": {"$date": "2026-11-18T12:06:40.000+01:00"}},
        {"created": {"$numberDouble": "1795000000000.0"}},
    ],
)
def test_each_form_of_a_value_is_the_same_event(changes: dict[str, Any]) -> None:
    assert event_of(ID | MESSAGE | changes) == event_of(MESSAGE)


def test_a_message_without_a_time_has_that_at_which_it_was_stored() -> None:
    text = json.dumps({name: value for name, value in MESSAGE.items() if name != "created"})
    event = event_of(ID | {"created": {"$date": "2026-11-18T11:06:40.5Z"}, "message": text})
    assert event.time == datetime(2026, 11, 18, 11, 6, 40, 500_000, tzinfo=UTC)
    assert event.id == event_of(json.loads(text)).id


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"size": {"$numberLong": "many"}}, "/size/$numberLong"),
        ({"size": {"$numberDouble": []}}, "/size/$numberDouble"),
        ({"created": {"$date": "noon"}}, "/created/$date"),
        ({"resource_id": {"$oid": 5}}, "/resource_id/$oid"),
    ],
)
def test_a_value_that_is_not_what_its_type_says_is_named(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        dialects.read(ID | MESSAGE | changes)
    assert refusal.value.pointer == pointer


@pytest.mark.parametrize("text", ["", "{", "[]", "plain words", "[" * 100_000])
def test_a_message_kept_as_text_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        dialects.read(ID | {"created": {"$date": "2026-11-18T11:06:40Z"}, "message": text})
    assert refusal.value.pointer == "/message"
