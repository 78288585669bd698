"""What an event is: a CloudEvents 1.0 object, its id, its times, and its JSON form.

In: attributes of an event. Out: `Event` values and their JSON bytes. Called by everyone.
"""

import functools
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec

from eventsink.errors import InvalidEvent, MalformedBody

__all__ = [
    "Draft",
    "Event",
    "Plain",
    "content_id",
    "decode",
    "decode_lines",
    "encode",
    "new_ids",
    "parse_time",
    "time_of_id",
]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_NUMBER = re.compile(
    r"\d{9,30}(\.\d{1,30})?", re.ASCII
)  # eight digits are a date, and fewer no time that anybody means
_ODD_OFFSET = re.compile(r"\d[+-]\d\d:?[6-9]\d")
_LEAP_SECOND = re.compile(r"([^\n]{1,20}:59:)60(?:\.\d{1,30})?(Z|[+-]\d\d:?\d\d)?")
LONGEST_TIME = 64  # characters of a time as text
_HEX = re.compile(r"[0-9a-fA-F]{12}")


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="specversion",
    tag="1.0",
):
    """An accepted event. Every attribute is final: stamped once, before it was made durable."""

    id: str
    source: str
    type: str
    time: datetime
    received: datetime
    data: dict[str, Any]
    subject: str | None = None
    user: str | None = None
    dialect: str | None = None
    extensions: dict[str, Any] = {}

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it this event and no other: an id is unique within its source, and not among all sources."""
        return self.source, self.id

    @property
    def component(self) -> str:
        """The first half of the type: `storage` of `storage.file_uploaded`."""
        return self.type.partition(".")[0]


class Plain(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An event as a sender may write it in our own form: all but `type` may be absent. Not checked yet."""

    type: str
    data: dict[str, Any] = {}
    id: str | None = None
    source: str | None = None
    time: Any = None  # whatever `parse_time` reads: it alone decides, in every form that a body may have
    subject: str | None = None
    user: str | None = None
    specversion: str | None = None


class Draft(Plain, kw_only=True):
    """An event read from any dialect, with what only a reader may add. Not checked yet."""

    dialect: str | None = None
    extensions: dict[str, Any] = {}


# --- ids -------------------------------------------------------------------------------------------------------------


def new_ids(count: int, now: datetime) -> list[str]:
    """`count` new UUIDv7 (RFC 9562 §5.7), random within the millisecond of `now`."""
    prefix = _time_prefix(now) + "7"
    digits = os.urandom(9 * count).hex()
    return [
        f"{prefix}{digits[i : i + 3]}-8{digits[i + 3 : i + 6]}-{digits[i + 6 : i + 18]}"
        for i in range(0, 18 * count, 18)
    ]


def content_id(content: Mapping[str, Any], time: datetime | None) -> str:
    """The id of a message that brings none: a UUIDv8 (RFC 9562 §5.8) of its time and a hash of its content.

    The same message always has the same id, whatever the order of its keys. The millisecond of its time stands first,
    as in a UUIDv7, so that ids keep the order of time and the store finds duplicates without reading all it has.
    Without a time these bits are zero.
    """
    digest = hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()
    return f"{_time_prefix(time or EPOCH)}8{digest[:3]}-8{digest[3:6]}-{digest[6:18]}"


def _time_prefix(time: datetime) -> str:
    milliseconds = (time - EPOCH) // timedelta(milliseconds=1)
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-"


def time_of_id(event_id: str) -> datetime | None:
    """The millisecond in which a UUIDv7 was made; None for any other id."""
    if (
        len(event_id) != 36
        or event_id[14] != "7"
        or not event_id[8] == event_id[13] == event_id[18] == event_id[23] == "-"
    ):
        return None
    return _time_of_prefix(event_id[:13])


@functools.lru_cache(maxsize=4096)  # many ids are made in one millisecond
def _time_of_prefix(prefix: str) -> datetime | None:
    digits = prefix[:8] + prefix[9:]
    if not _HEX.fullmatch(digits):
        return None
    return EPOCH + min(timedelta(milliseconds=int(digits, 16)), LATEST - EPOCH)  # 48 bits reach beyond year 9999


# --- times -----------------------------------------------------------------------------------------------------------


