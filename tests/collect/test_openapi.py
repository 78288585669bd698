"""The OpenAPI document is true: whatever it allows is answered as it says, and never with a 5xx."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from eventsink.catalogue import CATALOGUE, validate
from eventsink.keys import KeyFile
from tests.amqp.foreign import channel
from tests.sink_process import SinkProcess

_CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
_GENERATED = settings(deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)

LONG = pytest.mark.timeout(600)  # it takes a minute where nothing else runs
SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]


# Schemathesis draws from `random` now and then, which Hypothesis warns of; what it drew is no matter of ours.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize(
    ("examples", "of_a_type"), [pytest.param(12, 4, marks=LONG), pytest.param(100, 100, marks=SOAK)]
)
def test_every_operation_keeps_the_word_of_the_document(door: SinkProcess, examples: int, of_a_type: int) -> None:
    """The routes of types are one and the same but for the schema of their data: few examples of each are many."""
    schema = schemathesis.openapi.from_url(f"{door.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > len(CATALOGUE) + 10
    with requests.Session() as session:
        for operation in operations:
            most = of_a_type if operation.path.startswith("/v1/events/") else examples
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                _try(operation, mode, session, door.key, most)


def _try(operation: Any, mode: GenerationMode, session: requests.Session, key: str, examples: int) -> None:
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
        return  # there is nothing in it that could be wrong

    @settings(_GENERATED, max_examples=examples)
    @given(case=operation.as_strategy(mode))
    def keep(case: Any) -> None:
        case.call_and_validate(session=session, headers={"X-API-Key": key}, checks=_CHECKS)

    keep()


def test_the_document_names_every_type_and_problem(door: SinkProcess) -> None:
    _, document = door.request("GET", "/openapi.json")
    assert document["openapi"].startswith("3.1")
    for name, entry in CATALOGUE.items():
        component, _, event_type = name.partition(".")
        operation = document["paths"][f"/v1/events/{component}/{event_type}"]["post"]
        assert operation["summary"] == entry.summary
        assert {"202", "400", "401", "403", "413", "415", "422", "429", "503"} <= set(operation["responses"])
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all(operation.get("summary") and operation.get("operationId") for operation in operations)


# --- examples --------------------------------------------------------------------------------------------------------

_PICKY = Path(__file__).parents[1] / "cli" / "picky_worker.py"
_LAST = ("deleteMonitor", "deleteJob", "postResubmit", "retryDead", "dropDead")  # they mend what the others ask for


def test_the_example_of_every_type_is_data_of_it() -> None:
    for entry in CATALOGUE.values():
        assert validate(entry, dict(entry.example)) == []
        assert len(entry.example) >= 1


def test_every_operation_is_accepted_as_it_stands(make_sink: Callable[..., SinkProcess], broker: str) -> None:
    with channel(broker) as foreign:
        foreign.queue_declare("ncsa.image.preview", durable=True)
        foreign.queue_declare("error.ncsa.image.preview", durable=True)
    environment = {"EVENTSINK_EXTRACTORS__URL": broker, "EVENTSINK_WORKERS__PICKY__USE": str(_PICKY)}
    before = make_sink(environment={"EVENTSINK_WORKERS__FORMER__USE": str(_PICKY)}).start()
    assert before.stop() == 0
    sink = make_sink(environment=environment).start()
    sink.post({"type": "demo.refused"})
    while any(sink.accounts()[worker]["waiting"] for worker in ("store", "picky")):
        time.sleep(0.05)
    _, document = sink.request("GET", "/openapi.json")
    calls = sorted(_calls(document), key=lambda call: _LAST.index(call[0]) if call[0] in _LAST else -1)
    assert len(calls) > len(CATALOGUE) + 15
    for operation, method, path, body, media_type in calls:
        headers, sent = {"Content-Type": media_type} if media_type else {}, body
        if operation == "postBrowser":  # as a page sends it, with a key of its site
            key = KeyFile(sink.data / "keys.db").create(["browser"], origins=[sink.url]).key
            sent, headers["Origin"] = json.dumps(json.loads(body or b"") | {"key": key}).encode(), sink.url
        status, answer = sink.request(method, path, sent, headers=headers)
        assert status in (200, 202), f"{operation}: {status} {answer}"
        assert not (isinstance(answer, dict) and (answer.get("rejected") or answer.get("warnings"))), operation


def _calls(document: dict[str, Any]) -> Iterator[tuple[str, str, str, bytes | None, str]]:
    """What Swagger UI sends of each operation when a person presses Execute, for each example of its body."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            asked = path
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    asked = asked.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
                else:
                    assert not parameter["required"], "it may stay empty"
            content = operation.get("requestBody", {}).get("content", {})
            if not content:
                yield operation["operationId"], method.upper(), asked, None, ""
            for media_type, media in content.items():
                values = [named["value"] for named in media["examples"].values()] if "examples" in media else []
                for value in values or [media["example"]]:
                    body = value if isinstance(value, str) else json.dumps(value)
                    yield operation["operationId"], method.upper(), asked, body.encode(), media_type


def test_every_refusal_is_described_with_an_example(door: SinkProcess) -> None:
    _, document = door.request("GET", "/openapi.json")
    problems = [
        (int(status), media["example"])
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, answer in operation["responses"].items()
        if status >= "400"
        for media in answer["content"].values()
    ]
    assert len(problems) > 200
    for status, example in problems:
        assert example["status"] == status and example["title"] and example["detail"].endswith(".")
