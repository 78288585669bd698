"""Ids and times for events that were written without, so that sending a line twice does not make two events of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventsink import dialects
from eventsink.errors import InvalidEvent
from eventsink.event import Plain, content_id, new_ids, parse_time, time_of_id

__all__ = ["NameEvent", "TimeEvent", "completed", "fresh_names", "names_by_place"]

NameEvent = Callable[[int, datetime | None], str]
"""The id of the event that starts at a position and has, perhaps, a time."""

TimeEvent = Callable[[int], datetime]
"""When the event of a line happened, if it does not say so itself: the same at every attempt."""

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


def completed(line: bytes, position: int, number: int, name: NameEvent, time_of: TimeEvent | None) -> bytes:
    """The line, with an id and a time if it is in our own short form and has none.

    Messages of other dialects get theirs where they are read, and what no dialect reads is refused there. Lines of one
    time have their number as `sequence`, an extension of CloudEvents, so that they are told apart where a point is
    known by its time.

    Args:
        position: of the line in the file.
        number: of the line, from 1.
        time_of: None leaves the time to the front door, for what cannot be read twice.
    """
    event = _read(line)
    if event is None:
        return line
    more = b""  # at the end, where it stands above an "id": null before it
    if event.id is None:
        more += b',"id":"%b"' % name(position, _time(event)).encode()
    if time_of is not None and event.time is None and not (event.id and time_of_id(event.id)):
        more += b',"time":"%b","sequence":"%010d"' % (time_of(number).isoformat().encode(), number)
    return line[:-1] + more + b"}" if more else line


def _read(line: bytes) -> Plain | None:
    """The event of a line if it is ours to complete, read as the front door reads it."""
    try:
        return _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # another dialect, or broken
        return _read_carefully(line)


def _read_carefully(line: bytes) -> Plain | None:
    try:
        draft = dialects.read(_any(line))
    except (InvalidEvent, msgspec.MsgspecError, UnicodeError, RecursionError):  # the front door will say why
        return None
    return draft if draft.dialect is None else None


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
