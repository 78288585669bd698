"""The OpenAPI document is true: whatever it allows is answered as it says, and never with a 5xx."""

from typing import Any

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

from eventsink.catalogue import CATALOGUE
from tests.sink_process import SinkProcess

_CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
_GENERATED = settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None
)


def test_every_operation_keeps_the_word_of_the_document(door: SinkProcess) -> None:
    schema = schemathesis.openapi.from_url(f"{door.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > len(CATALOGUE) + 10
    with requests.Session() as session:
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                _try(operation, mode, session, door.key)


def _try(operation: Any, mode: GenerationMode, session: requests.Session, key: str) -> None:
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
        return  # there is nothing in it that could be wrong

    @_GENERATED
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
