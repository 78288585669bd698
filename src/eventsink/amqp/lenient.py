"""What pika does not survive: a header whose time is beyond the year 9999, as one in milliseconds.

It raises where the socket is read, which breaks the connection; the message comes again, and breaks the next one.
RabbitMQ takes any 64 bits for a time, so anybody could hold up a queue for ever.
"""

from datetime import datetime, tzinfo
from typing import Any

import pika.data

__all__ = ["read_any_time"]


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


def read_any_time() -> None:
    """Have pika read every time there can be in a header. Safe to call again."""
    pika.data.datetime = _Datetime
