"""Every event type that we know, with its data: the only place that knows them.

Documentation, OpenAPI, AsyncAPI, JSON Schema, typed routes and validation all derive from `CATALOGUE`. A field
says its unit in its description. Bytes and item counts never share a field.
"""

import difflib
import functools
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from eventsink.errors import InvalidEvent, json_kind

__all__ = ["CATALOGUE", "EventType", "matches", "nearest", "schemas", "validate"]

MOST_INTEGER = 2**63 - 1
DEEPEST = 32
LONGEST_NAME = 64  # characters of names that are compared: likeness costs their product
MOST_NAMES = 100
LONGEST_PART = 100  # characters of a name in a pointer that somebody is to read

Text = Annotated[str, Meta(max_length=10_000)]
Id = Annotated[str, Meta(max_length=200)]
Country = Annotated[str, Meta(max_length=2)]
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


class _Browsing(_Named, kw_only=True):
    """What is known of the browser behind an event: the collector's own finding, never the sender's word."""

    language: Annotated[Text | None, Meta(description="Language of the browser, BCP 47.")] = None
    session: Annotated[Id | None, Meta(description="Random id of the visit.")] = None
    visitor: Annotated[
        Id | None, Meta(description="Who it was, for one day: a hash that nobody can trace when the day is over.")
    ] = None
    country: Annotated[Country | None, Meta(description="Country of the address, ISO 3166-1 alpha-2.")] = None
    browser: Annotated[Text | None, Meta(description="Name of the browser, as Firefox.")] = None
    browser_version: Annotated[Text | None, Meta(description="Its version, as 143.0.")] = None
    os: Annotated[Text | None, Meta(description="Name of the operating system, as Windows.")] = None
    os_version: Annotated[Text | None, Meta(description="Its version, as 11.")] = None
    device: Annotated[
        Literal["desktop", "mobile", "tablet", "tv", "robot", "tool"] | None, Meta(description="Kind of device.")
    ] = None
    robot: Annotated[bool | None, Meta(description="Whether COUNTER's list knows it as a robot.")] = None


class PageView(_Browsing, kw_only=True):
    """A page that a browser showed."""

    url: Annotated[Text, Meta(description="Address of the page, without its query's secrets.")]
    referrer: Annotated[Text | None, Meta(description="Address of the page before.")] = None
    title: Annotated[Text | None, Meta(description="Title of the page.")] = None
    resource_type: Annotated[ResourceType | None, Meta(description="Kind of resource shown, if any.")] = None
    resource_id: Annotated[Id | None, Meta(description="Id of the resource shown, if any.")] = None
    screen: Annotated[Text | None, Meta(description="Width and height of the screen, pixels, as 1920x1080.")] = None


class LinkFollowed(_Browsing, kw_only=True):
    """A link to another site that somebody clicked."""

    url: Annotated[Text, Meta(description="Address of the page that has the link, without its query's secrets.")]
    link: Annotated[Text, Meta(description="Where it leads, without its query.")]


class UploadFinished(_Browsing, kw_only=True):
    """An upload that a browser saw succeed. What was stored the storage events say."""

    url: Annotated[Text | None, Meta(description="Address of the page, without its query's secrets.")] = None
    dataset_id: Annotated[Id | None, Meta(description="Dataset that it went into.")] = None
    items: Annotated[Count | None, Meta(description="Files in it.")] = None
    bytes: Annotated[Count | None, Meta(description="Size of all its files, bytes.")] = None


class ExtractionSubmitted(_Browsing, kw_only=True):
    """A resource that somebody submitted to an extractor in a browser. What became of it the extraction events say."""

    url: Annotated[Text | None, Meta(description="Address of the page, without its query's secrets.")] = None
    extractor_name: Annotated[Text | None, Meta(description="Name of the extractor, as the page has it.")] = None
    resource_type: Annotated[ResourceType | None, Meta(description="Kind of resource.")] = None
    resource_id: Annotated[Id | None, Meta(description="Id of the resource.")] = None