def parse_time(value: object, pointer: str = "/time") -> datetime:
    """Read a time in any form that senders use, as UTC.

    RFC 3339 and ISO 8601 text (without an offset it is UTC), or an epoch number, also as text of at least 9 digits,
    whose unit follows from the digits before the point: up to 11 seconds, 14 milliseconds, 17 microseconds, 20
    nanoseconds. What is finer than a microsecond is cut, so that no time is later than what was sent. A leap second
    (RFC 3339 §5.7) is the last microsecond before it.

    Raises:
        InvalidEvent: it is none of these, or not between 1970 and 9999.
    """
    time = None
    if isinstance(value, datetime):
        time = value
    elif isinstance(value, str):
        time = _time_from_text(value.strip())
    elif isinstance(value, int | float) and not isinstance(value, bool):
        time = _time_from_number(value)
    if time is None:
        raise InvalidEvent(
            "The time cannot be read: give RFC 3339 text or an epoch number.",
            pointer=pointer,
            expected="RFC 3339 text, or epoch seconds, milliseconds, microseconds or nanoseconds",
            got=repr(value)[:60],
        )
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    if EPOCH <= time <= LATEST:
        return time if time.tzinfo is UTC else time.astimezone(UTC)
    raise InvalidEvent(
        "The time must lie between 1970 and 9999.", pointer=pointer, expected="1970 to 9999", got=time.isoformat()
    )


def _time_from_text(text: str) -> datetime | None:
    if len(text) > LONGEST_TIME:
        return None
    if text[-1:] != "Z":  # seldom
        if _NUMBER.fullmatch(text):
            return _time_from_number(Fraction(text))
        if _ODD_OFFSET.search(text, 8):  # Python takes an hour and 75 minutes for 2 hours and 15
            return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    leap = _LEAP_SECOND.fullmatch(text.upper())  # RFC 3339 §5.6 allows t and z
    try:
        time = datetime.fromisoformat(f"{leap[1]}59.999999{leap[2] or ''}" if leap else text.upper())
    except ValueError:  # not ISO 8601
        return None
    return time if not leap or _ends_a_day(time) else None


def _ends_a_day(time: datetime) -> bool:
    """Whether a leap second may follow this minute: they come at midnight UTC."""
    offset = time.utcoffset() or timedelta()
    return (timedelta(hours=time.hour, minutes=time.minute) - offset) % timedelta(days=1) == timedelta(
        minutes=24 * 60 - 1
    )


def _time_from_number(value: Fraction | float) -> datetime | None:
    if not 0 <= value < 10**20:  # also false for NaN
        return None
    digits = len(str(int(value)))
    per_second = 1 if digits <= 11 else 10**3 if digits <= 14 else 10**6 if digits <= 17 else 10**9
    exact = Fraction(repr(value)) if isinstance(value, float) else value  # 0.1 is meant, not the binary number below it
    try:
        return EPOCH + timedelta(microseconds=int(exact * 10**6 // per_second))
    except OverflowError:
        return None


# --- JSON ------------------------------------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)
_attributes = msgspec.json.Decoder(dict[str, Any])
_OWN = frozenset(Event.__struct_fields__) | {"specversion"}


def encode(event: Event) -> bytes:
    """The event as one line of CloudEvents JSON (no newline in it or after it)."""
    if not event.extensions:
        return _encoder.encode(event)
    attributes = msgspec.to_builtins(event)
    return _encoder.encode(attributes | attributes.pop("extensions"))


def decode(line: bytes) -> Event:
    """The event of one line that `encode` made.

    Raises:
        MalformedBody: it is no such line.
    """
    try:
        attributes = _attributes.decode(line)
        extensions = {name: attributes.pop(name) for name in list(attributes) if name not in _OWN}
        return msgspec.convert(attributes | {"extensions": extensions}, Event)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError) as error:
        raise MalformedBody(f"This is not a stored event: {error}.") from None


def decode_lines(lines: Iterable[bytes]) -> list[Event]:
    """The events of many lines; fast where no event carries foreign attributes.

    Raises:
        MalformedBody: one of them is no such line.
    """
    fast = _decoder.decode
    events = []
    for line in lines:
        try:
            event = fast(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            event = decode(line)
        events.append(event)
    return events
