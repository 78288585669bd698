"""What `mongoexport` writes of a collection that an earlier consumer filled: messages in MongoDB Extended JSON.

Values that JSON has no type for stand in objects (`{"$numberLong": "5"}`), in the canonical form and in the relaxed one
(MongoDB Extended JSON 2.0). Without them, and without `_id`, a document is the message that came over RabbitMQ, so that
both have one id. Some consumers kept the message as text, beside the time at which it came.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from eventsink.errors import InvalidEvent
from eventsink.event import EPOCH, parse_time

_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
_MILLISECOND = timedelta(milliseconds=1)


def recognises(item: dict[str, Any]) -> bool:
    """It has an `_id` in extended JSON."""
    return isinstance(item.get("_id"), dict)


def original(item: dict[str, Any]) -> tuple[dict[str, Any], datetime | None]:
    """The message as it came, and when it was stored, where that is known.

    Raises:
        InvalidEvent: a value is not what its type says, or the message that is kept as text is no JSON object.
    """
    document = {name: _plain(value, f"/{name}") for name, value in item.items() if name != "_id"}
    text = document.get("message")
    if "category" in document or "type" in document or not isinstance(text, str):
        return document, None
    stored = parse_time(document["created"], "/created") if document.get("created") is not None else None
    try:
        return msgspec.json.decode(text, type=dict[str, Any]), stored
    except (msgspec.MsgspecError, RecursionError):
        raise InvalidEvent(
            "The message is no JSON object.", pointer="/message", expected="the text of a JSON object", got=text[:60]
        ) from None


def _plain(value: Any, pointer: str) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() else value  # a shell stores 10 as 10.0
    if isinstance(value, list):
        return [_plain(one, f"{pointer}/{index}") for index, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, content),) = value.items()
        if name in _TYPES:
            return _TYPES[name](content, f"{pointer}/{name}")
    return {name: _plain(one, f"{pointer}/{name}") for name, one in value.items()}


def _integer(content: Any, pointer: str) -> int:
    if isinstance(content, str) and _INTEGER.fullmatch(content):
        return int(content)
    raise InvalidEvent("This is no integer.", pointer=pointer, expected="digits as text", got=repr(content)[:60])


def _double(content: Any, pointer: str) -> Any:
    try:
        return _plain(float(content), pointer)
    except (TypeError, ValueError):
        raise InvalidEvent(
            "This is no number.", pointer=pointer, expected="a number as text", got=repr(content)[:60]
        ) from None


def _date(content: Any, pointer: str) -> int:
    """Milliseconds since 1970, as Clowder sends its times."""
    if isinstance(content, dict):
        content = _plain(content, pointer)
    time = EPOCH + content * _MILLISECOND if isinstance(content, int) and 0 <= content < 10**14 else None
    return ((time or parse_time(content, pointer)).astimezone(UTC) - EPOCH) // _MILLISECOND


def _text(content: Any, pointer: str) -> str:
    if isinstance(content, str):
        return content
    raise InvalidEvent("This is no text.", pointer=pointer, expected="text", got=repr(content)[:60])


_TYPES = {
    "$oid": _text,
    "$numberDecimal": _text,
    "$numberInt": _integer,
    "$numberLong": _integer,
    "$numberDouble": _double,
    "$date": _date,
}
