"""Events of the Amplitude snippet that Clowder 1.13 and 1.14 had in its pages: an `event` with `properties`.

Their names for things are those of 1.15.0, but for `view`, which says the resource type of an extraction.
"""

from typing import Any

from eventsink.dialects import clowder_1_15_0
from eventsink.errors import InvalidEvent
from eventsink.event import Draft, content_id, parse_time

NAME = "clowder-browser"


def recognises(item: dict[str, Any]) -> bool:
    """It has an event name and properties."""
    return isinstance(item.get("event"), str) and isinstance(item.get("properties"), dict)


def read(item: dict[str, Any]) -> Draft:
    """Read one such event by way of the dialect of 1.15.0, whose field names it shares."""
    properties = {"type": item["properties"].get("view"), **item["properties"]}
    properties = {name: value for name, value in properties.items() if value is not None}
    if not clowder_1_15_0.recognises(properties):
        raise InvalidEvent(
            "A browser event says who acted.",
            pointer="/properties",
            expected="viewer_id, submitter_id or uploader_id",
            got=", ".join(repr(str(name)[:30]) for name in list(properties)[:6]),
        )
    draft = clowder_1_15_0.read(properties)
    draft.time = parse_time(item["time"]) if item.get("time") is not None else None
    draft.id = content_id(item, draft.time)
    draft.dialect = NAME
    if draft.type == "traffic.resource_viewed" and "length" in properties:
        draft.data["bytes"] = properties["length"]
    return draft
