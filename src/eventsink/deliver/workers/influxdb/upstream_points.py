"""Events as the InfluxDB consumer of event-sink-consumers wrote them: for dashboards that stand on its data.

One measurement, `events`, with the tags, the fields and the values that Clowder sends. What Clowder never sends is
written with its component as category and its event type as type, so that no query for Clowder's own finds it. Two
things are better than they were: `size` is always an integer, and no event takes the place of another.
"""

import html
from collections.abc import Iterable, Mapping
from typing import Any

from eventsink.deliver.workers.influxdb.line_protocol import Fields, Lines, Slots, head, quoted
from eventsink.event import Event

__all__ = ["FIELDS", "MEASUREMENT", "UpstreamLines", "point"]

MEASUREMENT = "events"
FIELDS: Mapping[str, type] = {
    "author_name": str,
    "dataset_id": str,
    "dataset_name": str,
    "resource_id": str,
    "resource_name": str,
    "response_time_avg": float,
    "response_time_loss": float,
    "response_time_max": float,
    "response_time_min": float,
    "service_name": str,
    "size": int,
    "uptime": float,
    "user_name": str,
}
"""The fields that there are, and what they hold."""

USER_ID, USER_NAME = "000000000000000000000000", "Anonymous User"  # of everybody who is not signed in

_RESOURCES = {
    "storage.resource_archived": "archive",
    "storage.resource_unarchived": "unarchive",
    "traffic.resource_downloaded": "download",
    "traffic.resource_viewed": "view_resource",
}
_CLOWDERS = frozenset({"extraction", "upload", "user_activity", *_RESOURCES.values()})
_OUR_NAMES = {
    "resource_id": ("file_id",),
    "resource_name": ("file_name",),
    "response_time_avg": ("avg_ms",),
    "response_time_loss": ("loss_percent",),
    "response_time_max": ("max_ms",),
    "response_time_min": ("min_ms",),
    "service_name": ("target",),
    "size": ("bytes", "items"),
}


class UpstreamLines(Lines):
    """Writes an event as `point` has it, and with its id where that leaves no field."""

    def __init__(self) -> None:
        self._slots = Slots()
        self._fields = Fields(MEASUREMENT, FIELDS)

    def line(self, event: Event) -> str:
        """See `Lines.line`."""
        tags, fields = point(event)
        begin = head(MEASUREMENT, tags)
        body = self._fields.write(fields) or f',event_id="{quoted(event.id)}"'
        return f"{begin} {body[1:]} {self._slots.place(begin, event)}"


def point(event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tags and the fields of an event; None stands for what it does not say."""
    data = event.data
    category, kind = _category(event)
    tags = {
        "author_id": data.get("author_id"),
        "category": category,
        "extractor_name": data.get("extractor"),
        "healthy": None if data.get("up") is None else str(data["up"]),
        "type": kind,
        "user_id": event.user,
    }
    fields = {name: _first(data, (name, *_OUR_NAMES.get(name, ()))) for name in FIELDS}
    if category in _CLOWDERS:
        tags["user_id"] = event.user or USER_ID
        fields["user_name"] = fields["user_name"] if event.user else USER_NAME
    if event.dialect in ("clowder", "clowder-1.15.0"):
        fields |= _as_sent(fields, kind, tags["author_id"])
    return tags, fields


def _category(event: Event) -> tuple[str, str | None]:
    """Category and type, in Clowder's words where it has some."""
    resource_type = event.data.get("resource_type")
    if event.type in _RESOURCES:
        return _RESOURCES[event.type], resource_type
    if event.type == "storage.file_uploaded":
        return "upload", None
    if event.type == "extractions.extraction_event" and event.data.get("status") == "queued":
        return "extraction", resource_type
    component, _, rest = event.type.partition(".")
    if component == "users":
        return "user_activity", rest
    if component == "health" and event.data.get("up") is not None:
        return "service_status", "up" if event.data["up"] else "down"
    return component, rest


def _first(data: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((data[name] for name in names if data.get(name) is not None), None)


def _as_sent(fields: Mapping[str, Any], kind: str | None, author_id: str | None) -> dict[str, Any]:
    """What our reading of Clowder's messages mended: names are HTML, except those of files, and may be empty."""
    names = [] if kind in ("file", None) else ["resource_name"]
    escaped = {name: html.escape(fields[name], quote=False) for name in [*names, "dataset_name"] if fields[name]}
    return escaped | ({"author_name": fields["author_name"] or ""} if author_id else {})
