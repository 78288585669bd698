"""Ids for events that were written without one, so that sending the same line twice does not make two events of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventsink import dialects
from eventsink.errors import InvalidEvent
from eventsink.event import Plain, content_id, new_ids, parse_time

__all__ = ["NameEvent", "fresh_names", "names_by_place", "with_id"]

NameEvent = Callable[[int, datetime | None], str]
"""The id of the event that starts at a position and has, perhaps, a time."""

_decode = msgspec.json.Decoder(Plain).decode


def names_by_place(token: str) -> NameEvent:
    """Ids that follow from the file and the place in it: the same at every attempt."""
    return lambda position, time: content_id({"file": token, "position": position}, time)


def fresh_names() -> NameEvent:
    """A new UUIDv7 each, for what cannot be read twice."""
    ids: Iterator[str] = iter(())

    def name(_: int, __: datetime | None) -> str:
        nonlocal ids
        for event_id in ids:
            return event_id
        ids = iter(new_ids(256, datetime.now(UTC)))
        return next(ids)

    return name


def with_id(line: bytes, position: int, name: NameEvent) -> bytes:
    """The line, with an id if it is in our own short form and has none.

    Messages of other dialects get their id where they are read, and what no dialect reads is refused there.
    """
    lacking = _lacks_id(line)
    if lacking is None:
        return line
    # At the end, where it stands above an "id": null before it.
    return b'%b,"id":"%b"}' % (line[:-1], name(position, _time(lacking)).encode())


def _lacks_id(line: bytes) -> Plain | None:
    """The event of a line if it is ours to name, read as the front door reads it."""
    try:
        plain = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # another dialect, or broken
        return _lacks_id_carefully(line)
    return None if plain.id is not None else plain


def _lacks_id_carefully(line: bytes) -> Plain | None:
    try:
        draft = dialects.read(_any(line))
    except (InvalidEvent, msgspec.MsgspecError, UnicodeError, RecursionError):  # the front door will say why
        return None
    return None if draft.id is not None else draft


def _any(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except UnicodeDecodeError:
        return msgspec.json.decode(line.decode("latin-1").encode())


def _time(event: Plain) -> datetime | None:
    try:
        return None if event.time is None else parse_time(event.time)
    except InvalidEvent:  # as above
        return None
