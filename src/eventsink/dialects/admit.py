"""Admission: a draft becomes an event, or a reason why not. The last check before an event is made durable."""

import functools
import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eventsink.catalogue import CATALOGUE, LONGEST_NAME, check_values, did_you_mean, escape, validate
from eventsink.dialects.private import hide_private
from eventsink.errors import EventTooLarge, InvalidEvent
from eventsink.event import EPOCH, Draft, Event, Plain, encode, new_ids, parse_time, time_of_id

__all__ = ["Admission", "Instants", "Notice", "Stamps"]

FUTURE = timedelta(days=1)
LONGEST_TYPE = 200  # characters
MOST_NOTICES = 10  # of fields that an event has and its type has not
MOST_HINTS = 100  # of one request: likeness is dear
MOST_IDS = 4096  # that are made at once
MOST_MEANT = 1024  # names of which it is remembered what may have been meant
# What senders write for nobody: Clowder's id of whoever has no login, and the word, in every case of its letters.
ANONYMOUS = frozenset({"", "0" * 24, *map("".join, itertools.product(*zip("anonymous", "ANONYMOUS", strict=True)))})
TYPE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Of CloudEvents' own documented extensions those that senders of our short form may mean.
_EXTENSIONS = frozenset({"dataref", "partitionkey", "sampledrate", "sequence", "traceparent", "tracestate"})
_MICROSECOND = timedelta(microseconds=1)
_NONE: dict[str, object] = {}
_NO_TIME = (
    "An event with an id and without a time has another time when it is sent again, and is then twice where a point is"
    " known by its time, as in InfluxDB: give it one, or a UUIDv7 as its id."
)
LONGEST = {"id": 200, "source": 500, "subject": 1000, "user": 500}
_SHORTEST = min(LONGEST.values())
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
        self.hints = MOST_HINTS
        """For how many more names it is looked what may have been meant."""

    def fresh_id(self) -> str:
        """A new UUIDv7; from the second on made in groups, because randomness is dear one by one.

        The groups grow: a thread that asks the system all the time lets no other have the interpreter (CPython hands it
        over 5 ms after somebody began to wait, and counts anew whenever it is let go for a moment).
        """
        for event_id in self._ids:
            return event_id
        self._ids = iter(new_ids(self._group, self.now))
        self._group = min(max(64, 4 * self._group), MOST_IDS)
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
        hide: hide what is private by its name, in data that the catalogue does not describe.
        instants: for events without a time; those of this process are drawn from one.
    """

    def __init__(
        self, *, strict: bool = False, largest: int = 256 << 10, hide: bool = True, instants: Instants | None = None
    ) -> None:
        self.strict = strict
        self._hide = hide
        self.largest = largest
        self._surely_small = (largest - _STAMPED) // _GROWTH
        self._meant: dict[tuple[str, str], str] = {}  # of names of a type, what may have been meant
        self._instants = instants or Instants()

    def admit(self, draft: Plain, stamps: Stamps) -> tuple[Event, list[Notice]]:
        """Check a draft and stamp it.

        Raises:
            InvalidEvent: with pointer, what was expected and what came.
        """
        if draft.specversion is not None:
            _check_version(draft.specversion)
        if stamps.bytes > self.largest:  # before each of its values is looked at
            self._check_size(_size_of(draft.data) + (_size_of(draft.extensions) if isinstance(draft, Draft) else 0))
        notices = self._check_data(draft, stamps)
        _check_attributes(draft)
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
        if read and read.extensions and self._hide:
            notices = [*notices, *_about_private(hide_private(read.extensions))]
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
        if stamps.bytes > self._surely_small:
            self._check_size(len(encode(event)))
        if event.extensions and draft.specversion is None and event.dialect is None:
            unknown = (_unknown_attribute(name) for name in event.extensions if name not in _EXTENSIONS)
            notices = [*notices, *itertools.islice(unknown, MOST_NOTICES)]
        return event, notices

    def _check_size(self, size: int) -> None:
        if size > self.largest:
            raise EventTooLarge(
                "The event is too large.", expected=f"at most {self.largest} bytes", got=f"{size} bytes"
            )

    def _check_data(self, draft: Plain, stamps: Stamps) -> list[Notice]:
        entry = CATALOGUE.get(draft.type)
        if entry is None:
            return self._check_custom(draft, stamps)
        unknown = validate(entry, draft.data)
        notices: list[Notice] = []
        if not unknown:
            return notices
        if self._hide:
            others = {name: draft.data[name] for name in unknown}
            notices += _about_private(hide_private(others))
            draft.data |= others
        for name in unknown[:MOST_NOTICES]:
            hint = self._did_you_mean(name, entry.name, entry.fields, stamps)
            text = f"{entry.name} has no field {name[:60]!r}; it is kept.{hint}"
            notices.append(Notice(f"/data/{escape(name[:60])}", text))
        if len(unknown) > MOST_NOTICES:
            more = f"It is kept, as {len(unknown) - MOST_NOTICES} other fields that {entry.name} does not have."
            notices.append(Notice("/data", more))
        return notices

    def _check_custom(self, draft: Plain, stamps: Stamps) -> list[Notice]:
        fits = len(draft.type) <= LONGEST_TYPE and TYPE.fullmatch(draft.type)
        if not fits or self.strict:
            what = "The catalogue does not know this type." if fits else "A type is written component.event_type."
            known = "a type of the catalogue (see /v1/types)"
            raise InvalidEvent(
                what,
                pointer="/type",
                expected=known if fits else "component.event_type, of letters, digits, _ and -",
                got=draft.type if fits else repr(draft.type[:60])[:60],
                hint=functools.partial(did_you_mean, draft.type, CATALOGUE),
            )
        check_values(draft.data, "/data")
        private = _about_private(hide_private(draft.data)) if self._hide else []
        hint = self._did_you_mean(draft.type, "", CATALOGUE, stamps)
        foreign = isinstance(draft, Draft) and draft.dialect is not None  # a later version of it knows more than we do
        kept = [Notice("/type", f"{draft.type!r} is kept as a custom event.{hint}")] if hint or foreign else []
        return kept + private

    def _did_you_mean(self, name: str, within: str, names: Iterable[str], stamps: Stamps) -> str:
        """A sentence for a name that others will send as well; for a few that are new of one request."""
        if len(name) > LONGEST_NAME:
            return ""
        hint = self._meant.get((within, name))
        if hint is None and stamps.hints:
            stamps.hints -= 1
            found = did_you_mean(name, names)
            if len(self._meant) >= MOST_MEANT:
                self._meant.clear()
            hint = self._meant[within, name] = f" {found}" if found else ""
        return hint or ""


def _about_private(names: list[str]) -> list[Notice]:
    if not names:
        return []
    listed = ", ".join(repr(name) for name in names[:MOST_NOTICES])
    text = f"{listed}: secrets and network addresses of people are not kept (collect.hide). Send none."
    return [Notice("/data", text)]


def _size_of(data: dict[str, Any]) -> int:
    try:
        return len(msgspec.json.encode(data))
    except UnicodeEncodeError:  # of which the place is found by who looks at each value
        return 0


def _check_version(version: str) -> None:
    if version != "1.0":
        raise InvalidEvent("Only CloudEvents 1.0 is read.", pointer="/specversion", expected="1.0", got=version[:60])


def _check_attributes(draft: Plain) -> None:
    together = (draft.id or "") + (draft.source or "") + (draft.subject or "") + (draft.user or "")
    if len(together) > _SHORTEST or not together.isprintable():  # seldom: one look at all of them, then at each
        for name in LONGEST:
            _check_attribute(name, getattr(draft, name) or "")


def _check_attribute(name: str, value: str) -> None:
    if len(value) > LONGEST[name]:
        raise InvalidEvent(
            f"The {name} is too long.",
            pointer=f"/{name}",
            expected=f"at most {LONGEST[name]} characters",
            got=f"{len(value)} characters",
        )
    if not value.isprintable() and _CONTROL.search(value):
        raise InvalidEvent(
            f"The {name} has control characters.",
            pointer=f"/{name}",
            expected="text without control characters",
            got=repr(value)[:60],
        )


def _unknown_attribute(name: str) -> Notice:
    return Notice(f"/{name}", f"An event has no attribute {name!r}; it is kept as an extension.")
