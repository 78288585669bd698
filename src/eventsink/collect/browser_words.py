"""What of an event is a browser's to say, and in which form: pages carry secrets, and strangers send anything."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from eventsink.browsers import pages
from eventsink.errors import InvalidEvent
from eventsink.redact import hide_secrets

__all__ = ["CUSTOM", "FIELDS", "STAMPED", "person", "said"]

LONGEST_TEXT, MOST_TEXT = 500, 4_000  # characters of one text, and of all of an event of a page's own
MOST_FIELDS = 30

CUSTOM = "browser."  # what types of a page's own begin with
STAMPED = frozenset(
    {"visitor", "session", "country", "browser", "browser_version", "os", "os_version", "device", "robot"}
)
"""What the collector finds out, whatever a browser says of it."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
_SCREEN = re.compile(r"\d{1,5}x\d{1,5}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_USER = re.compile(r"[^\s\x00-\x1f]{1,200}")


def _text(value: Any) -> Any:
    return hide_secrets(value[:LONGEST_TEXT]) if isinstance(value, str) else None


def _address(value: Any) -> Any:
    return pages.clean(value) if isinstance(value, str) else None


def _link(value: Any) -> Any:
    return pages.clean(value, kept=()) if isinstance(value, str) else None


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        return value if isinstance(value, str) and pattern.fullmatch(value) and hide_secrets(value) == value else None

    return check


def _as_it_is(value: Any) -> Any:
    return value


_id = _matching(_IDENTIFIER)
_WHERE: Mapping[str, Callable[[Any], Any]] = {"url": _address, "resource_type": _as_it_is, "resource_id": _id}
_WITHIN: Mapping[str, Callable[[Any], Any]] = {"dataset_id": _id, "space_id": _id}
_RESOURCE: Mapping[str, Callable[[Any], Any]] = {"resource_type": _as_it_is, "resource_id": _id}

FIELDS: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "traffic.page_view": {
        **_WHERE,
        "referrer": _address,
        "title": _text,
        "language": _matching(_LANGUAGE),
        "screen": _matching(_SCREEN),
    },
    "traffic.resource_viewed": {**_RESOURCE, **_WITHIN},
    "traffic.resource_downloaded": {**_RESOURCE, "dataset_id": _id},
    "traffic.link_followed": {"url": _address, "link": _link},
    "traffic.upload_finished": {"url": _address, "dataset_id": _id, "items": _as_it_is, "bytes": _as_it_is},
    "traffic.extraction_submitted": {**_WHERE, "extractor_name": _text},
}
"""Of each type that browsers may report, the fields that are theirs to say, and how each is read."""


def said(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What of some data a browser may say, without secrets; what has another form is left out.

    Raises:
        InvalidEvent: browsers may not report this type.
    """
    fields = FIELDS.get(kind)
    if fields is None:
        return _custom(kind, data)
    read = {name: fields[name](value) for name, value in data.items() if name in fields}
    return {name: value for name, value in read.items() if value not in ("", None)}


def person(user: str | None) -> str | None:
    """Who a browser says that its user is; None if that is no id."""
    fits = user is not None and _USER.fullmatch(user) and hide_secrets(user) == user
    return user if fits else None


def _custom(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an event of a page's own: a few plain values."""
    if not kind.startswith(CUSTOM):
        raise InvalidEvent(
            f"A browser may not report {kind[:60]!r}.",
            pointer="/type",
            expected=f"browser.…, or one of {', '.join(FIELDS)}",
            got=kind[:60],
        )
    kept: dict[str, Any] = {}
    left = MOST_TEXT
    for name, value in data.items():
        if len(kept) == MOST_FIELDS:
            break
        if name in STAMPED or not _NAME.fullmatch(name) or hide_secrets(name) != name:
            continue
        if isinstance(value, str):
            left -= min(len(value), LONGEST_TEXT)
            if left >= 0:
                kept[name] = _text(value)
        elif isinstance(value, int | float | bool):
            kept[name] = value
    return kept