class ResourceViewed(_Browsing, kw_only=True):
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


class _Measured(_Data, kw_only=True):
    target: Annotated[Text | None, Meta(description="What was checked: a host, host:port or name of a service.")] = None
    up: Annotated[bool | None, Meta(description="Whether it was well; null where the monitor could not tell.")] = None
    region: Annotated[Text | None, Meta(description="Where the monitor stands.")] = None
    monitor: Annotated[Text | None, Meta(description="Name of the monitor.")] = None
    check: Annotated[Text | None, Meta(description="Name of the check.")] = None
    kind: Annotated[Text | None, Meta(description="Kind of check, as tcp.")] = None
    every_s: Annotated[Rate | None, Meta(description="From one check to the next, seconds.")] = None
    missed: Annotated[Count | None, Meta(description="Checks that were left out before this one.")] = None
    reason: Annotated[Text | None, Meta(description="Class of the failure in one word, as timeout.")] = None
    message: Annotated[Text | None, Meta(description="What was found, for a person.")] = None
    elapsed_ms: Annotated[Milliseconds | None, Meta(description="Duration of the whole check, milliseconds.")] = None


class _Check(_Measured, kw_only=True):
    target: Annotated[Text, Meta(description="What was checked: a host, host:port or name of a service.")]
    up: Annotated[bool | None, Meta(description="Whether it was well; null where the monitor could not tell.")]


class Ping(_Check, kw_only=True):
    """Round trips to a host."""

    method: Annotated[
        Literal["icmp", "icmp_raw", "tcp"] | None,
        Meta(description="How: by a datagram socket, by a raw one, or as the time to connect by TCP."),
    ] = None
    sent: Annotated[Count | None, Meta(description="Packets sent.")] = None
    received: Annotated[Count | None, Meta(description="Packets that came back.")] = None
    loss_percent: Annotated[Percent | None, Meta(description="Packets lost, percent.")] = None
    min_ms: Annotated[Milliseconds | None, Meta(description="Shortest round trip, milliseconds.")] = None
    avg_ms: Annotated[Milliseconds | None, Meta(description="Mean round trip, milliseconds.")] = None
    median_ms: Annotated[Milliseconds | None, Meta(description="Median round trip, milliseconds.")] = None
    max_ms: Annotated[Milliseconds | None, Meta(description="Longest round trip, milliseconds.")] = None
    stddev_ms: Annotated[
        Milliseconds | None, Meta(description="Standard deviation of the round trips, milliseconds.")
    ] = None
    queue_length: Annotated[Count | None, Meta(description="Messages waiting in the queue asked about.")] = None


class Download(_Measured, kw_only=True):
    """A page or file fetched over HTTP."""

    up: Annotated[bool | None, Meta(description="Whether it was well; null where the monitor could not tell.")]
    url: Annotated[Text, Meta(description="Address fetched, without credentials or query.")]
    status: Annotated[Status | None, Meta(description="HTTP status of the answer.")] = None
    redirects: Annotated[Count | None, Meta(description="Redirects that were followed.")] = None
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


