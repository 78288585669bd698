"""CloudEvents 1.0 in the JSON format; the binary HTTP mode becomes the same object.

Source: CloudEvents 1.0.2, JSON event format and HTTP protocol binding.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from eventsink.dialects import shorthand
from eventsink.errors import InvalidEvent
from eventsink.event import Draft

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_OURS = frozenset({"received", "seq", "dialect"})  # what an event that we give out has besides


def recognises(item: dict[str, Any]) -> bool:
    """It says which version of the specification it follows."""
    return item.get("specversion") is not None


def read(item: dict[str, Any]) -> Draft:
    """Read a CloudEvent; its extension attributes are kept.

    An event that another sink gave out is read as it was before it came there: it arrives here anew.
    """
    if item["specversion"] != "1.0":
        raise InvalidEvent(
            "Only CloudEvents 1.0 is read.", pointer="/specversion", expected="1.0", got=repr(item["specversion"])[:60]
        )
    if item.get("data_base64") is not None:
        item = item | {"data": _unpack(item["data_base64"])}
        del item["data_base64"]
    draft = shorthand.read({name: value for name, value in item.items() if name not in _OURS})
    if isinstance(item.get("dialect"), str) and item["dialect"].isprintable():
        draft.dialect = item["dialect"][:100]
    return draft


def from_headers(headers: Mapping[str, str], data: Any) -> dict[str, Any]:
    """The object that an HTTP request in binary mode stands for: attributes in `ce-` headers, data in the body.

    Args:
        headers: as HTTP servers hand them out, each byte a character.

    Raises:
        InvalidEvent: a value is no UTF-8.
    """
    attributes = {name[3:]: _header(name, value) for name, value in headers.items() if name.startswith("ce-")}
    return {"specversion": "1.0", **attributes, "data": data}


def _header(name: str, value: str) -> str:
    """A header value decoded once (HTTP protocol binding 1.0.2 §3.1.3.2): quotes and backslashes, then percent signs.

    Some clients send UTF-8 as it is, which is read as that.
    """
    if value.isalnum() and value.isascii():  # nearly always
        return value
    quoted = _QUOTED.fullmatch(value)
    if quoted:
        value = _ESCAPED.sub(r"\1", quoted[1])
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeError:
        raise InvalidEvent(
            f"The header {name[:60]!r} is no UTF-8: write what is not ASCII as UTF-8, percent-encoded.",
            pointer=f"/{name[3:63]}",
            expected="UTF-8, as Euro%20%E2%82%AC",
            got=repr(value)[:60],
        ) from None


def _unpack(text: Any) -> Any:
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True))
    except (binascii.Error, msgspec.MsgspecError, UnicodeDecodeError, TypeError, ValueError, RecursionError):
        raise InvalidEvent(
            "Only JSON data is read, and 'data_base64' holds none.",
            pointer="/data_base64",
            expected="JSON in base64",
            got=repr(text)[:60],
        ) from None
