"""Examples in the OpenAPI document: a person who presses Execute sends what is accepted as it stands.

In: the document. Out: the same, with an example for each body, each parameter that must be given, and each refusal.
"""

from http import HTTPStatus
from typing import Any

from eventsink.catalogue import CATALOGUE

__all__ = ["illustrate"]

_LOGIN = {"type": "users.login", "user": "alice", "data": CATALOGUE["users.login"].example}
_UPLOAD = {"type": "storage.file_uploaded", "user": "alice", "data": CATALOGUE["storage.file_uploaded"].example}
_CLOUD = {
    "specversion": "1.0",
    "id": "019ab3c5-0000-7000-8000-000000000001",
    "source": "clowder.example.org",
    "type": "users.login",
    "time": "2026-11-23T10:00:00Z",
    "user": "alice",
    "data": CATALOGUE["users.login"].example,
}
_CLOWDER = {
    "category": "view_resource",
    "type": "dataset",
    "resource_id": "64c000000000000000000002",
    "resource_name": "Soil moisture 2026",
    "user_id": "64a000000000000000000004",
    "user_name": "Alice",
    "created": 1795428000000,
}
_INTAKE: dict[str, dict[str, Any]] = {
    "application/json": {
        "one event": _LOGIN,
        "several events": [_LOGIN, _UPLOAD],
        "a message of Clowder": _CLOWDER,
    },
    "application/x-ndjson": {
        "one event a line": '{"type":"users.login","user":"alice"}\n{"type":"users.signup","user":"bob"}\n'
    },
    "application/cloudevents+json": {"a CloudEvent": _CLOUD},
    "application/cloudevents-batch+json": {
        "several CloudEvents": [_CLOUD, _CLOUD | {"id": "019ab3c5-0000-7000-8000-000000000002"}]
    },
}
_JOB = "019ab3c5-0000-7000-8000-00000000000a"
_BODIES = {
    "postBrowser": {
        "v": 1,
        "key": "clw_1f0e6f3d_…, as `eventsink snippet` prints it",
        "sent": 1795428000000,
        "events": [
            {
                "id": "5d1c2a54-7d1e-4c0a-9a55-1f0e6f3d2a11",
                "type": "traffic.page_view",
                "time": 1795427999900,
                "data": CATALOGUE["traffic.page_view"].example,
            }
        ],
    },
    "postReplay": {"to": "store", "dry_run": True},
    "querySql": {"query": "SELECT type, count(*) AS events FROM events GROUP BY type ORDER BY events DESC"},
    "retryDead": {"all": True},
    "dropDead": {"ids": [1]},
    "postJob": {
        "kind": "file",
        "extractor": "ncsa.image.preview",
        "id": "64b000000000000000000001",
        "host": "https://clowder.example.org",
        "secret_key": "the key of the extractor",
        "name": "plot-07.png",
        "dataset_id": "64c000000000000000000002",
        "job_id": _JOB,
    },
    "postResubmit": {"all": True},
    "postHeartbeat": {"ok": True, "duration_ms": 512_000.0},
    "reportMonitor": {"instance": "0b9f3c52", "region": "urbana", "checks": 12},
    "acknowledgeAlert": {"alert": "clowder", "reason": "The disk is being replaced."},
    "forgetCheck": {"name": "former"},
    "silenceAlerts": {"alerts": ["clowder", "db-*"], "seconds": 7200, "reason": "New disks", "maintenance": True},
    "testAlerts": {},
    "retryNotices": {},
    "dropNotices": {},
    "openIncident": {"title": "Uploads are slow", "checks": ["clowder"], "message": "We look for the cause."},
    "updateIncident": {"message": "A disk was replaced.", "close": True},
}
_ALSO = {"getCounter": ("text/tab-separated-values", "text/csv")}
"""Other forms in which an operation answers, of which Litestar knows one."""
_PARAMETERS = {
    "name": "nightly-backup",
    "number": 1,
    "worker": "former",
    "job_id": _JOB,
    "extractor": "ncsa.image.preview",
    "page": "overview",
    "panel": "totals",
    "report": "usage",
}
_DETAILS = {
    400: "The JSON is malformed at line 1, column 10 (byte 9): invalid character.",
    401: "A key is needed. Send one as `X-API-Key: …` or `Authorization: Bearer …`.",
    403: "Key 1f0e6f3d has no scope 'admin'; it has ingest.",
    404: "There is no dead letter 1.",
    408: "Nothing of the body came for 30 seconds: send it again.",
    409: "The job is not waiting: an extractor has it, or it has ended.",
    413: "The body is larger than 10000000 bytes (collect.max_body): send it in parts.",
    415: "'application/xml' is not read here, and the body is no JSON: send application/json or application/x-ndjson.",
    422: "Nothing was accepted. Expected int, got str.",
    429: "This key may send 1000 events a second.",
    503: "The exchange cannot be written at var/exchange.db: the disk is full. Nothing of this request was stored.",
}
_REJECTED = {
    "index": 0,
    "pointer": "/data/bytes",
    "expected": "int",
    "got": "str",
    "message": "Expected int, got str.",
}


def illustrate(document: dict[str, Any]) -> None:
    """Add the examples to a document, in place."""
    for path in document["paths"].values():
        for operation in path.values():
            _illustrate_request(operation)
            for media_type in _ALSO.get(operation["operationId"], ()):
                operation["responses"]["200"]["content"][media_type] = {"schema": {"type": "string"}}
            for status, answer in operation["responses"].items():
                for media in answer.get("content", {}).values() if status >= "400" else ():
                    media["example"] = _problem(int(status))


def _illustrate_request(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter.get("required") and parameter["name"] in _PARAMETERS:
            parameter["example"] = _PARAMETERS[parameter["name"]]
    for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
        if operation["operationId"] == "postEvents":
            media["examples"] = {name: {"value": value} for name, value in _INTAKE[media_type].items()}
        elif operation["operationId"] in _BODIES:
            media["example"] = _BODIES[operation["operationId"]]


def _problem(status: int) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _DETAILS[status],
    }
    return problem | ({"accepted": 0, "rejected": [_REJECTED]} if status == HTTPStatus.UNPROCESSABLE_ENTITY else {})