class Connections(_Measured, kw_only=True):
    """What NGINX served in an interval: of its log what has ended, of its status page what was open at that moment."""

    interval_s: Annotated[Rate | None, Meta(description="Length of the interval, seconds.")] = None
    requests: Annotated[Count | None, Meta(description="Requests in the interval, those of robots included.")] = None
    robots: Annotated[Count | None, Meta(description="Requests of robots among them.")] = None
    clients: Annotated[Count | None, Meta(description="Distinct clients in the interval.")] = None
    connections: Annotated[Count | None, Meta(description="Distinct connections in the interval.")] = None
    bytes: Annotated[Count | None, Meta(description="Bytes sent in the interval.")] = None
    status_1xx: Annotated[Count | None, Meta(description="Requests answered with a status from 100 to 199.")] = None
    status_2xx: Annotated[Count | None, Meta(description="Requests answered with a status from 200 to 299.")] = None
    status_3xx: Annotated[Count | None, Meta(description="Requests answered with a status from 300 to 399.")] = None
    status_4xx: Annotated[Count | None, Meta(description="Requests answered with a status from 400 to 499.")] = None
    status_5xx: Annotated[Count | None, Meta(description="Requests answered with a status from 500 to 599.")] = None
    p50_ms: Annotated[Milliseconds | None, Meta(description="Median time to answer, milliseconds.")] = None
    p95_ms: Annotated[Milliseconds | None, Meta(description="95 % were answered faster, milliseconds.")] = None
    p99_ms: Annotated[Milliseconds | None, Meta(description="99 % were answered faster, milliseconds.")] = None
    unreadable: Annotated[Count | None, Meta(description="Lines that do not fit the format of the log.")] = None
    active: Annotated[Count | None, Meta(description="Connections open at its end.")] = None
    reading: Annotated[Count | None, Meta(description="Open connections of which the request is read.")] = None
    writing: Annotated[Count | None, Meta(description="Open connections to which an answer is written.")] = None
    waiting: Annotated[Count | None, Meta(description="Open connections that are idle.")] = None
    accepted: Annotated[Count | None, Meta(description="Connections accepted in the interval.")] = None
    dropped: Annotated[Count | None, Meta(description="Connections accepted and not handled in the interval.")] = None


class Queue(_Measured, kw_only=True):
    """The length of a queue."""

    queue: Annotated[Text, Meta(description="Name of the queue.")]
    ready: Annotated[Count | None, Meta(description="Messages ready for a consumer.")] = None
    unacknowledged: Annotated[Count | None, Meta(description="Messages delivered and not acknowledged yet.")] = None
    consumers: Annotated[Count | None, Meta(description="Consumers of the queue.")] = None


class Check(_Check, kw_only=True):
    """Any other check."""

    value: Annotated[Number | None, Meta(description="What was measured, in the unit of the check.")] = None
    dns_ms: Annotated[Milliseconds | None, Meta(description="Name look-up, milliseconds.")] = None
    connect_ms: Annotated[Milliseconds | None, Meta(description="TCP connect, milliseconds.")] = None
    tls_ms: Annotated[Milliseconds | None, Meta(description="TLS handshake, milliseconds.")] = None
    write_ms: Annotated[Milliseconds | None, Meta(description="Time to write, milliseconds.")] = None
    fsync_ms: Annotated[Milliseconds | None, Meta(description="Time until it was on the disk, milliseconds.")] = None
    free_bytes: Annotated[Count | None, Meta(description="Bytes that are free.")] = None
    addresses: Annotated[Count | None, Meta(description="Addresses that a name has.")] = None
    certificate_days: Annotated[Number | None, Meta(description="Days until the certificate ends; negative: past.")] = (
        None
    )
    age_s: Annotated[Rate | None, Meta(description="Since the last heartbeat, seconds.")] = None


class Heartbeat(_Data, kw_only=True):
    """Something says that it is alive, or that its work is done."""

    name: Annotated[Text, Meta(description="Of what reports in, as nightly-backup.")]
    ok: Annotated[bool, Meta(description="Whether its work was done well.")] = True
    duration_ms: Annotated[Milliseconds | None, Meta(description="How long that took, milliseconds.")] = None
    message: Annotated[Text | None, Meta(description="What it says, for a person.")] = None


class StatusChanged(_Check, kw_only=True):
    """A check that went up or down."""

    since: Annotated[Text | None, Meta(description="When the state before began, RFC 3339.")] = None


