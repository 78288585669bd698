"""The catalogue: complete, documented, and exact about what is wrong."""

import json
import re
from typing import Any, get_type_hints

import jsonschema_rs
import msgspec
import pytest

from eventsink.catalogue import CATALOGUE, DEEPEST, check_values, nearest, schemas, validate
from eventsink.errors import InvalidEvent

EXAMPLES: dict[str, dict[str, Any]] = {
    "storage.file_uploaded": {"file_id": "f", "bytes": 1},
    "storage.file_deleted": {"file_id": "f"},
    "storage.resource_created": {"resource_type": "dataset", "resource_id": "d"},
    "storage.resource_deleted": {"resource_type": "folder", "resource_id": "d"},
    "storage.resource_archived": {"resource_type": "file", "resource_id": "f", "bytes": 1},
    "storage.resource_unarchived": {"resource_type": "dataset", "resource_id": "d", "items": 2},
    "extractions.extraction_event": {"status": "done", "run_ms": 1.5},
    "traffic.page_view": {"url": "https://x/"},
    "traffic.resource_viewed": {"resource_type": "space"},
    "traffic.resource_downloaded": {"resource_type": "dataset", "items": 3},
    "traffic.link_followed": {"url": "https://x/", "link": "https://y/"},
    "traffic.upload_finished": {"items": 0},
    "traffic.extraction_submitted": {"resource_type": "dataset"},
    "traffic.api_request": {"method": "GET", "route": "/x", "status": 200},
    "users.signup": {},
    "users.login": {"method": "cilogon"},
    "health.ping_update": {"target": "x", "up": True, "loss_percent": 100},
    "health.download_update": {"url": "http://x", "up": False},
    "health.connection_update": {"requests": 1},
    "health.queue_update": {"queue": "q", "ready": 0},
    "health.check_update": {"target": "x", "up": True, "value": -1.5},
    "health.heartbeat": {"name": "backup"},
    "health.status_changed": {"target": "x", "up": True},
    "health.sink_update": {"worker": "store", "waiting": 3, "lag_s": 0.5},
    "health.canary_update": {"by": "doctor"},
}

UNITS = re.compile(
    r"\b(bytes|milliseconds|seconds|percent|days|HTTP status|unit of the check"
    r"|packets|messages|requests|clients|connections|consumers|files|redirects|addresses|lines|checks|events)\b",
    re.IGNORECASE,
)

FIELDS = [(name, field) for name, entry in CATALOGUE.items() for field in sorted(entry.fields)]


