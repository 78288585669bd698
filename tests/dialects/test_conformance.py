"""The conformance cases of CloudEvents 1.0.2, written anew: one event in every mode, over HTTP and over AMQP.

Sources: the JSON event format, and the protocol bindings of HTTP and AMQP, by section.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
import pytest

from eventsink.collect.ingest import ingest
from eventsink.dialects.admit import Admission
from eventsink.event import Event
from tests.exchange.test_wire import _read

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "A234-1234-1234",
    "source": "https://github.com/cloudevents/spec/pull/123",
    "type": "com.github.pull_request.opened",
    "time": "2018-04-05T17:31:00Z",
    "subject": "123",
    "comexampleextension1": "value",
}
DATA = {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True}
WHOLE = ATTRIBUTES | {"datacontenttype": "application/json", "data": DATA}


class Transport(Protocol):
    """Carries one message; gives the events of it, and the reasons of what was refused."""

    async def __call__(
        self, body: bytes, content_type: str, attributes: Mapping[str, Any] = ...
    ) -> tuple[Sequence[Event], list[str]]: ...


async def http(body: bytes, content_type: str, attributes: Mapping[str, Any] = {}) -> tuple[Sequence[Event], list[str]]:
    headers = {b"content-type": content_type.encode()}
    headers |= {f"ce-{name}".encode(): quote(str(value), safe=":/").encode() for name, value in attributes.items()}
    intake = await ingest(body, content_type, headers, Admission(), "clowder")
    return intake.events, [one.message for one in intake.rejected]


def amqp(prefix: str) -> Transport:
    """Of the binding's two prefixes one: AMQP 1.0 takes a colon, JMS takes it for none."""

    async def carry(
        body: bytes, content_type: str, attributes: Mapping[str, Any] = {}
    ) -> tuple[Sequence[Event], list[str]]:
        headers = {f"{prefix}{name}": value for name, value in attributes.items()}
        parcel = _read(body, content_type=content_type, headers=headers)
        return parcel.events, [one.reason for one in parcel.broken]

    return carry


EVERYWHERE = pytest.mark.parametrize(
    "carry", [http, amqp("cloudEvents:"), amqp("cloudEvents_")], ids=["http", "amqp-colon", "amqp-underscore"]
)


def expected(**changed: Any) -> dict[str, Any]:
    """What becomes of the example of the specification, without what arrival adds."""
    event = {
        "id": "A234-1234-1234",
        "source": "https://github.com/cloudevents/spec/pull/123",
        "type": "com.github.pull_request.opened",
        "time": "2018-04-05T17:31:00+00:00",
        "subject": "123",
        "data": DATA,
        "comexampleextension1": "value",
    }
    return {name: value for name, value in (event | changed).items() if value is not None}


def flat(event: Event) -> dict[str, Any]:
    """An event as one object, without what arrival adds and without what is not there."""
    known = {name: getattr(event, name) for name in ("id", "source", "type", "subject", "data")}
    flattened = known | {"time": event.time.isoformat()} | event.extensions
    return {name: value for name, value in flattened.items() if value is not None and name != "datacontenttype"}


@EVERYWHERE
@pytest.mark.parametrize("media", [STRUCTURED, f"{STRUCTURED}; charset=utf-8", STRUCTURED.upper()])
async def test_structured_mode(carry: Transport, media: str) -> None:
    """HTTP §3.2, AMQP §3.2."""
    events, refused = await carry(json.dumps(WHOLE).encode(), media)
    assert ([flat(event) for event in events], refused) == ([expected()], [])


@EVERYWHERE
async def test_structured_mode_with_its_attributes_in_headers_too(carry: Transport) -> None:
    """HTTP §3.2.2: they may be there for those who look at headers alone. The body is the event."""
    events, refused = await carry(json.dumps(WHOLE).encode(), STRUCTURED, ATTRIBUTES)
    assert ([flat(event) for event in events], refused) == ([expected()], [])


@EVERYWHERE
async def test_batch_mode(carry: Transport) -> None:
    """JSON format §4, HTTP §3.3. The binding of AMQP has no batches, and is read like that all the same."""
    others = [WHOLE, WHOLE | {"id": "2", "subject": None}]
    events, refused = await carry(json.dumps(others).encode(), BATCH)
    assert ([flat(event) for event in events], refused) == ([expected(), expected(id="2", subject=None)], [])
    assert await carry(b"[]", BATCH) == ([], []), "an empty batch is one"


@EVERYWHERE
async def test_binary_mode(carry: Transport) -> None:
    """HTTP §3.1, AMQP §3.1: attributes are headers, and the content type is that of the data."""
    events, refused = await carry(json.dumps(DATA).encode(), "application/json", ATTRIBUTES)
    assert ([flat(event) for event in events], refused) == ([expected()], [])


@EVERYWHERE
async def test_binary_mode_without_data(carry: Transport) -> None:
    """§3.1.2: a body may be empty."""
    events, _ = await carry(b"", "", ATTRIBUTES)
    assert [flat(event) for event in events] == [expected(data={})]