class SinkUpdate(_Data, kw_only=True):
    """What the event sink says of itself, for one of its workers."""

    worker: Annotated[Id, Meta(description="Name of the worker.")]
    accepted: Annotated[Count | None, Meta(description="Events that were accepted for it, ever.")] = None
    delivered: Annotated[Count | None, Meta(description="Events that its destination has, ever.")] = None
    waiting: Annotated[Count | None, Meta(description="Events that wait for it.")] = None
    dead: Annotated[Count | None, Meta(description="Events that it could not deliver, ever.")] = None
    dropped: Annotated[Count | None, Meta(description="Dead events that a person has thrown away, ever.")] = None
    missing: Annotated[Count | None, Meta(description="Events that are nowhere any more, ever.")] = None
    lag_s: Annotated[Rate | None, Meta(description="Age of the oldest event that waits, seconds.")] = None
    canary_s: Annotated[Rate | None, Meta(description="How long the last canary took to be delivered, seconds.")] = None
    spool_events: Annotated[Count | None, Meta(description="Events in the spool of the front door.")] = None
    spool_bytes: Annotated[Count | None, Meta(description="Size of that spool, bytes.")] = None
    unready: Annotated[Text | None, Meta(description="Why events would be refused; empty while they are not.")] = None


class Canary(_Data, kw_only=True):
    """An event that is there to be seen arriving."""

    by: Annotated[Literal["schedule", "doctor"], Meta(description="Who has sent it.")]


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
            "traffic.link_followed",
            LinkFollowed,
            "Somebody followed a link to another site.",
            {"url": "https://clowder.example.org/datasets/64c000000000000000000002", "link": "https://doi.org/10.5/x"},
        ),
        _entry(
            "traffic.upload_finished",
            UploadFinished,
            "A browser saw an upload succeed.",
            {"dataset_id": "64c000000000000000000002", "items": 1, "bytes": 1834211},
        ),
        _entry(
            "traffic.extraction_submitted",
            ExtractionSubmitted,
            "Somebody submitted a resource to an extractor in a browser.",
            {
                "extractor_name": "ncsa.image.preview",
                "resource_type": "file",
                "resource_id": "64b000000000000000000001",
            },
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
            "health.heartbeat",
            Heartbeat,
            "A job or program reported in.",
            {"name": "nightly-backup", "ok": True, "duration_ms": 512000.0},
        ),
        _entry(
            "health.status_changed",
            StatusChanged,
            "A check went up or down.",
            _CHECK | {"up": False, "message": "No answer within 5 s.", "since": "2026-11-23T10:00:00Z"},
        ),
        _entry(
            "health.sink_update",
            SinkUpdate,
            "The event sink says how one of its workers is.",
            {"worker": "influxdb", "accepted": 5120, "delivered": 5118, "waiting": 2, "dead": 0, "lag_s": 0.4},
        ),
        _entry("health.canary_update", Canary, "An event that is there to be seen arriving.", {"by": "schedule"}),
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
    try:
        _check_items([("", value)], depth - 1)
    except _Unholdable as found:
        found.path.pop()  # which was ours
        path = "".join(f"/{escape(part)}" for part in reversed(found.path))
        raise InvalidEvent(
            found.message, pointer=_plain(pointer + path), expected=found.expected, got=found.got
        ) from None


class _Unholdable(Exception):
    """Found on the way through some values. The path to it is written down on the way out: who passes pays nothing.

    Args:
        path: keys and indexes, the innermost first.
    """

    def __init__(self, message: str, expected: str, got: str) -> None:
        super().__init__(message)
        self.message, self.expected, self.got = message, expected, got
        self.path: list[object] = []


def _check_items(items: Iterable[tuple[object, Any]], depth: int) -> None:
    """Look at the values of one object or list; most are sound, which is seen without a further call."""
    if depth > DEEPEST:
        raise _Unholdable("The data is nested too deeply.", f"at most {DEEPEST} levels", "more")
    part: object = None
    try:
        for part, item in items:  # noqa: B007 - read when one of them fails
            kind = type(item)
            if kind is str:
                if not item.isascii():
                    _check_text(item)
            elif kind is dict or kind is list:
                _check_container(item, depth + 1)
            elif (kind is int or kind is float) and not -MOST_INTEGER <= item <= MOST_INTEGER:
                _check_number(item)
    except _Unholdable as found:
        found.path.append(part)
        raise