def test_every_type_of_the_design_is_there_and_has_an_example_here() -> None:
    assert CATALOGUE.keys() == EXAMPLES.keys()


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_example_of_a_type_is_valid_by_us_and_by_its_json_schema(name: str) -> None:
    schema = schemas()[name]
    jsonschema_rs.meta.validate(schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"})
    assert validate(CATALOGUE[name], EXAMPLES[name]) == []
    assert jsonschema_rs.is_valid(schema, EXAMPLES[name])


@pytest.mark.parametrize("name", [name for name in CATALOGUE if EXAMPLES[name]])
def test_we_and_the_json_schema_refuse_the_same(name: str) -> None:
    schema = schemas()[name]
    for field, value in EXAMPLES[name].items():
        wrong = EXAMPLES[name] | {field: [value]}
        assert not jsonschema_rs.is_valid(schema, wrong)
        with pytest.raises(InvalidEvent) as refusal:
            validate(CATALOGUE[name], wrong)
        assert refusal.value.pointer == f"/data/{field}"


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_every_field_is_described_in_a_sentence_and_numbers_name_their_unit(name: str, field: str) -> None:
    definition = next(iter(schemas()[name]["$defs"].values()))["properties"][field]
    description = _description(CATALOGUE[name].data, field)
    assert description.endswith("."), "a sentence"
    if {"integer", "number"} & set(_types(definition)):
        assert UNITS.search(description), f"the unit of {field}: {description}"


@pytest.mark.parametrize("name", CATALOGUE)
def test_bytes_and_items_are_never_one_field(name: str) -> None:
    for field in CATALOGUE[name].fields & {"bytes", "items", "size", "length"}:
        assert field in {"bytes", "items"}
        described = _description(CATALOGUE[name].data, field)
        assert ("ytes" in described) == (field == "bytes"), described


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_type_has_a_summary_and_the_form_component_dot_type(name: str) -> None:
    assert CATALOGUE[name].summary.endswith(".")
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", name)
    assert CATALOGUE[name].name == name


UPLOAD, REQUEST, PING = "storage.file_uploaded", "traffic.api_request", "health.ping_update"
VIEW, CREATED, EXTRACTION = "traffic.resource_viewed", "storage.resource_created", "extractions.extraction_event"
GET = {"method": "GET", "route": "/"}
STATES = "one of cancelled, done, failed, queued, retried, skipped, working"
KINDS = "one of collection, dataset, file, folder, space"


@pytest.mark.parametrize(
    ("name", "data", "field", "expected", "got"),
    [
        (UPLOAD, {"bytes": "1"}, "bytes", "int", "str"),
        (UPLOAD, {"bytes": 1.5}, "bytes", "int", "float"),
        (UPLOAD, {"bytes": True}, "bytes", "int", "bool"),
        (UPLOAD, {"bytes": -1}, "bytes", "int >= 0", "-1"),
        (UPLOAD, {"bytes": 2**70}, "bytes", f"int <= {2**63 - 1}", str(2**70)),
        (UPLOAD, {"file_name": 5}, "file_name", "str", "int"),
        (UPLOAD, {"file_id": "x" * 201}, "file_id", "str of length <= 200", "'" + "x" * 56 + "..."),
        (EXTRACTION, {"status": "started"}, "status", STATES, "'started'"),
        (EXTRACTION, {"status": "done", "run_ms": -1}, "run_ms", "float >= 0.0", "-1"),
        (VIEW, {"resource_type": "page"}, "resource_type", KINDS, "'page'"),
        (
            VIEW,
            {"resource_type": "file", "access_method": "robot"},
            "access_method",
            "one of machine, regular",
            "'robot'",
        ),
        (CREATED, {"resource_type": "space"}, "resource_id", "a field 'resource_id'", "nothing"),
        (REQUEST, GET | {"status": 99}, "status", "int >= 100", "99"),
        (REQUEST, GET | {"status": 600}, "status", "int <= 599", "600"),
        (PING, {"target": "x", "up": "yes"}, "up", "bool", "str"),
        (PING, {"target": "x", "up": 1}, "up", "bool", "int"),
        (PING, {"target": "x", "up": True, "loss_percent": 101}, "loss_percent", "float <= 100.0", "101"),
        ("health.check_update", {"target": "x", "up": True, "value": 2**70}, "value", f"float <= {1e15}", str(2**70)),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected_and_what_came(
    name: str, data: dict[str, Any], field: str, expected: str, got: str
) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        validate(CATALOGUE[name], data)
    error = refusal.value
    assert (error.pointer, error.expected, error.got) == (f"/data/{field}", expected, got)
    assert "Did you mean" not in error.message


@pytest.mark.parametrize(
    ("name", "data", "suggestion"),
    [
        (EXTRACTION, {"status": "wroking"}, "'working'"),
        (VIEW, {"resource_type": "datasets"}, "'dataset'"),
        (CREATED, {"resource_type": "space", "resourceid": "x"}, "it by 'resourceid'"),
        (REQUEST, GET | {"Status": 200}, "it by 'Status'"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(name: str, data: dict[str, Any], suggestion: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        validate(CATALOGUE[name], data)
    assert refusal.value.message.endswith(f"Did you mean {suggestion}?")


def test_an_unknown_field_of_a_known_type_is_kept_and_told() -> None:
    data = {"file_id": "f", "colour": "red", "nested": {"a": [1]}}
    assert validate(CATALOGUE["storage.file_uploaded"], data) == ["colour", "nested"]
    assert data["colour"] == "red"


def test_a_field_that_is_null_counts_as_absent() -> None:
    assert validate(CATALOGUE["storage.file_uploaded"], {"file_id": None, "bytes": None}) == []


@pytest.mark.parametrize(
    ("value", "pointer", "expected"),
    [
        ({"a": 2**63}, "/data/a", "an integer of 64 bits"),
        ({"a": -(2**63) - 1}, "/data/a", "an integer of 64 bits"),
        ({"a": {"b": [1, 2**70]}}, "/data/a/b/1", "an integer of 64 bits"),
        ({"a": float("nan")}, "/data/a", "a finite number"),
        ({"a": [float("-inf")]}, "/data/a/0", "a finite number"),
        ({"a": "x\ud800"}, "/data/a", "Unicode text"),
        ({"\udfff": 1}, "/data", "Unicode text"),
        ({"a/b": {"c~d": "\udc00"}}, "/data/a~1b/c~0d", "Unicode text"),
    ],
)
def test_what_no_destination_can_hold_is_refused_where_it_stands(value: Any, pointer: str, expected: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        check_values(value, "/data")
    assert (refusal.value.pointer, refusal.value.expected) == (pointer, expected)
    assert refusal.value.got.isascii()


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 1.7e308, 5e-324, "\0", "😀\ufffe", True, None, [], {}])
def test_what_every_destination_can_hold_passes(value: Any) -> None:
    assert validate(CATALOGUE["storage.file_uploaded"], {"mine": value, "also": [{"x": value}]}) == ["mine", "also"]


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_data_may_be_nested_to_a_limit(wrap: Any) -> None:
    value: Any = 1
    for _ in range(DEEPEST):
        value = wrap(value)
    check_values(value, "/data")
    with pytest.raises(InvalidEvent, match="nested too deeply"):
        check_values(wrap(value), "/data")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("storage.file_upload", "storage.file_uploaded"),
        ("traffic.page_veiw", "traffic.page_view"),
        ("health.ping", "health.ping_update"),
        ("users.logout", "users.login"),
        ("lab.freezer_opened", None),
        ("", None),
        ("x" * 1000, None),
    ],
)
def test_the_nearest_name_is_one_that_looks_like_it_or_none(name: str, found: str | None) -> None:
    assert nearest(name, CATALOGUE) == found


def test_schemas_are_plain_json() -> None:
    assert json.loads(json.dumps(schemas())).keys() == CATALOGUE.keys()


def _description(data: type[msgspec.Struct], field: str) -> str:
    hint = get_type_hints(data, include_extras=True)[field]
    return next(str(item.description) for item in hint.__metadata__ if item.description)


def _types(definition: dict[str, Any]) -> list[str]:
    return [str(option.get("type")) for option in [definition, *definition.get("anyOf", [])]]