@EVERYWHERE
@pytest.mark.parametrize(
    ("value", "text"),
    [("Euro € 😀", "Euro € 😀"), ("100%", "100%"), ('say "no"', 'say "no"'), (True, "true"), (7, "7")],
)
async def test_binary_mode_carries_every_text(carry: Transport, value: Any, text: str) -> None:
    """HTTP §3.1.3.2; AMQP has types of its own, of which the canonical text is taken (specification §4)."""
    canonical = str(value).lower() if isinstance(value, bool) and carry is http else value
    events, _ = await carry(b"{}", "application/json", ATTRIBUTES | {"comexampleextension1": canonical})
    assert [event.extensions["comexampleextension1"] for event in events] == [text]


@EVERYWHERE
@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"specversion": "0.3"}, "Only CloudEvents 1.0 is read"),
        ({"type": "has a blank"}, "component.event_type"),
        ({"type": ""}, ""),
        ({"time": "noon"}, "time"),
    ],
)
async def test_what_breaks_the_rules_of_attributes_is_refused(
    carry: Transport, mode: str, changed: dict[str, str], said: str
) -> None:
    """Specification §3: the same in every mode."""
    attributes = ATTRIBUTES | changed
    body = attributes | {"data": DATA} if mode == "structured" else DATA
    headers = attributes if mode == "binary" else {}
    events, refused = await carry(
        json.dumps(body).encode(), STRUCTURED if mode == "structured" else "application/json", headers
    )
    assert not events and len(refused) == 1
    assert said in refused[0]


@EVERYWHERE
async def test_a_name_with_capitals_is_refused_in_structured_mode(carry: Transport) -> None:
    """Specification §3.1.1; in headers there are none."""
    events, refused = await carry(json.dumps(WHOLE | {"comExample": "x"}).encode(), STRUCTURED)
    assert not events and "comExample" in refused[0]


@EVERYWHERE
@pytest.mark.parametrize(
    "data",
    [b"<much wow='xml'/>", b"text", b"[1]", b'"text"', b"5", b"\x89PNG"],
    ids=["xml", "text", "[]", "str", "5", "png"],
)
async def test_data_that_is_no_json_object_is_refused_in_binary_mode(carry: Transport, data: bytes) -> None:
    """The specification allows any data; an event here has an object."""
    events, refused = await carry(data, "application/json", ATTRIBUTES)
    assert not events and len(refused) == 1
    assert "object" in refused[0] or "JSON" in refused[0]


@EVERYWHERE
@pytest.mark.parametrize(
    ("changed", "data"),
    [
        ({"data_base64": base64.b64encode(json.dumps(DATA).encode()).decode(), "data": None}, DATA),
        ({"data": None}, {}),
        ({"datacontenttype": None}, DATA),
        ({"datacontenttype": "application/vnd.example+json"}, DATA),
    ],
)
async def test_the_data_of_structured_mode(carry: Transport, changed: dict[str, Any], data: dict[str, Any]) -> None:
    """JSON format §3.1: as JSON, in base64, or none; what is null is not there (§2.3)."""
    events, refused = await carry(json.dumps(WHOLE | changed).encode(), STRUCTURED)
    assert ([event.data for event in events], refused) == ([data], [])


@EVERYWHERE
@pytest.mark.parametrize(
    "changed", [{"data": "<much wow='xml'/>", "datacontenttype": "text/xml"}, {"data_base64": "AQI="}]
)
async def test_structured_data_that_is_no_json_object_is_refused(carry: Transport, changed: dict[str, Any]) -> None:
    whole = {name: value for name, value in WHOLE.items() if name != "data"}
    events, refused = await carry(json.dumps(whole | changed).encode(), STRUCTURED)
    assert not events and len(refused) == 1
    assert "JSON" in refused[0] or "object" in refused[0]


@EVERYWHERE
@pytest.mark.parametrize("value", [True, False, 0, -(2**31), 2**31 - 1, "text", "", "2018-04-05T17:31:00Z"])
async def test_extensions_of_every_type_that_json_has(carry: Transport, value: Any) -> None:
    """JSON format §2.2."""
    (event,), _ = await carry(json.dumps(WHOLE | {"comexampleextension1": value}).encode(), STRUCTURED)
    assert event.extensions["comexampleextension1"] == value


@EVERYWHERE
async def test_the_same_event_in_every_mode_is_one(carry: Transport) -> None:
    (structured,), _ = await carry(json.dumps(WHOLE).encode(), STRUCTURED)
    (batched,), _ = await carry(json.dumps([WHOLE]).encode(), BATCH)
    (binary,), _ = await carry(json.dumps(DATA).encode(), "application/json", ATTRIBUTES)
    assert flat(structured) == flat(batched) == flat(binary)
    assert structured.identity == batched.identity == binary.identity
    assert msgspec.json.encode(structured.data) == msgspec.json.encode(binary.data)
