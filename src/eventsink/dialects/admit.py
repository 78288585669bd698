"""Admission: a draft becomes an event, or a reason why not. The last check before an event is made durable."""

import functools
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from eventsink.catalogue import CATALOGUE, check_values, escape, nearest, validate
from eventsink.errors import InvalidEvent
from eventsink.event import EPOCH, Draft, Event, Plain, encode, new_ids, parse_time, time_of_id

__all__ = ["Admission", "Instants", "Notice", "Stamps"]

FUTURE = timedelta(days=1)
ANONYMOUS = frozenset({"000000000000000000000000", ""})
_TYPE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Of CloudEvents' own documented extensions those that senders of our short form may mean.
_EXTENSIONS = frozenset({"dataref", "partitionkey", "sampledrate", "sequence", "traceparent", "tracestate"})
_MICROSECOND = timedelta(microseconds=1)
_NONE: dict[str, object] = {}
_NO_TIME = (
    "An event with an id and without a time has another time when it is sent again, and is then twice where a point is"
    " known by its time, as in InfluxDB: give it one, or a UUIDv7 as its id."
)
_LONGEST = {"id": 200, "source": 500, "subject": 1000, "user": 500}
_SHORTEST = min(_LONGEST.values())
# How much larger an event can be than what it was read from: a byte of another charset becomes three, `1e15` becomes
# `1000000000000000.0`; besides there is what arrival adds.
_GROWTH = 6
_STAMPED = 4000  # bytes


class Notice(msgspec.Struct, frozen=True):
    """Something that the sender should know though the event was accepted."""

    pointer: str
    message: str


class Instants:
    """Moments for events that name none: no two that one process stamps are the same, however many come at once.

    Where a destination keeps one point an instant, as InfluxDB, nothing else tells apart what came in one request.
    """

    def __init__(self) -> None:
        self._last = EPOCH

    def next(self, now: datetime) -> datetime:
        """Now, or the microsecond after the last one that was given."""
        moment = now if now > self._last else self._last + _MICROSECOND
        if moment.microsecond % 1000 == 0:  # which is how times of others look that have milliseconds
            moment += _MICROSECOND
        self._last = moment
        return moment


class Stamps:
    """What arrival adds to the drafts of one request: its time, the default source, and fresh ids.

    Args:
        now: when it arrived.
        source: of events that name none.
        bytes: length of the request; where that is small, no single event of it is measured.
    """

    def __init__(self, now: datetime, source: str, bytes: int = 0) -> None:  # noqa: A002
        self.now = now
        self.source = source
        self.bytes = bytes
        self._ids: Iterator[str] = iter(())
        self._group = 1
        self._latest = now + FUTURE
        self.told_of_time = False
        """Whether the sender was told what comes of an event without a time, which is said once a request."""

    def fresh_id(self) -> str:
        """A new UUIDv7; from the second on made in groups, because randomness is dear one by one."""
        for event_id in self._ids:
            return event_id
        self._ids = iter(new_ids(self._group, self.now))
        self._group = 64
        return next(self._ids)

    def check_future(self, time: datetime) -> None:
        """Refuse a time more than a day ahead: a wrong clock would spoil every report of that day.

        Raises:
            InvalidEvent: it is.
        """
        if time > self._latest:
            raise InvalidEvent(
                "The time is more than a day in the future.",
                pointer="/time",
                expected=f"at most {self._latest.isoformat(timespec='seconds')}",
                got=time.isoformat(timespec="seconds"),
            )


