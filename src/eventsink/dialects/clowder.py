"""Messages of Clowder 1.15.1 and later, as its EventSinkService publishes them.

One flat object: `category`, `type`, ids, names, `size` and `created` (epoch milliseconds). `size` is bytes for a file
and a count of files and folders for a dataset. What another version of Clowder says about more becomes a custom event
`clowder.<category>` with all of its fields.
"""

import functools
import html
import re
from collections.abc import Callable
from typing import Any, get_args

from eventsink.catalogue import ResourceType, did_you_mean
from eventsink.errors import InvalidEvent, json_kind
from eventsink.event import Draft, content_id, parse_time

NAME = "clowder"
_CATEGORY = re.compile(r"[a-z0-9_-]{1,100}", re.IGNORECASE)
_ACTIVITIES = ("signup", "login")
_RESOURCES = get_args(ResourceType)
_KINDS: dict[str, tuple[str, ...]] = {
    "user_activity": _ACTIVITIES,
    "extraction": (*_RESOURCES, "selection"),
    "upload": (),  # of files alone, whatever they are called
}
_ATTRIBUTES = ("category", "created", "user_id")  # that have a place of their own in an event
_PLURALS = {"file": "files", "dataset": "datasets", "collection": "collections", "space": "spaces"}


def recognises(item: dict[str, Any]) -> bool:
    """It has a category, which 1.15.0 did not send and nobody else does."""
    return "category" in item


def read(item: dict[str, Any]) -> Draft:
    """Read one message. Without `created` its time is that of its arrival."""
    category = item["category"]
    if not isinstance(category, str) or not _CATEGORY.fullmatch(category):
        raise InvalidEvent(
            f"Clowder has no category {str(category)[:60]!r}.",
            pointer="/category",
            expected="one of " + ", ".join(_READERS),
            got=repr(category)[:60],
            hint=functools.partial(did_you_mean, str(category), _READERS),
        )
    if _is_known(category, item.get("type")):
        event_type, data = _READERS[category](item)
        data |= {name: value for name, value in item.items() if name not in _KNOWN}  # later versions may say more
    else:
        event_type, data = f"clowder.{category}", {n: v for n, v in item.items() if n not in _ATTRIBUTES}
    time = parse_time(item["created"], "/created") if item.get("created") is not None else None
    return Draft(
        type=event_type,
        id=content_id(item, time),
        time=time,
        user=text(item, "user_id"),
        subject=subject({"resource_type": item.get("type"), **data}),
        data={name: value for name, value in data.items() if value is not None},
        dialect=NAME,
    )


def _is_known(category: str, kind: Any) -> bool:
    """Whether there is an event type for what happened, and for what it happened to."""
    if not isinstance(kind, str):
        return category in _READERS  # its reader says what is wrong
    kinds = _KINDS.get(category, _RESOURCES)
    return category in _READERS and (not kinds or kind in kinds)


def text(item: dict[str, Any], name: str) -> str | None:
    """A text field of a message; empty text says nothing.

    Raises:
        InvalidEvent: it is there, and no text.
    """
    value = item.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InvalidEvent(f"{name!r} must be text.", pointer=f"/{name}", expected="string", got=json_kind(value))
    return value


def subject(data: dict[str, Any]) -> str | None:
    """The CloudEvents subject of data: `datasets/<id>` and so on."""
    kind = data.get("resource_type")
    if data.get("resource_id") and isinstance(kind, str) and kind in _PLURALS:
        return f"{_PLURALS[kind]}/{data['resource_id']}"
    if data.get("dataset_id"):
        return f"datasets/{data['dataset_id']}"
    return None


def resource_name(item: dict[str, Any], name: str, kind: Any) -> str | None:
    """The name of a resource as people see it: Clowder stores all but file names HTML-escaped."""
    value = text(item, name)
    if value is None or kind == "file":
        return value
    try:
        return html.unescape(value)
    except ValueError:  # a character of some thousand digits
        return value


def _size(item: dict[str, Any]) -> int | None:
    size = item.get("size")
    if size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 0):
        return size
    raise InvalidEvent(
        "'size' is a count of bytes or items.", pointer="/size", expected="an integer >= 0", got=repr(size)[:60]
    )


def _resource(item: dict[str, Any]) -> dict[str, Any]:
    kind = item.get("type")
    return {
        "resource_type": kind,
        "resource_id": text(item, "resource_id"),
        "resource_name": resource_name(item, "resource_name", kind),
        **_people(item),
    }


def _people(item: dict[str, Any]) -> dict[str, Any]:
    anonymous = item.get("user_id") == "000000000000000000000000"
    return {
        "user_name": None if anonymous else text(item, "user_name"),
        "author_id": text(item, "author_id"),
        "author_name": text(item, "author_name"),
    }


def _sized(item: dict[str, Any]) -> dict[str, Any]:
    return _resource(item) | {"bytes" if item.get("type") == "file" else "items": _size(item)}


def _activity(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    kind = item.get("type")
    if kind not in _ACTIVITIES:
        raise InvalidEvent(
            "A user activity is a signup or a login.", pointer="/type", expected="signup or login", got=repr(kind)[:60]
        )
    return f"users.{kind}", {"user_name": text(item, "user_name")}


def _upload(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "storage.file_uploaded", {
        "file_name": text(item, "resource_name"),
        "bytes": _size(item),
        "dataset_id": text(item, "dataset_id"),
        "dataset_name": resource_name(item, "dataset_name", "dataset"),
        **_people(item),
    }


def _extraction(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    # A "selection" is a set of files of one dataset, and its resource is that dataset.
    kind = "dataset" if item.get("type") == "selection" else item.get("type")
    data = _resource(item | {"type": kind})
    return "extractions.extraction_event", {"status": "queued", "extractor": text(item, "extractor_name"), **data}


_KNOWN = frozenset(
    {
        "category",
        "type",
        "created",
        "size",
        "user_id",
        "user_name",
        "author_id",
        "author_name",
        "resource_id",
        "resource_name",
        "dataset_id",
        "dataset_name",
        "extractor_name",
    }
)
_READERS: dict[str, Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]] = {
    "user_activity": _activity,
    "view_resource": lambda item: ("traffic.resource_viewed", _resource(item)),
    "download": lambda item: ("traffic.resource_downloaded", _sized(item)),
    "upload": _upload,
    "extraction": _extraction,
    "archive": lambda item: ("storage.resource_archived", _sized(item)),
    "unarchive": lambda item: ("storage.resource_unarchived", _sized(item)),
}
