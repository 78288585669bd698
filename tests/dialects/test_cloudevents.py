"""CloudEvents 1.0 in structured, batch and binary mode, by the specification."""

import base64
import json
from typing import Any

import msgspec
import pytest

from eventsink import dialects
from eventsink.collect.ingest import Intake, ingest
from eventsink.dialects.admit import Admission
from eventsink.errors import InvalidEvent
from tests.dialects.reading import event_of

FULL: dict[str, Any] = {
    "specversion": "1.0",
    "id": "A234-1234",
    "source": "/clowder/urbana",
    "type": "users.login",
    "time": "2018-04-05T17:31:00.5+02:00",
    "subject": "users/alice",
    "user": "alice",
    "datacontenttype": "application/json",
    "dataschema": "https://example.org/schema",
    "traceparent": "00-0af7-b7ad-01",
    "sampled": True,
    "retries": 3,
    "data": {"method": "cilogon"},
}


def test_structured_mode_keeps_every_attribute_and_extension() -> None:
    event = event_of(FULL)
    assert (event.id, event.source, event.subject, event.user) == (
        "A234-1234",
        "/clowder/urbana",
        "users/alice",
        "alice",
    )
    assert event.time.isoformat() == "2018-04-05T15:31:00.500000+00:00"
    assert event.data == {"method": "cilogon"}
    assert event.extensions == {
        "datacontenttype": "application/json",
        "dataschema": "https://example.org/schema",
        "traceparent": "00-0af7-b7ad-01",
        "sampled": True,
        "retries": 3,
    }


@pytest.mark.parametrize("version", ["0.3", "1.1", "1", 1.0, [], ""])
def test_another_version_of_the_specification_is_refused(version: Any) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        dialects.read(FULL | {"specversion": version})
    assert (refusal.value.pointer, refusal.value.expected) == ("/specversion", "1.0")


@pytest.mark.parametrize("name", ["data", "data_base64", "time", "subject", "dataschema", "sampled"])
def test_an_attribute_that_is_null_counts_as_absent(name: str) -> None:
    without = {key: value for key, value in FULL.items() if key != name}
    assert event_of(FULL | {name: None}) == event_of(without)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Upper", "x"),
        ("under_score", "x"),
        ("dotted.name", "x"),
        ("é", "x"),
        ("", "x"),
        ("a" * 65, "x"),
        ("extensions", "x"),
        ("list", [1]),
        ("object", {}),
        ("float", 1.5),
        ("big", 2**31),
        ("small", -(2**31) - 1),
    ],
)
def test_what_may_be_no_extension_attribute_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        dialects.read(FULL | {name: value})
    assert refusal.value.pointer == f"/{name[:60]}"


def test_an_event_that_a_sink_gave_out_is_read_as_it_was() -> None:
    given_out = FULL | {"received": "2026-01-01T00:00:00Z", "seq": 12345678901234, "dialect": "clowder"}
    assert event_of(given_out) == msgspec.structs.replace(event_of(FULL), dialect="clowder")


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), True, "", "é"])
def test_an_extension_of_every_allowed_type_is_kept(value: Any) -> None:
    assert event_of(FULL | {"mine": value}).extensions["mine"] == value


def test_base64_data_that_is_json_is_read() -> None:
    packed = base64.b64encode('{"method":"é"}'.encode()).decode()
    message = {name: value for name, value in FULL.items() if name != "data"} | {"data_base64": packed}
    assert event_of(message).data == {"method": "é"}


@pytest.mark.parametrize(
    "packed", ["not base64!", "AAAA", "", 5, "é", base64.b64encode(b'{"a":NaN}').decode(), "W" * 99_999 + "="]
)
def test_base64_data_that_is_no_json_is_refused(packed: Any) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        dialects.read(FULL | {"data_base64": packed})
    assert refusal.value.pointer == "/data_base64"


