"""What pika does not survive in a header: a time beyond the year 9999, as one in milliseconds; tables within tables.

It raises where the socket is read, which breaks the connection; the message comes again, and breaks the next one.
RabbitMQ takes any 64 bits for a time and hundreds of levels, so anybody could hold up a queue for ever.
"""

import struct
import threading
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

import pika.data

__all__ = ["read_any_header"]

DEEPEST = 16  # levels of lists and tables; below them is nothing that anybody reads
_NESTED = (b"A", b"F")
_depth = threading.local()
_decode_value: Callable[[bytes, int], tuple[Any, int]] = pika.data.decode_value


class _AnyInstance(type):
    """Takes every `datetime` for an instance, as pika's encoder asks for it."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, datetime)


class _Datetime(metaclass=_AnyInstance):
    """Stands for `datetime` in pika's reader of headers."""

    @staticmethod
    def fromtimestamp(seconds: int, tz: tzinfo | None = None) -> datetime | int:
        """The time; the number itself, where no time can be made of it."""
        try:
            return datetime.fromtimestamp(seconds, tz)
        except (ValueError, OverflowError, OSError):
            return seconds


def _decode_some(encoded: bytes, offset: int) -> tuple[Any, int]:
    """As pika's own, which calls itself for what is nested; what is so too deeply is passed over."""
    if encoded[offset : offset + 1] not in _NESTED:
        return _decode_value(encoded, offset)
    depth = getattr(_depth, "now", 0)
    if depth >= DEEPEST:
        length: int = struct.unpack_from(">I", encoded, offset + 1)[0]
        return None, offset + 5 + length
    _depth.now = depth + 1
    try:
        return _decode_value(encoded, offset)
    finally:
        _depth.now = depth


def read_any_header() -> None:
    """Have pika read whatever there can be in a header. Safe to call again."""
    pika.data.datetime = _Datetime
    pika.data.decode_value = _decode_some
