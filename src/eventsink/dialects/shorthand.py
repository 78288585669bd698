"""Our own short form: `type` and `data`, and any other attribute of a CloudEvent without its ceremony."""

import re
from typing import Any

import msgspec

from eventsink.catalogue import explain
from eventsink.errors import InvalidEvent
from eventsink.event import Draft, Plain, parse_time

_ATTRIBUTES = frozenset({"type", "data", "id", "source", "time", "subject", "user", "specversion"})
_EXTENSION = re.compile(r"[a-z0-9]{1,64}")  # CloudEvents 1.0 §3.1: lower-case letters and digits


def recognises(item: dict[str, Any]) -> bool:
    """It names a type, or has data to go with one that is missing."""
    return "type" in item or "data" in item


def read(item: dict[str, Any]) -> Draft:
    """Read the short form; attributes that no event has are kept as CloudEvents extensions, null ones are unset."""
    attributes = {name: value for name, value in item.items() if name in _ATTRIBUTES and value is not None}
    extensions = {name: value for name, value in item.items() if name not in _ATTRIBUTES and value is not None}
    check_extensions(extensions)
    if "time" in attributes:
        attributes["time"] = parse_time(attributes["time"])
    try:
        plain = msgspec.convert(attributes, Plain)
    except msgspec.ValidationError as error:
        raise explain(error, item) from None
    return Draft(**msgspec.structs.asdict(plain), extensions=extensions)


def check_extensions(extensions: dict[str, Any]) -> None:
    """Refuse what CloudEvents 1.0 §3.1 does not allow as an extension attribute.

    Raises:
        InvalidEvent: a name with other characters than a-z and 0-9, or a value that is no scalar.
    """
    for name, value in extensions.items():
        if not _EXTENSION.fullmatch(name) or name in {"received", "dialect", "extensions", "seq"}:
            raise InvalidEvent(
                f"{name[:60]!r} is no attribute of an event: put it into 'data'.",
                pointer=f"/{name[:60]}",
                expected="one of " + ", ".join(sorted(_ATTRIBUTES)),
                got=repr(name[:60]),
            )
        if not isinstance(value, str | int | bool) or (isinstance(value, int) and not -(2**31) <= value < 2**31):
            raise InvalidEvent(
                f"The extension attribute {name!r} must be text, a boolean or an integer of 32 bits.",
                pointer=f"/{name}",
                expected="string, boolean or integer",
                got=repr(value)[:60],
            )