class Admission:
    """The rule by which drafts become events.

    Args:
        strict: refuse types that the catalogue does not know, instead of taking them as custom events.
        largest: bytes that one event may have.
        instants: for events without a time; those of this process are drawn from one.
    """

    def __init__(self, *, strict: bool = False, largest: int = 256 << 10, instants: Instants | None = None) -> None:
        self.strict = strict
        self.largest = largest
        self._surely_small = (largest - _STAMPED) // _GROWTH
        self._instants = instants or Instants()

    def admit(self, draft: Plain, stamps: Stamps) -> tuple[Event, list[Notice]]:
        """Check a draft and stamp it.

        Raises:
            InvalidEvent: with pointer, what was expected and what came.
        """
        if draft.specversion is not None and draft.specversion != "1.0":
            raise InvalidEvent(
                "Only CloudEvents 1.0 is read.", pointer="/specversion", expected="1.0", got=draft.specversion[:60]
            )
        notices = self._check_data(draft)
        together = (draft.id or "") + (draft.source or "") + (draft.subject or "") + (draft.user or "")
        if len(together) > _SHORTEST or not together.isprintable():  # seldom: one look at all of them, then at each
            for name in _LONGEST:
                _check_attribute(name, getattr(draft, name) or "")
        event_id = draft.id or stamps.fresh_id()
        time, received = draft.time, stamps.now
        if time is None:
            # The time in a UUIDv7 is the same at every attempt to send it; that of its arrival is not.
            time = draft.id and time_of_id(draft.id)
            if not time:
                time = received = self._instants.next(stamps.now)
                if draft.id and not stamps.told_of_time and getattr(draft, "dialect", None) is None:
                    stamps.told_of_time = True
                    notices = [*notices, Notice("/time", _NO_TIME)]
        elif not isinstance(time, datetime) or time.tzinfo is None or time.utcoffset() or time < EPOCH:
            time = parse_time(time)
        stamps.check_future(time)
        read = draft if isinstance(draft, Draft) else None
        event = Event(
            id=event_id,
            source=draft.source or stamps.source,
            type=draft.type,
            time=time,
            received=received,
            data=draft.data,
            subject=draft.subject or None,
            user=None if draft.user in ANONYMOUS else draft.user,
            dialect=read.dialect if read else None,
            extensions=read.extensions if read else _NONE,
        )
        if stamps.bytes > self._surely_small and len(encode(event)) > self.largest:
            raise InvalidEvent(
                "The event is too large.", expected=f"at most {self.largest} bytes", got=f"{len(encode(event))} bytes"
            )
        if event.extensions and draft.specversion is None and event.dialect is None:
            notices = [*notices, *(_unknown_attribute(name) for name in event.extensions if name not in _EXTENSIONS)]
        return event, notices

    def _check_data(self, draft: Plain) -> list[Notice]:
        entry = CATALOGUE.get(draft.type)
        if entry is None:
            return self._check_custom(draft)
        unknown = validate(entry, draft.data)
        return [_unknown_field(name, entry.name, entry.fields) for name in unknown]

    def _check_custom(self, draft: Plain) -> list[Notice]:
        close = _nearest_type(draft.type)
        hint = f" Did you mean {close!r}?" if close else ""
        if len(draft.type) > 200 or not _TYPE.fullmatch(draft.type):
            raise InvalidEvent(
                f"A type is written component.event_type.{hint}",
                pointer="/type",
                expected="component.event_type, of letters, digits, _ and -",
                got=repr(draft.type)[:60],
            )
        if self.strict:
            raise InvalidEvent(
                f"The catalogue does not know this type.{hint}",
                pointer="/type",
                expected="a type of the catalogue (see /v1/types)",
                got=draft.type,
            )
        check_values(draft.data, "/data")
        foreign = isinstance(draft, Draft) and draft.dialect is not None  # a later version of it knows more than we do
        return [Notice("/type", f"{draft.type!r} is kept as a custom event.{hint}")] if close or foreign else []


@functools.lru_cache(maxsize=1024)  # looking for likeness is dear, and custom events come in thousands of one type
def _nearest_type(name: str) -> str | None:
    return nearest(name, CATALOGUE)


def _check_attribute(name: str, value: str) -> None:
    if len(value) > _LONGEST[name]:
        raise InvalidEvent(
            f"The {name} is too long.",
            pointer=f"/{name}",
            expected=f"at most {_LONGEST[name]} characters",
            got=f"{len(value)} characters",
        )
    if not value.isprintable() and _CONTROL.search(value):
        raise InvalidEvent(
            f"The {name} has control characters.",
            pointer=f"/{name}",
            expected="text without control characters",
            got=repr(value)[:60],
        )


def _unknown_field(name: str, within: str, fields: frozenset[str]) -> Notice:
    close = nearest(name, fields)
    hint = f" Did you mean {close!r}?" if close else ""
    return Notice(f"/data/{escape(name[:60])}", f"{within} has no field {name[:60]!r}; it is kept.{hint}")


def _unknown_attribute(name: str) -> Notice:
    return Notice(f"/{name}", f"An event has no attribute {name!r}; it is kept as an extension.")
