"""The OpenAPI 3.1 document: Litestar describes the typed routes, the catalogue describes the intake."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from eventsink.catalogue import CATALOGUE, EventType
from eventsink.collect.browser_reading import MOST, Item
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


class Tracked(msgspec.Struct):
    """What a tracker sends at once. The times are milliseconds since 1970, by the clock of the browser."""

    key: str
    sent: float
    events: Annotated[list[Item], Meta(max_length=MOST)]
    v: int = 1


def intake_paths() -> tuple[dict[str, Any], dict[str, Any]]:
    """The paths of the intake, and the schemas that they name."""
    data_types = list({entry.data: None for entry in CATALOGUE.values()})
    refs, schemas = msgspec.json.schema_components(
        [Accepted, ProblemDetails, Plain, Tracked, *data_types], ref_template=_REF
    )
    accepted, problem, plain = refs[:3]
    data_refs = dict(zip(data_types, refs[4:], strict=True))
    paths = {"/v1/events": {"post": _intake(plain, accepted, problem)}}
    paths["/v1/browser"] = {"post": _browser(refs[3], accepted, problem)}
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


def _browser(tracked: Any, accepted: Any, problem: Any) -> dict[str, Any]:
    texts = {
        "401": "The write key in the body is unknown, revoked or expired.",
        "403": "The key is not for pages of this site, or must not stand in a page at all.",
        "429": "The key, or one address, sends faster than it may; see Retry-After.",
    }
    responses = _responses(accepted, problem)
    for status, text in texts.items():
        responses[status]["description"] = text
    del responses["415"]
    return {
        "tags": ["ingest"],
        "summary": "Report events from a page",
        "operationId": "postBrowser",
        "description": "What the tracker of a page sends: a public write key in the body, the header Origin of a site"
        " that the key is for, and types that browsers may report. Which browser it is, from which country, and who"
        " for a day, is stamped here; no address is kept. Nothing is taken from browsers that say Global Privacy"
        " Control or Do Not Track.",
        "requestBody": {"required": True, "content": {"text/plain": {"schema": tracked}}},
        "responses": responses,
    }


def _typed(entry: EventType, data: Any, accepted: Any, problem: Any) -> dict[str, Any]:
    component, _, event_type = entry.name.partition(".")
    attributes = {
        "ce-id": "Id of the event; a UUIDv7 is made when it is absent.",
        "ce-time": "When it happened, RFC 3339; now when absent.",
        "ce-user": "Id of the acting user; nobody known when it is absent, empty, `anonymous` or 24 zeros.",
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
