"""Every event type that we know, with its data: the only place that knows them.

Documentation, OpenAPI, JSON Schema, typed routes and validation all derive from `CATALOGUE`. A field says its unit in
its description. Bytes and item counts never share a field.
"""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from eventsink.errors import InvalidEvent

__all__ = ["CATALOGUE", "EventType", "matches", "nearest", "schemas", "validate"]

MOST_INTEGER = 2**63 - 1
DEEPEST = 32

Text = Annotated[str, Meta(max_length=10_000)]
Id = Annotated[str, Meta(max_length=200)]
Count = Annotated[int, Meta(ge=0, le=MOST_INTEGER)]
Milliseconds = Annotated[float, Meta(ge=0, le=1e15)]
Rate = Annotated[float, Meta(ge=0, le=1e15)]
Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Status = Annotated[int, Meta(ge=100, le=599)]
ResourceType = Literal["file", "dataset", "collection", "space", "folder"]
ContainerType = Literal["dataset", "collection", "space", "folder"]


class _Data(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Data of one event type."""


class _Named(_Data, kw_only=True):
    """What several types say about people. Names stay with us: they are never a tag, a log line or sent to others."""

    user_name: Annotated[Text | None, Meta(description="Name of the acting user. Never sent to third parties.")] = None
    author_id: Annotated[Id | None, Meta(description="Id of the author of the resource.")] = None
    author_name: Annotated[
        Text | None, Meta(description="Name of the author of the resource. Never sent to third parties.")
    ] = None


class File(_Named, kw_only=True):
    """A file that came or went."""

    file_id: Annotated[Id | None, Meta(description="Id of the file.")] = None
    file_name: Annotated[Text | None, Meta(description="Name of the file.")] = None
    mime_type: Annotated[Text | None, Meta(description="Media type, as image/png.")] = None
    bytes: Annotated[Count | None, Meta(description="Size of the file, bytes.")] = None
    dataset_id: Annotated[Id | None, Meta(description="Id of the dataset that holds the file.")] = None
    dataset_name: Annotated[Text | None, Meta(description="Name of that dataset.")] = None
    space_id: Annotated[Id | None, Meta(description="Id of the space that holds the dataset.")] = None


class Resource(_Named, kw_only=True):
    """A dataset, collection, space or folder that came or went."""

    resource_type: Annotated[ContainerType, Meta(description="Kind of resource.")]
    resource_id: Annotated[Id, Meta(description="Id of the resource.")]
    resource_name: Annotated[Text | None, Meta(description="Name of the resource.")] = None
    dataset_id: Annotated[Id | None, Meta(description="Dataset above it, if any.")] = None
    collection_id: Annotated[Id | None, Meta(description="Collection above it, if any.")] = None
    space_id: Annotated[Id | None, Meta(description="Space above it, if any.")] = None


class Archival(_Named, kw_only=True):
    """A file or dataset that was moved to or from the archive."""

    resource_type: Annotated[ResourceType, Meta(description="Kind of resource.")]
    resource_id: Annotated[Id, Meta(description="Id of the resource.")]
    resource_name: Annotated[Text | None, Meta(description="Name of the resource.")] = None
    bytes: Annotated[Count | None, Meta(description="Size of a file, bytes. Absent for datasets.")] = None
    items: Annotated[Count | None, Meta(description="Files and top-level folders of a dataset. Absent for files.")] = (
        None
    )


class Extraction(_Named, kw_only=True):
    """What happens to a job of an extractor."""

    status: Annotated[
        Literal["queued", "working", "done", "skipped", "retried", "failed", "cancelled"],
        Meta(description="State that the job has reached."),
    ]
    extractor: Annotated[Text | None, Meta(description="Name of the extractor, which is its queue.")] = None
    job_id: Annotated[Id | None, Meta(description="Id of the job.")] = None
    resource_type: Annotated[ResourceType | None, Meta(description="Kind of resource worked on.")] = None
    resource_id: Annotated[Id | None, Meta(description="Id of the resource worked on.")] = None
    resource_name: Annotated[Text | None, Meta(description="Name of the resource worked on.")] = None
    dataset_id: Annotated[Id | None, Meta(description="Dataset of that resource.")] = None
    space_id: Annotated[Id | None, Meta(description="Space of that dataset.")] = None
    message: Annotated[Text | None, Meta(description="What the extractor said; keys in it are redacted.")] = None
    queue_ms: Annotated[Milliseconds | None, Meta(description="Time between submission and start, milliseconds.")] = (
        None
    )
    run_ms: Annotated[Milliseconds | None, Meta(description="Time between start and end, milliseconds.")] = None
    bytes: Annotated[Count | None, Meta(description="Bytes downloaded to the extractor.")] = None


class PageView(_Named, kw_only=True):
    """A page that a browser showed."""

    url: Annotated[Text, Meta(description="Address of the page, without its query's secrets.")]
    referrer: Annotated[Text | None, Meta(description="Address of the page before.")] = None
    title: Annotated[Text | None, Meta(description="Title of the page.")] = None
    resource_type: Annotated[ResourceType | None, Meta(description="Kind of resource shown, if any.")] = None
    resource_id: Annotated[Id | None, Meta(description="Id of the resource shown, if any.")] = None
    language: Annotated[Text | None, Meta(description="Language of the browser, BCP 47.")] = None
    screen: Annotated[Text | None, Meta(description="Width and height of the screen, pixels, as 1920x1080.")] = None
    session: Annotated[Id | None, Meta(description="Random id of the visit.")] = None


class ResourceViewed(_Named, kw_only=True):
    """Somebody looked at a resource."""

    resource_type: Annotated[ResourceType, Meta(description="Kind of resource.")]
    resource_id: Annotated[Id | None, Meta(description="Id of the resource.")] = None
    resource_name: Annotated[Text | None, Meta(description="Name of the resource.")] = None
    dataset_id: Annotated[Id | None, Meta(description="Dataset of a file.")] = None
    space_id: Annotated[Id | None, Meta(description="Space of the resource.")] = None
    bytes: Annotated[Count | None, Meta(description="Size of a file, bytes.")] = None
    http_status: Annotated[Status | None, Meta(description="HTTP status of the answer.")] = None
    access_method: Annotated[
        Literal["regular", "machine"] | None, Meta(description="COUNTER access method: a person or a program.")
    ] = None


class ResourceDownloaded(ResourceViewed, kw_only=True):
    """Somebody fetched a file or a dataset."""

    bytes: Annotated[Count | None, Meta(description="Bytes of a file asked for. Absent for datasets.")] = None
    items: Annotated[Count | None, Meta(description="Files and top-level folders of a dataset. Absent for files.")] = (
        None
    )


class ApiRequest(_Data, kw_only=True):
    """A request that an API answered."""

    method: Annotated[str, Meta(description="HTTP method.", max_length=20)]
    route: Annotated[Text, Meta(description="Template of the route, as /datasets/{id}; never the address itself.")]
    status: Annotated[Status, Meta(description="HTTP status of the answer.")]
    duration_ms: Annotated[Milliseconds | None, Meta(description="Time to answer, milliseconds.")] = None
    bytes: Annotated[Count | None, Meta(description="Bytes of the answer's body.")] = None
    identity: Annotated[
        Literal["user", "key", "extractor", "anonymous"] | None, Meta(description="What identified the caller.")
    ] = None


class Account(_Data, kw_only=True):
    """Somebody signed up or in."""

    method: Annotated[Text | None, Meta(description="Identity provider, as userpass or cilogon.")] = None
    user_name: Annotated[Text | None, Meta(description="Name of the user. Never sent to third parties.")] = None


class _Check(_Data, kw_only=True):
    target: Annotated[Text, Meta(description="What was checked: a host, host:port or name of a service.")]
    up: Annotated[bool, Meta(description="Whether it was well.")]
    region: Annotated[Text | None, Meta(description="Where the monitor stands.")] = None
    check: Annotated[Text | None, Meta(description="Name of the check.")] = None
    message: Annotated[Text | None, Meta(description="What was found, for a person.")] = None
    elapsed_ms: Annotated[Milliseconds | None, Meta(description="Duration of the whole check, milliseconds.")] = None


class Ping(_Check, kw_only=True):
    """Round trips to a host."""

    sent: Annotated[Count | None, Meta(description="Packets sent.")] = None
    loss_percent: Annotated[Percent | None, Meta(description="Packets lost, percent.")] = None
    min_ms: Annotated[Milliseconds | None, Meta(description="Shortest round trip, milliseconds.")] = None
    avg_ms: Annotated[Milliseconds | None, Meta(description="Mean round trip, milliseconds.")] = None
    max_ms: Annotated[Milliseconds | None, Meta(description="Longest round trip, milliseconds.")] = None
    queue_length: Annotated[Count | None, Meta(description="Messages waiting in the queue asked about.")] = None


class Download(_Check, kw_only=True):
    """A page or file fetched over HTTP."""

    target: Annotated[Text | None, Meta(description="Name of the service.")] = None  # type: ignore[assignment]
    url: Annotated[Text, Meta(description="Address fetched, without credentials or query.")]
    status: Annotated[Status | None, Meta(description="HTTP status of the answer.")] = None
    dns_ms: Annotated[Milliseconds | None, Meta(description="Name look-up, milliseconds.")] = None
    connect_ms: Annotated[Milliseconds | None, Meta(description="TCP connect, milliseconds.")] = None
    tls_ms: Annotated[Milliseconds | None, Meta(description="TLS handshake, milliseconds.")] = None
    first_byte_ms: Annotated[Milliseconds | None, Meta(description="Request sent to first byte, milliseconds.")] = None
    transfer_ms: Annotated[Milliseconds | None, Meta(description="First to last byte, milliseconds.")] = None
    bytes: Annotated[Count | None, Meta(description="Bytes of the body.")] = None
    bytes_per_second: Annotated[Rate | None, Meta(description="Rate of the transfer, bytes per second.")] = None
    certificate_days: Annotated[Number | None, Meta(description="Days until the certificate ends; negative: past.")] = (
        None
    )


class Connections(_Data, kw_only=True):
    """What NGINX served in an interval."""

    target: Annotated[Text | None, Meta(description="Name of the server.")] = None
    region: Annotated[Text | None, Meta(description="Where the monitor stands.")] = None
    interval_s: Annotated[Rate | None, Meta(description="Length of the interval, seconds.")] = None
    requests: Annotated[Count | None, Meta(description="Requests in the interval.")] = None
    clients: Annotated[Count | None, Meta(description="Distinct clients in the interval.")] = None
    bytes: Annotated[Count | None, Meta(description="Bytes sent in the interval.")] = None
    active: Annotated[Count | None, Meta(description="Connections open at its end.")] = None


class Queue(_Data, kw_only=True):
    """The length of a queue."""

    queue: Annotated[Text, Meta(description="Name of the queue.")]
    ready: Annotated[Count | None, Meta(description="Messages ready for a consumer.")] = None
    unacknowledged: Annotated[Count | None, Meta(description="Messages delivered and not acknowledged yet.")] = None
    consumers: Annotated[Count | None, Meta(description="Consumers of the queue.")] = None
    region: Annotated[Text | None, Meta(description="Where the monitor stands.")] = None


class Check(_Check, kw_only=True):
    """Any other check."""

    kind: Annotated[Text | None, Meta(description="Kind of check, as hostport.")] = None
    value: Annotated[Number | None, Meta(description="What was measured, in the unit of the check.")] = None


class StatusChanged(_Check, kw_only=True):
    """A check that went up or down."""

    since: Annotated[Text | None, Meta(description="When the state before began, RFC 3339.")] = None


class EventType(msgspec.Struct, frozen=True):
    """One entry of the catalogue.

    Args:
        name: the CloudEvents `type`.
        summary: what happened, one sentence.
        data: the struct that its data must fit.
        fields: the names that the data may have.
        example: data that is accepted as it stands.
    """

    name: str
    summary: str
    data: type[msgspec.Struct]
    fields: frozenset[str]
    example: Mapping[str, Any]


def _entry(name: str, data: type[msgspec.Struct], summary: str, example: Mapping[str, Any]) -> tuple[str, EventType]:
    return name, EventType(name, summary, data, frozenset(data.__struct_fields__), example)


_FILE: Mapping[str, Any] = {
    "file_id": "64b000000000000000000001",
    "file_name": "plot-07.png",
    "mime_type": "image/png",
    "bytes": 1834211,
    "dataset_id": "64c000000000000000000002",
    "space_id": "64d000000000000000000003",
}
_DATASET: dict[str, Any] = {
    "resource_type": "dataset",
    "resource_id": "64c000000000000000000002",
    "resource_name": "Soil moisture 2026",
}
_JOB: Mapping[str, Any] = {
    "status": "done",
    "extractor": "ncsa.image.preview",
    "job_id": "0b9f3c52-7d1e-4c0a-9a55-1f0e6f3d2a11",
    "resource_type": "file",
    "resource_id": "64b000000000000000000001",
    "queue_ms": 1250.0,
    "run_ms": 8300.0,
}
_CHECK: dict[str, Any] = {"target": "clowder.example.org", "up": True, "region": "urbana", "elapsed_ms": 12.5}


CATALOGUE: Mapping[str, EventType] = dict(
    (
        _entry("storage.file_uploaded", File, "A file was uploaded.", _FILE),
        _entry("storage.file_deleted", File, "A file was deleted.", _FILE),
        _entry(
            "storage.resource_created",
            Resource,
            "A dataset, collection, space or folder was created.",
            _DATASET | {"space_id": "64d000000000000000000003"},
        ),
        _entry("storage.resource_deleted", Resource, "A dataset, collection, space or folder was deleted.", _DATASET),
        _entry("storage.resource_archived", Archival, "A file or dataset was archived.", _DATASET | {"items": 14}),
        _entry(
            "storage.resource_unarchived",
            Archival,
            "A file or dataset came back from the archive.",
            _DATASET | {"items": 14},
        ),
        _entry("extractions.extraction_event", Extraction, "A job of an extractor reached a state.", _JOB),
        _entry(
            "traffic.page_view",
            PageView,
            "A browser showed a page.",
            {"url": "https://clowder.example.org/datasets/64c000000000000000000002", "title": "Soil moisture 2026"},
        ),
        _entry(
            "traffic.resource_viewed",
            ResourceViewed,
            "Somebody looked at a resource.",
            _DATASET | {"access_method": "regular"},
        ),
        _entry(
            "traffic.resource_downloaded",
            ResourceDownloaded,
            "Somebody fetched a file or dataset.",
            _DATASET | {"items": 14, "http_status": 200, "access_method": "machine"},
        ),
        _entry(
            "traffic.api_request",
            ApiRequest,
            "An API answered a request.",
            {"method": "GET", "route": "/api/datasets/{id}", "status": 200, "duration_ms": 41.5, "bytes": 5120},
        ),
        _entry("users.signup", Account, "Somebody created an account.", {"method": "cilogon"}),
        _entry("users.login", Account, "Somebody signed in.", {"method": "userpass"}),
        _entry(
            "health.ping_update",
            Ping,
            "A host was pinged.",
            _CHECK | {"sent": 10, "loss_percent": 0.0, "min_ms": 9.1, "avg_ms": 9.8, "max_ms": 12.5},
        ),
        _entry(
            "health.download_update",
            Download,
            "A page or file was fetched to see how long it takes.",
            {"url": "https://clowder.example.org/", "up": True, "status": 200, "first_byte_ms": 88.0, "bytes": 48123},
        ),
        _entry(
            "health.connection_update",
            Connections,
            "What NGINX served in an interval.",
            {"target": "clowder.example.org", "interval_s": 60.0, "requests": 5120, "clients": 214, "active": 31},
        ),
        _entry(
            "health.queue_update",
            Queue,
            "The length of a queue.",
            {"queue": "ncsa.image.preview", "ready": 12, "unacknowledged": 1, "consumers": 1},
        ),
        _entry("health.check_update", Check, "Any other check was made.", _CHECK | {"kind": "hostport", "value": 12.5}),
        _entry(
            "health.status_changed",
            StatusChanged,
            "A check went up or down.",
            _CHECK | {"up": False, "message": "No answer within 5 s.", "since": "2026-11-23T10:00:00Z"},
        ),
    )
)


def validate(entry: EventType, data: dict[str, Any]) -> list[str]:
    """Check the data of a catalogued event.

    Returns:
        the names in it that its type does not have, which are kept all the same.

    Raises:
        InvalidEvent: a field is missing, has a wrong type or a value out of range; the pointer names it.
    """
    try:
        msgspec.convert(data, entry.data)
    except msgspec.ValidationError as error:
        raise explain(error, data, base="/data", within=entry.name) from None
    if data.keys() <= entry.fields:
        return []
    unknown = [name for name in data if name not in entry.fields]
    check_values({name: data[name] for name in unknown}, "/data")
    return unknown


def check_values(value: Any, pointer: str, depth: int = 1) -> None:
    """Refuse what no destination can hold, in data that no type describes.

    Raises:
        InvalidEvent: an integer that needs more than 64 bits, a number that is not finite, text with half of a
            surrogate pair, or nesting deeper than `DEEPEST`.
    """
    if isinstance(value, dict | list):
        if depth > DEEPEST:
            raise InvalidEvent(
                "The data is nested too deeply.", pointer=pointer, expected=f"at most {DEEPEST} levels", got="more"
            )
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            check_values(key, pointer, depth)
            check_values(item, f"{pointer}/{escape(key)}", depth + 1)
    elif isinstance(value, str):
        if not value.isascii() and _SURROGATE.search(value):
            raise InvalidEvent(
                "The text has half of a surrogate pair, which no encoding can hold.",
                pointer=_plain(pointer),
                expected="Unicode text",
                got=ascii(value)[:60],
            )
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidEvent(
                "The number is not finite.", pointer=_plain(pointer), expected="a finite number", got=str(value)
            )
    elif isinstance(value, int) and not -MOST_INTEGER - 1 <= value <= MOST_INTEGER:
        raise InvalidEvent(
            "The integer does not fit 64 bits.", pointer=pointer, expected="an integer of 64 bits", got=str(value)[:60]
        )


def nearest(name: str, names: Mapping[str, Any] | frozenset[str] | list[str]) -> str | None:
    """The known name that looks most like `name`, if any looks like it at all."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=0.7)), None)


def matches(kind: str, patterns: Sequence[str]) -> bool:
    """Whether a type is one of these; a pattern that ends with a star stands for all that begin so. None: any is."""
    return not patterns or any(
        kind.startswith(pattern[:-1]) if pattern.endswith("*") else kind == pattern for pattern in patterns
    )


def schemas() -> dict[str, Any]:
    """JSON Schema (2020-12) of the data of every type, by type name, each complete in itself."""
    return {name: msgspec.json.schema(entry.data) for name, entry in CATALOGUE.items()}


_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SHAPE = re.compile(r"Expected `(?P<expected>.+?)`(?: (?P<limit>[<>]=? \S+))?, got `(?P<got>.+?)`")
_LIMIT = re.compile(r"Expected `(?P<kind>[^`]+)` (?P<limit>[<>]=? ?\S+|of length .+?|matching regex .+?)(?: - at|$)")
_MISSING = re.compile(r"Object missing required field `(?P<name>.+?)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.+?)`")
_PATH = re.compile(r" - at `\$(?P<path>.*)`$")


def explain(error: msgspec.ValidationError, item: Any, *, base: str = "", within: str = "an event") -> InvalidEvent:
    """Turn msgspec's message about `item` into pointer, expected, got and, where a name is close, a suggestion."""
    text = str(error)
    found = _PATH.search(text)
    pointer = base + (re.sub(r"\[(\d+)\]", r"/\1", found["path"].replace(".", "/")) if found else "")
    value = _look_up(item, pointer.removeprefix(base))
    plain = _PATH.sub("", text)
    if missing := _MISSING.search(text):
        known = CATALOGUE[within].fields if within in CATALOGUE else frozenset()
        names = [name for name in item if name not in known] if isinstance(item, dict) and pointer == base else []
        close = nearest(missing["name"], names)
        hint = f" Did you mean it by {close!r}?" if close else ""
        return InvalidEvent(
            f"{missing['name']!r} is missing in {within}.{hint}",
            pointer=f"{pointer}/{missing['name']}",
            expected=f"a field {missing['name']!r}",
            got="nothing",
        )
    if unknown := _UNKNOWN.search(text):
        return InvalidEvent(f"{unknown['name']!r} is not known here.", pointer=f"{pointer}/{unknown['name']}")
    if shape := _SHAPE.search(plain):
        expected, got = shape["expected"].replace(" | null", ""), shape["got"]
        return InvalidEvent(f"Expected {expected}, got {got}.", pointer=pointer, expected=expected, got=got)
    if limit := _LIMIT.search(text):
        expected = f"{limit['kind']} {limit['limit']}".replace(" | null", "")
        return InvalidEvent(f"Expected {expected}.", pointer=pointer, expected=expected, got=_short(value))
    choices = _choices(within, pointer)
    close = nearest(str(value), choices)
    hint = f" Did you mean {close!r}?" if close else ""
    expected = "one of " + ", ".join(choices) if choices else ""
    return InvalidEvent(f"{plain}.{hint}", pointer=pointer, expected=expected, got=_short(value))


def _choices(within: str, pointer: str) -> list[str]:
    """The values that an enumerated field of a catalogued type may have, else nothing."""
    entry = CATALOGUE.get(within)
    if entry is None:
        return []
    field = pointer.rpartition("/")[2]
    schema = next(iter(msgspec.json.schema(entry.data)["$defs"].values()))["properties"].get(field, {})
    options = [schema, *schema.get("anyOf", [])]
    return [str(value) for option in options for value in option.get("enum", ()) if value is not None]


def _look_up(item: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        if isinstance(item, dict):
            item = item.get(part)
        elif isinstance(item, list) and part.isdigit() and int(part) < len(item):
            item = item[int(part)]
        else:
            return None
    return item


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def escape(part: object) -> str:
    """A name as one part of a JSON pointer (RFC 6901 §3)."""
    return str(part).replace("~", "~0").replace("/", "~1")


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
