"""The OpenAPI 3.1 document: Litestar describes the typed routes, the catalogue describes the intake."""

from typing import Any

import msgspec

from eventsink.catalogue import CATALOGUE, EventType
from eventsink.collect.ingest import Notice, Rejection
from eventsink.event import Plain

__all__ = ["intake_paths"]

_REF = "#/components/schemas/{name}"


class Accepted(msgspec.Struct):
    """What became of the events of a request."""

    accepted: int
    rejected: list[Rejection]
    warnings: list[Notice] = []
    rejected_total: int = 0


class ProblemDetails(msgspec.Struct):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    accepted: int = 0
    rejected: list[Rejection] = []


def intake_paths() -> tuple[dict[str, Any], dict[str, Any]]:
    """The paths of the intake, and the schemas that they name."""
    data_types = list({entry.data: None for entry in CATALOGUE.values()})
    refs, schemas = msgspec.json.schema_components([Accepted, ProblemDetails, Plain, *data_types], ref_template=_REF)
    accepted, problem, plain = refs[:3]
    data_refs = dict(zip(data_types, refs[3:], strict=True))
    paths = {"/v1/events": {"post": _intake(plain, accepted, problem)}}
    for name, entry in CATALOGUE.items():
        component, _, event_type = name.partition(".")
        path = f"/v1/events/{component}/{event_type}"
        paths[path] = {"post": _typed(entry, data_refs[entry.data], accepted, problem)}
    return paths, schemas


def _intake(plain: Any, accepted: Any, problem: Any) -> dict[str, Any]:
    array = {"type": "array", "items": plain}
    return {
        "tags": ["ingest"],
        "summary": "Report events",
        "operationId": "postEvents",
        "description": "One event, an array of events, or one event a line; our short form, CloudEvents 1.0 in"
        " structured, batch or binary mode, or a message of Clowder. May be gzipped. Good events are accepted though"
        " others of the request are not.",
        "security": [{"key": ["ingest"]}, {"bearer": ["ingest"]}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [plain, array]}},
                "application/x-ndjson": {"schema": {"type": "string"}},
                "application/cloudevents+json": {"schema": {"type": "object"}},
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
            },
        },
        "responses": _responses(accepted, problem),
    }


def _typed(entry: EventType, data: Any, accepted: Any, problem: Any) -> dict[str, Any]:
    component, _, event_type = entry.name.partition(".")
    attributes = {
        "ce-id": "Id of the event; a UUIDv7 is made when it is absent.",
        "ce-time": "When it happened, RFC 3339; now when absent.",
        "ce-user": "Id of the acting user.",
        "ce-subject": "What it is about, as datasets/64c….",
        "ce-source": "Where it happened.",
    }
    return {
        "tags": [component],
        "summary": entry.summary,
        "operationId": "post" + "".join(word.title() for word in f"{component}_{event_type}".split("_")),
        "description": f"Reports one `{entry.name}`: the body is its data, its other attributes are headers.",
        "security": [{"key": ["ingest"]}, {"bearer": ["ingest"]}],
        "parameters": [
            {"name": header, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
            for header, text in attributes.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": data, "example": entry.example}}},
        "responses": _responses(accepted, problem),
    }


def _responses(accepted: Any, problem: Any) -> dict[str, Any]:
    reasons = {
        "400": "The body is not JSON.",
        "401": "The key is missing, unknown, revoked or expired.",
        "403": "The key has not the scope `ingest`.",
        "408": "Nothing of the body came for a while.",
        "413": "The body is too large, as sent or inflated.",
        "415": "The content type, charset or encoding is not read here.",
        "422": "No event was accepted; `rejected` says why.",
        "429": "The key sends faster than it may; see Retry-After.",
        "503": "Events cannot be stored now; nothing of this request was. See Retry-After.",
    }
    answers: dict[str, Any] = {
        status: {"description": text, "content": {"application/problem+json": {"schema": problem}}}
        for status, text in reasons.items()
    }
    answers["202"] = {
        "description": "The accepted events are durable.",
        "content": {"application/json": {"schema": accepted, "example": {"accepted": 1, "rejected": []}}},
    }
    return answers
