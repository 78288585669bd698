"""What of each event type the services may see, and under which name: the one place that says it.

What is not here stays with us: names, titles, searches, messages and free text are in none of them. The tables of
docs/amplitude.md and docs/google-analytics.md are made of it.
"""

from collections.abc import Mapping

import msgspec

__all__ = ["BY_DEFAULT", "MAPPING", "Property", "Shown"]


class Property(msgspec.Struct, frozen=True):
    """One field of the data.

    Args:
        field: its name in the catalogue.
        kind: how it is read, see values.py.
        amplitude: its name there; empty where it is not sent.
        google: the same for Google Analytics. `value` is money there, so no number is called so.
    """

    field: str
    kind: str
    amplitude: str
    google: str


class Shown(msgspec.Struct, frozen=True):
    """What is shown of one type.

    Args:
        google: the name of the event at Google Analytics; its own where it has one (page_view, login, …).
        properties: of its data.
        of_server: whether it is the work of a program, which is no part of anybody's visit.
        fixed: params that Google Analytics gets with it always.
    """

    google: str
    properties: tuple[Property, ...]
    of_server: bool = False
    fixed: Mapping[str, str] = {}


def _same(field: str, kind: str, name: str = "") -> Property:
    """A field that has one name at both."""
    return Property(field, kind, name or field, name or field)


_DATASET = _same("dataset_id", "id")
_SPACE = _same("space_id", "id")
_FILE = (
    Property("file_id", "id", "file_id", "content_id"),
    _DATASET,
    _SPACE,
    Property("bytes", "number", "bytes", "file_size"),
    _same("mime_type", "media type"),
    _same("file_name", "extension", "file_extension"),
)
_RESOURCE = (
    Property("resource_type", "choice", "resource_type", "content_type"),
    Property("resource_id", "id", "resource_id", "content_id"),
)
_WITHIN = (_DATASET, _SPACE)
_BYTES = Property("bytes", "number", "bytes", "file_size")
_ITEMS = _same("items", "number")
_PAGE = Property("url", "page", "Page Location", "page_location")
_HEALTH = (_same("kind", "word"), _same("up", "flag"), _same("elapsed_ms", "number"))
_OF_FILE = {"content_type": "file"}

MAPPING: Mapping[str, Shown] = {
    "storage.file_uploaded": Shown("file_upload", _FILE, fixed=_OF_FILE),
    "storage.file_deleted": Shown("file_delete", _FILE, fixed=_OF_FILE),
    "storage.resource_created": Shown("resource_create", (*_RESOURCE, _same("collection_id", "id"), *_WITHIN)),
    "storage.resource_deleted": Shown("resource_delete", (*_RESOURCE, _same("collection_id", "id"), *_WITHIN)),
    "storage.resource_archived": Shown("resource_archive", (*_RESOURCE, _BYTES, _ITEMS)),
    "storage.resource_unarchived": Shown("resource_unarchive", (*_RESOURCE, _BYTES, _ITEMS)),
    "extractions.extraction_event": Shown(
        "extraction_job",
        (
            _same("extractor", "word", "extractor_name"),
            Property("status", "choice", "status", "job_status"),
            *_RESOURCE,
            *_WITHIN,
            _same("queue_ms", "number"),
            _same("run_ms", "number", "runtime_ms"),
            _BYTES,
        ),
        of_server=True,
    ),
    "traffic.page_view": Shown(
        "page_view",
        (
            _PAGE,
            Property("url", "path", "Page Path", ""),
            Property("url", "host", "Page Domain", ""),
            Property("referrer", "referrer", "Referrer", "page_referrer"),
            *_RESOURCE,
        ),
    ),
    "traffic.resource_viewed": Shown(
        "select_content", (*_RESOURCE, *_WITHIN, _BYTES, _same("access_method", "choice"))
    ),
    "traffic.resource_downloaded": Shown(
        "file_download", (*_RESOURCE, *_WITHIN, _BYTES, _ITEMS, _same("access_method", "choice"))
    ),
    "traffic.link_followed": Shown("click", (_PAGE, _same("link", "host", "link_domain")), fixed={"outbound": "true"}),
    "traffic.upload_finished": Shown(
        "upload_finish", (_PAGE, _DATASET, _ITEMS, Property("bytes", "number", "bytes", "file_size"))
    ),
    "traffic.extraction_submitted": Shown("extraction_submit", (_PAGE, _same("extractor_name", "word"), *_RESOURCE)),
    "traffic.api_request": Shown(
        "api_request",
        (
            _same("method", "choice"),
            _same("route", "route"),
            _same("status", "number", "http_status"),
            _same("duration_ms", "number"),
            _BYTES,
            _same("identity", "choice"),
        ),
        of_server=True,
    ),
    "users.signup": Shown("sign_up", (_same("method", "word"),)),
    "users.login": Shown("login", (_same("method", "word"),)),
    "health.ping_update": Shown(
        "health_ping", (*_HEALTH, _same("avg_ms", "number"), _same("loss_percent", "number")), of_server=True
    ),
    "health.download_update": Shown(
        "health_download",
        (*_HEALTH, _same("status", "number", "http_status"), _same("bytes", "number")),
        of_server=True,
    ),
    "health.connection_update": Shown(
        "health_connections",
        (*_HEALTH, _same("requests", "number"), _same("clients", "number"), _same("active", "number")),
        of_server=True,
    ),
    "health.queue_update": Shown(
        "health_queue",
        (*_HEALTH, _same("ready", "number"), _same("unacknowledged", "number"), _same("consumers", "number")),
        of_server=True,
    ),
    "health.check_update": Shown("health_check", _HEALTH, of_server=True),
    "health.heartbeat": Shown(
        "health_heartbeat", (_same("ok", "flag"), _same("duration_ms", "number")), of_server=True
    ),
    "health.status_changed": Shown("health_status", _HEALTH, of_server=True),
    "health.sink_update": Shown(
        "health_sink",
        (_same("waiting", "number"), _same("dead", "number"), _same("missing", "number"), _same("lag_s", "number")),
        of_server=True,
    ),
    "health.canary_update": Shown("health_canary", (_same("by", "choice"),), of_server=True),
}

BY_DEFAULT = tuple(kind for kind in MAPPING if not kind.startswith("health.") and kind != "traffic.api_request")
"""What is sent unless `types` says otherwise: neither a ping nor each request of a program is a step of a user."""