def _check_container(value: dict[str, Any] | list[Any], depth: int) -> None:
    if isinstance(value, list):
        if not _are_plain_numbers(value):
            _check_items(enumerate(value), depth)
        return
    if not "".join(value).isascii():
        for name in value:
            _check_text(name)
    _check_items(value.items(), depth)


def _are_plain_numbers(values: Sequence[Any]) -> bool:
    """Whether all are numbers that everybody holds, as in a long series, which is seen at one go."""
    if len(values) < 8 or not set(map(type, values)) <= {int, float}:
        return False
    return min(values) >= -MOST_INTEGER and max(values) <= MOST_INTEGER and all(map(math.isfinite, values))


def _check_text(text: str) -> None:
    if not text.isascii() and _SURROGATE.search(text):
        raise _Unholdable(
            "The text has half of a surrogate pair, which no encoding can hold.", "Unicode text", ascii(text[:60])[:60]
        )


def _check_number(number: float) -> None:
    if isinstance(number, float):
        if not math.isfinite(number):
            raise _Unholdable("The number is not finite.", "a finite number", str(number))
    elif not -MOST_INTEGER - 1 <= number <= MOST_INTEGER:
        raise _Unholdable("The integer does not fit 64 bits.", "an integer of 64 bits", _short(number))


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The known name that looks most like `name`, if any looks like it at all: only short ones, and only a few."""
    if len(name) > LONGEST_NAME:
        return None
    close = [known for known in itertools.islice(names, MOST_NAMES) if len(known) <= LONGEST_NAME]
    return next(iter(difflib.get_close_matches(name, close, n=1, cutoff=0.7)), None)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A sentence with the name that looks most like this one; nothing if none does."""
    close = nearest(name, names)
    return f"Did you mean {close!r}?" if close else ""


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
        others = (name for name in item if name not in known) if isinstance(item, dict) and pointer == base else ()
        names = list(itertools.islice(others, MOST_NAMES))
        return InvalidEvent(
            f"{missing['name']!r} is missing in {within}.",
            pointer=f"{pointer}/{missing['name']}",
            expected=f"a field {missing['name']!r}",
            got="nothing",
            hint=functools.partial(_meant, missing["name"], names),
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
    expected = "one of " + ", ".join(choices) if choices else ""
    hint = functools.partial(did_you_mean, value if isinstance(value, str) else "", choices)
    return InvalidEvent(f"{plain[:200]}.", pointer=pointer, expected=expected, got=_short(value), hint=hint)


def _meant(missing: str, names: Sequence[str]) -> str:
    close = nearest(missing, names)
    return f"Did you mean it by {close!r}?" if close else ""


def _choices(within: str, pointer: str) -> Sequence[str]:
    """The values that an enumerated field of a catalogued type may have, else nothing."""
    field = pointer.rpartition("/")[2]
    entry = CATALOGUE.get(within)
    return _choices_of(within, field) if entry and field in entry.fields else ()


@functools.cache  # of fields of the catalogue alone
def _choices_of(within: str, field: str) -> Sequence[str]:
    schema = next(iter(msgspec.json.schema(CATALOGUE[within].data)["$defs"].values()))["properties"].get(field, {})
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
    """The beginning of a value."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write out integers of some thousand digits
        return f"{json_kind(value)} with an integer of very many digits"
    return text if len(text) <= 60 else text[:57] + "..."


def escape(part: object) -> str:
    """A name as one part of a JSON pointer (RFC 6901 §3), which ends with … where it is too long to be read."""
    text = str(part)
    text = text if len(text) <= LONGEST_PART else text[: LONGEST_PART - 1] + "…"
    return text.replace("~", "~0").replace("/", "~1")


def _plain(text: str) -> str:
    """A pointer in which halves of surrogate pairs can be written."""
    return text.encode("utf-8", "backslashreplace").decode()
