"""What the official CloudEvents SDK (package `cloudevents`) writes, we read; what we write, it reads."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_structured_event,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.v1.event import CloudEvent

from eventsink.collect.ingest import ingest
from eventsink.dialects.admit import Admission
from eventsink.event import Event, encode
from tests.dialects.reading import event_of

ATTRIBUTES: dict[str, Any] = {
    "specversion": "1.0",
    "id": "sdk-1",
    "source": "/urbana/größe",
    "type": "storage.file_uploaded",
    "time": datetime(2026, 3, 1, 12, 30, 0, 250_000, tzinfo=UTC),
    "subject": 'files/100% "quoted" 😀',
    "datacontenttype": "application/json",
    "user": "alice",
    "traceparent": "00-0af7-01",
}
DATA = {"file_name": "Übersicht 😀.csv", "bytes": 2**53 + 1, "dataset_id": "64c"}


@pytest.mark.parametrize("write", [to_structured_event, to_binary_event])
async def test_an_event_of_the_sdk_is_read_attribute_by_attribute(write: Any) -> None:
    event = await _received(write(CloudEvent(ATTRIBUTES, DATA)))
    assert event.data == DATA
    for name in ("id", "source", "type", "time", "subject", "user"):
        assert getattr(event, name) == ATTRIBUTES[name], name
    assert event.extensions["traceparent"] == "00-0af7-01"


async def test_both_modes_give_the_same_event() -> None:
    structured = await _received(to_structured_event(CloudEvent(ATTRIBUTES, DATA)))
    binary = await _received(to_binary_event(CloudEvent(ATTRIBUTES, DATA)))
    # In binary mode the content type of the request is that of the data.
    assert structured.extensions.pop("datacontenttype") == "application/json"
    assert (structured.id, structured.data, structured.extensions) == (binary.id, binary.data, binary.extensions)


def test_the_sdk_reads_what_we_write() -> None:
    ours = event_of(
        {"type": "users.login", "id": "1", "time": "2026-03-01T12:00:00Z", "user": "é", "data": {"method": "x"}}
    )
    theirs = from_structured_event(HTTPMessage({"content-type": "application/cloudevents+json"}, encode(ours)))
    assert (theirs.get_id(), theirs.get_type(), theirs.get_source()) == ("1", "users.login", "clowder")
    assert (theirs.get_time(), theirs.get_extension("user")) == (ours.time, "é")
    assert theirs.get_data() == {"method": "x"}


async def _received(message: HTTPMessage) -> Event:
    headers = {name.lower().encode(): value.encode() for name, value in message.headers.items()}
    content_type = headers[b"content-type"].decode()
    intake = await ingest(message.body, content_type, headers, Admission(), "clowder")
    assert not intake.rejected
    return intake.events[0]