@pytest.mark.parametrize("data", ["text", 5, [1], True])
def test_data_that_is_no_object_is_refused(data: Any) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        event_of(FULL | {"data": data})
    assert (refusal.value.pointer, refusal.value.expected) == ("/data", "object")


async def test_a_batch_gives_every_event_of_it() -> None:
    body = json.dumps([FULL, FULL | {"id": "2"}]).encode()
    intake = await ingest(body, "application/cloudevents-batch+json; charset=UTF-8", {}, Admission(), "x")
    assert [event.id for event in intake.events] == ["A234-1234", "2"]


async def test_binary_mode_reads_attributes_from_headers_with_percent_encoding() -> None:
    intake = await _binary(ce_id="1", ce_source="/s", ce_subject="Euro%20%E2%82%AC%20%F0%9F%98%80", ce_user="a%25b")
    event = intake.events[0]
    assert (event.type, event.id, event.source) == ("users.login", "1", "/s")
    assert (event.subject, event.user) == ("Euro € 😀", "a%b")
    assert event.data == {"method": "userpass"}


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ('"Euro \\"x\\""', 'Euro "x"'),
        ('"a%20\\\\b"', "a \\b"),
        ('"', '"'),
        ('a "quoted" word', 'a "quoted" word'),
        ("caf%C3%A9", "café"),
        ("café", "café"),
        ("10 €", "10 €"),
        ("a%2525b", "a%25b"),
        ("100%", "100%"),
        ("%41", "A"),
    ],
)
async def test_a_header_is_decoded_once_and_read_as_utf_8(value: str, read: str) -> None:
    assert (await _binary(ce_subject=value)).events[0].subject == read


@pytest.mark.parametrize("value", [b"%FF%FE", b"caf\xe9", b"%C3", b"%ED%A0%80"])
async def test_a_header_that_is_no_utf_8_is_refused(value: bytes) -> None:
    headers = {b"ce-type": b"users.login", b"ce-subject": value}
    intake = await ingest(b"{}", "application/json", headers, Admission(), "clowder")
    assert [rejection.pointer for rejection in intake.rejected] == ["/subject"]
    assert "percent-encoded" in intake.rejected[0].message


async def test_binary_mode_keeps_extensions() -> None:
    intake = await _binary(ce_traceparent="00-0af7", ce_time="2018-04-05T17:31:00Z")
    assert intake.events[0].extensions == {"traceparent": "00-0af7"}
    assert intake.events[0].time.year == 2018


async def test_binary_mode_without_a_body_has_no_data() -> None:
    assert (await _binary(b"")).events[0].data == {}


@pytest.mark.parametrize(
    ("header", "value", "pointer"),
    [("ce_specversion", "0.3", "/specversion"), ("ce_time", "noon", "/time"), ("ce_bad_name", "x", "/bad_name")],
)
async def test_binary_mode_refuses_what_structured_mode_does(header: str, value: str, pointer: str) -> None:
    headers = {header.replace("_", "-", 1): value}
    intake = await _binary(more=headers)
    assert [rejection.pointer for rejection in intake.rejected] == [pointer]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"<a/>", "text/xml"),
        (b"hello", "text/plain"),
        (b"\x89PNG", "image/png"),
        (b"5", ""),
    ],
)
async def test_binary_mode_refuses_data_that_is_no_json_object_and_says_so(body: bytes, content_type: str) -> None:
    (rejection,) = (await _binary(body, more={"content-type": content_type})).rejected
    assert (rejection.pointer, rejection.expected) == ("/data", "object")
    assert "object" in rejection.message


async def _binary(body: bytes = b'{"method":"userpass"}', more: dict[str, str] | None = None, **ce: str) -> Intake:
    named = {name.replace("_", "-"): value for name, value in ce.items()} | (more or {})
    headers = {b"ce-type": b"users.login"} | {name.encode(): value.encode() for name, value in named.items()}
    return await ingest(body, named.get("content-type", "application/json"), headers, Admission(), "clowder")
