"""Our own short form, and what no dialect recognises."""

from typing import Any

import pytest

from eventsink import dialects
from eventsink.errors import InvalidEvent
from tests.dialects.reading import STAMPED, event_of


def test_type_and_data_are_enough() -> None:
    event = event_of({"type": "users.login", "data": {"method": "userpass"}})
    assert (event.type, event.source, event.time, event.user) == ("users.login", "clowder", STAMPED, None)
    assert event.id[14] == "7", "a new UUIDv7"


def test_data_may_be_absent() -> None:
    assert event_of({"type": "users.login"}).data == {}


def test_other_attributes_are_kept_as_extensions() -> None:
    assert event_of({"type": "users.login", "shard": "7"}).extensions == {"shard": "7"}


@pytest.mark.parametrize(
    ("message", "pointer", "expected"),
    [
        ({"data": {}}, "/type", "a field 'type'"),
        ({"type": 5}, "/type", "str"),
        ({"type": "a.b", "id": 5}, "/id", "str"),
        ({"type": "a.b", "user": {}}, "/user", "str"),
        ({"type": "a.b", "source": ["x"]}, "/source", "str"),
        ({"type": "a.b", "Users": "x"}, "/Users", "one of data, id, source, specversion, subject, time, type, user"),
    ],
)
def test_a_wrong_attribute_is_named(message: dict[str, Any], pointer: str, expected: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        dialects.read(message)
    assert (refusal.value.pointer, refusal.value.expected) == (pointer, expected)


@pytest.mark.parametrize(
    ("value", "kind"),
    [([], "array"), ("x", "string"), (True, "boolean"), (1, "number"), (1.5, "number"), (None, "null")],
)
def test_what_is_no_object_is_no_event(value: Any, kind: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        dialects.read(value)
    assert (refusal.value.expected, refusal.value.got) == ("object", kind)


@pytest.mark.parametrize("value", [{}, {"a": 1}, {"event": "x"}, {"check": "ping"}, {"": ""}])
def test_an_object_of_no_known_form_is_refused_with_the_names_in_it(value: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent, match="No known form") as refusal:
        dialects.read(value)
    assert refusal.value.got == "an object with " + (", ".join(map(repr, value)) or "nothing")
