"""What the store is asked, and what it answers."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from eventsink.errors import StoreUnavailable
from eventsink.event import Event

__all__ = [
    "OTHER_TYPES",
    "EventPage",
    "EventQuery",
    "Interval",
    "Point",
    "Stats",
    "StoredEvent",
    "Summary",
    "TooManyPoints",
    "TypeCount",
    "encode",
    "encode_list",
]

Interval = Literal["minute", "hour", "day", "week", "month"]
OTHER_TYPES = "other"  # no type of events is written so: they have a dot


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events. What is None is not asked for.

    Args:
        since: event time from here on.
        until: event time before this.
        type: a type, or the beginning of types with a star, as `storage.*`.
        before_seq: events that the store got before this one: the next page of order "desc".
        after_seq: events that the store got after this one: the next page of order "asc".
        order: "desc" is the newest arrival first.
        limit: at most so many; None is all of them. A count heeds it as little as the order.
    """

    since: datetime | None = None
    until: datetime | None = None
    type: str | None = None
    user: str | None = None
    source: str | None = None
    subject: str | None = None
    id: str | None = None
    before_seq: int | None = None
    after_seq: int | None = None
    order: Literal["asc", "desc"] = "desc"
    limit: int | None = 100


class StoredEvent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="specversion", tag="1.0"
):
    """An event as the store gives it back. Write it with `encode`: that lifts the extensions to where they belong.

    Args:
        seq: grows with every event that the store gets, with gaps; a cursor for paging and for following.
        data: the JSON text of its data, ready to be passed on.
    """

    seq: int
    id: str
    source: str
    type: str
    time: datetime
    received: datetime
    data: msgspec.Raw
    subject: str | None = None
    user: str | None = None
    dialect: str | None = None
    extensions: dict[str, Any] = {}

    def event(self) -> Event:
        """The event as it was appended."""
        return Event(
            id=self.id,
            source=self.source,
            type=self.type,
            time=self.time,
            received=self.received,
            data=msgspec.json.decode(self.data),
            subject=self.subject,
            user=self.user,
            dialect=self.dialect,
            extensions=self.extensions,
        )


class EventPage(msgspec.Struct, frozen=True):
    """Some events, and where to go on.

    Args:
        events: in the order asked for.
        next: the `before_seq`, or in order "asc" the `after_seq`, of the page that follows; None when none does. A page
            may be shorter than its limit and have one all the same, and the one that follows the last may be empty.
    """

    events: list[StoredEvent]
    next: int | None


class TypeCount(msgspec.Struct, frozen=True):
    """How many events of a type."""

    type: str
    count: int


class Point(msgspec.Struct, frozen=True):
    """How many events of a type in the interval that begins at `time`."""

    time: datetime
    type: str
    count: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over a span of event time.

    Args:
        users: distinct users.
        bytes_uploaded: of files uploaded.
        bytes_downloaded: of files downloaded; a dataset says how many items, never how many bytes.
        by_type: the most frequent first; all but those together as `OTHER_TYPES`, which is the last.
        series: of the same types, in the order of time; intervals and types without events are left out.
    """

    events: int
    users: int
    bytes_uploaded: int
    bytes_downloaded: int
    by_type: list[TypeCount]
    series: list[Point]


class TooManyPoints(StoreUnavailable):
    """A series would be longer than anybody can look at: the intervals are too short for the span."""


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds.

    Args:
        bytes: of its files on disk.
        months: those that it has a file of, as "2026-11"; "1999-12" stands for the far past, "2100-01" for the far
            future (month_names.py).
        first: time of the earliest event; `last`: of the latest.
        trouble: why a question could not be answered of late, and what to do; None when all could.
        keep_months: whole months that are kept before the present one; 0: all.
        memory: what DuckDB may use, as "64MB".
        threads: that it may use.
    """

    events: int
    bytes: int
    months: list[str]
    first: datetime | None
    last: datetime | None
    trouble: str | None = None
    keep_months: int = 0
    memory: str = ""
    threads: int = 1


_encoder = msgspec.json.Encoder()


def encode(event: StoredEvent) -> bytes:
    """The event as one line of CloudEvents JSON with its `seq` (no newline in it or after it)."""
    if not event.extensions:
        return _encoder.encode(event)
    attributes = {name: getattr(event, name) for name in event.__struct_fields__ if name != "extensions"}
    present = {name: value for name, value in attributes.items() if value is not None}
    return _encoder.encode({"specversion": "1.0"} | event.extensions | present)


def encode_list(events: Iterable[StoredEvent]) -> bytes:
    """The events as a JSON array."""
    return b"[" + b",".join(map(encode, events)) + b"]"
