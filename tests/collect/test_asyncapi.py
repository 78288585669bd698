"""The AsyncAPI document is one, and events are what it says."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import jsonschema_rs
import msgspec
import pytest
from typer.testing import CliRunner

from eventsink import dialects
from eventsink.catalogue import CATALOGUE, EventType
from eventsink.cli import app
from eventsink.collect.asyncapi import asyncapi
from eventsink.collect.openapi import intake_paths
from eventsink.dialects.admit import Admission, Stamps
from eventsink.event import Draft, encode
from eventsink.exchange.rabbitmq.wire import BATCH, SINGLE
from eventsink.settings import Exchange, Settings
from tests import processes
from tests.asyncapi import Document, published_schema
from tests.dialects.regenerate import SAMPLES, load, names
from tests.sink_process import SinkProcess

DESTINATIONS = {"store": [], "influxdb": ["storage.*", "users.login"], "chat": ["users.login"], "of ours/~": ["*"],
                "n" * 120: []}  # fmt: skip


def _described(**exchange: Any) -> dict[str, Any]:
    made = asyncapi(Settings(exchange=Exchange(**exchange)), DESTINATIONS)
    return dict(msgspec.json.decode(msgspec.json.encode(made)))  # as it is served


@pytest.fixture(scope="module")
def document() -> Document:
    return Document(_described())


# --- the document ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exchange", [{}, {"url": "amqp://host/clowder", "name": "other.name"}, {"format": "single"}], ids=str
)
def test_it_is_what_the_schema_of_asyncapi_allows(exchange: dict[str, Any]) -> None:
    described = _described(**exchange)
    judge = jsonschema_rs.validator_for(published_schema(), validate_formats=True)
    assert [f"{error.instance_path}: {error.message}"[:300] for error in judge.iter_errors(described)] == []
    for name, schema in described["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(schema | {"$schema": "http://json-schema.org/draft-07/schema#"}), name
    assert not judge.is_valid(described | {"channels": {"events": {"address": 5}}}), "it is a judge"


def test_every_reference_leads_somewhere(document: Document) -> None:
    references = list(_references(document.described))
    assert len(references) > 4 * len(CATALOGUE)
    for reference in references:
        assert document.found(reference), reference


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _references(item)


def test_a_queue_holds_the_messages_that_its_worker_wants(document: Document) -> None:
    channels = document.described["channels"]
    assert list(channels["queue.chat"]["messages"]) == ["users.login", "users.login.batch"]
    assert (
        channels["queue.store"]["messages"] == channels["events"]["messages"] == channels["queue.of ours/~"]["messages"]
    )
    wanted = set(channels["queue.influxdb"]["messages"])
    assert {"storage.file_deleted", "custom", "custom.batch", "users.login"} < wanted
    assert not {"users.signup", "health.ping_update"} & wanted
    assert "types" not in asyncapi(Settings(), {"store": []})["channels"]


def test_a_sink_that_sends_events_alone_says_so() -> None:
    described = _described(format="single")
    sent = [found["$ref"].rpartition("/")[2] for found in described["operations"]["publishEvents"]["messages"]]
    assert sent == [*CATALOGUE, "custom"]
    assert "messages" not in _described()["operations"]["publishEvents"]


def test_a_new_type_is_described_without_an_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Moved(msgspec.Struct):
        """A file that moved."""

        to: Annotated[str, msgspec.Meta(description="Id of the dataset.", max_length=24)]

    new = EventType("storage.file_moved", "A file moved.", Moved, frozenset({"to"}), {"to": "64c"})
    monkeypatch.setitem(CATALOGUE, new.name, new)
    document = Document(_described())
    jsonschema_rs.validate(published_schema(), document.described)
    event = document.messages[new.name]["examples"][0]["payload"]
    assert document.which(event, SINGLE) == [new.name]
    assert document.which(event | {"data": {"to": "x" * 25}}, SINGLE) == []
    assert document.which(event | {"data": {}}, SINGLE) == []
    assert new.name in document.described["channels"]["queue.influxdb"]["messages"]


# --- events ----------------------------------------------------------------------------------------------------------


def test_every_example_is_its_message_and_no_other(document: Document) -> None:
    assert len(document.messages) == 2 * len(CATALOGUE) + 2
    for name, message in document.messages.items():
        for example in message["examples"]:
            assert document.which(example["payload"], message["contentType"]) == [name]


@pytest.mark.parametrize("name", names(SAMPLES))
def test_what_others_send_becomes_a_message_of_its_type(document: Document, name: str) -> None:
    sample = load(SAMPLES / name)
    events = [_event(dialects.read(item)) for item in (sample if isinstance(sample, list) else [sample])]
    for event in events:
        assert document.which(event, SINGLE) == [event["type"]]
    kinds = {event["type"] for event in events}
    assert document.which(events, BATCH) == [f"{kind}.batch" for kind in kinds if len(kinds) == 1]


def test_an_event_with_everything_that_it_may_have_is_one(document: Document) -> None:
    example = CATALOGUE["users.login"].example
    given = Draft(type="users.login", data={**example, "more": [1]}, subject="x", user="y", dialect="d", id="1")
    given.extensions = {"traceparent": "00-0"}
    event = _event(given)
    assert event.keys() == {"specversion", "id", "source", "type", "time", "received", "data", "subject", "user",
                            "dialect", "traceparent"}  # fmt: skip
    assert document.which(event, SINGLE) == ["users.login"]
    assert document.which(event | {"type": "instrument.started"}, SINGLE) == ["custom"]


@pytest.mark.parametrize(
    "wrong",
    [{"specversion": "0.3"}, {"id": ""}, {"id": "x" * 201}, {"time": "yesterday"}, {"type": "no type"}, {"data": []},
     {"data": {"method": 5}}, {"user": 7}, {"source": None}],
    ids=str,
)  # fmt: skip
def test_what_is_no_event_is_no_message(document: Document, wrong: dict[str, Any]) -> None:
    event = document.messages["users.login"]["examples"][0]["payload"]
    assert document.which(event | wrong, SINGLE) == []
    assert document.which([event, event | wrong], BATCH) == []
    assert document.which([], BATCH) == document.which([event], SINGLE) == []


def _event(draft: Any) -> Any:
    event, _ = Admission().admit(draft, Stamps(datetime.now(UTC), "clowder"))
    return json.loads(encode(event))


def test_data_is_described_as_in_the_openapi_document(document: Document) -> None:
    _, schemas = intake_paths()
    described = document.described["components"]["schemas"]
    for entry in CATALOGUE.values():
        name = entry.data.__name__
        assert described[name] == json.loads(json.dumps(schemas[name])), name
        assert described[entry.name]["allOf"][1]["properties"]["data"] == {"$ref": f"#/components/schemas/{name}"}


# --- how it is had ---------------------------------------------------------------------------------------------------


def test_a_running_sink_has_it_for_everybody_and_the_command_without_one(
    door: SinkProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, served = door.request("GET", "/asyncapi.json", key="")
    assert (status, door.last_headers["content-type"]) == (200, "application/json")
    monkeypatch.setenv("EVENTSINK_DATA", str(door.data))
    assert json.loads(CliRunner().invoke(app, ["asyncapi"]).stdout) == served
    assert list(served["channels"]) == ["events", "queue.store", "dead", "dead.exchange"]
    assert "embedded exchange now" in served["info"]["description"]
    _, openapi = door.request("GET", "/openapi.json")
    assert "(/asyncapi.json)" in openapi["info"]["description"], "a link on the page /docs"


def test_it_tells_nothing_of_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTSINK_EXCHANGE__URL", "amqp://mallory:hu%2Fsh@inner.host.test:5999/backyard")
    monkeypatch.setenv("EVENTSINK_EXCHANGE__MANAGEMENT", "http://mallory:hu%2Fsh@inner.host.test:15999")
    printed = CliRunner().invoke(app, ["asyncapi"])
    assert printed.exit_code == 0
    for secret in ("mallory", "hu%2Fsh", "hu/sh", "inner.host", "5999", "backyard"):
        assert secret not in printed.output
    assert "embedded" not in printed.stdout


def test_without_the_client_of_rabbitmq_it_says_what_to_install() -> None:
    code = "import sys\nsys.modules['pika'] = None\nfrom eventsink.__main__ import main\nmain()"
    told = processes.run([sys.executable, "-c", code, "asyncapi"], capture_output=True, text=True)
    needed = "The AsyncAPI document needs RabbitMQ's client: pip install 'clowder-eventsink[rabbitmq]'.\n"
    assert (told.returncode, told.stdout, told.stderr) == (1, "", needed)
