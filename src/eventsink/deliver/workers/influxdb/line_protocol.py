"""Events as lines of InfluxDB's line protocol, one line an event. In: events. Out: bytes. No connection, no clock.

A component is a measurement. Tags are what has few values and what dashboards group by; all else is a field, of the
kind that the catalogue says, always the same, because InfluxDB refuses a field that changes its kind. How the words of
others are made to fit:

* In tags and in names of fields a backslash becomes a slash and a control character a space, because InfluxDB 1, 2 and
  3 read these in different ways; what is longer than 500 characters is cut.
* Text in fields is written as it is. Beyond 65,536 bytes it is cut, and ends with an ellipsis.
* A list or an object is written as JSON text. Null, and a number that is not finite, is left out.
* Numbers that the catalogue does not know are floats. A flag that it knows is written as a percentage, too, for
  InfluxQL has no mean of flags.
* A name that line protocol, InfluxDB or we use for something else gets `data_` before it, as `data_time`.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any
from zlib import crc32

import msgspec
from msgspec import inspect

from eventsink.catalogue import CATALOGUE, EventType
from eventsink.errors import Refused
from eventsink.event import EPOCH, Event

__all__ = ["EventLines", "Fields", "Lines", "Slots", "field_kinds", "head", "quoted"]

TAGS = frozenset(
    {
        "access_method",
        "check",
        "country",
        "device",
        "extractor",
        "http_status",
        "identity",
        "kind",
        "method",
        "queue",
        "region",
        "resource_type",
        "route",
        "status",
        "target",
        "worker",
    }
)
"""Names of the catalogue that are tags: few values, made by operators and programs. Never ids, people or addresses."""
CUSTOM_TAGS = frozenset({"region"})
"""The same in a component that the catalogue does not know, where a `status` may be any sentence."""
OWN = frozenset({"event_id", "source", "subject", "time", "type", "user"})
"""Names that are taken, by line protocol or by ourselves."""

LONGEST_NAME = 500  # characters of a tag, or of the name of a field
LONGEST_TEXT = 1 << 16  # bytes of a field, as InfluxDB 3 has it
SURELY_SHORT = LONGEST_TEXT // 4  # characters: in UTF-8 none has more than four bytes
MOST_TYPES = 1024  # whose fields are kept at hand
MOST_HEADS = 8192  # series whose beginnings are kept at hand
SLOTS = 1_000_000  # nanoseconds in a millisecond
GENERATION = 16_384  # of them are forgotten together

_PLAIN = dict.fromkeys((*range(32), *range(127, 160)), " ") | {ord("\\"): "/"}
_ESCAPED = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_AN_ID = re.compile(r"(?<=/)(?:\d+|[0-9a-fA-F-]{16,})(?=/|$)")
_CALLED: Mapping[type | None, str] = {str: "text", int: "an integer", float: "a number", bool: "true or false"}
_KINDS: Mapping[type[inspect.Type], type] = {
    inspect.StrType: str,
    inspect.LiteralType: str,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.BoolType: bool,
}

_json = msgspec.json.Encoder().encode  # it writes a float in a third of the time that repr takes


class Lines:
    """Writes events, one line each. What a line says is for a subclass to know."""

    def encode(self, events: Sequence[Event]) -> bytes:
        """The lines of these events, in their order.

        Raises:
            Refused: naming those of which `line` says so.
        """
        lines: list[bytes] = []
        refused: dict[str, list[Event]] = {}
        for event in events:
            try:
                lines.append(self.line(event).encode())
            except Refused as error:
                refused.setdefault(error.reason, []).append(event)
        if refused:
            reason, named = next(iter(refused.items()))
            raise Refused(reason, events=named)
        return b"\n".join(lines)

    def line(self, event: Event) -> str:
        """The line of one event.

        Raises:
            Refused: a field that we know holds what it cannot. InfluxDB 1 fixes the kinds of fields anew in each span
                of time: where such an event came first, all the good ones after it would be refused.
        """
        raise NotImplementedError


class EventLines(Lines):
    """Writes an event into the measurement of its component, with all that it says."""

    def __init__(self) -> None:
        self._slots = Slots()
        self._known: dict[str, dict[str, type]] = {}
        for entry in CATALOGUE.values():
            self._known.setdefault(entry.name.partition(".")[0], {}).update(field_kinds(entry))
        self._fields: dict[str, Fields] = {}
        self._heads: dict[Any, str] = {}

    def line(self, event: Event) -> str:
        """See `Lines.line`."""
        fields = self._fields.get(event.type) or self._new_fields(event.type)
        begin = self._head(event, fields.tags)
        own = f'event_id="{_quotable(event.id)}"'
        if event.user is not None:
            own += f',user="{_quotable(event.user)}"'
        if event.subject is not None:
            own += f',subject="{_quotable(event.subject)}"'
        return f"{begin} {own}{fields.write(event.data)} {self._slots.place(begin, event)}"

    def _new_fields(self, event_type: str) -> "Fields":
        component = event_type.partition(".")[0]
        known = self._known.get(component)
        fields = Fields(component, known or {}, tags=CUSTOM_TAGS if known is None else TAGS & known.keys())
        if len(self._fields) >= MOST_TYPES:
            self._fields.clear()
        return self._fields.setdefault(event_type, fields)

    def _head(self, event: Event, names: Iterable[str]) -> str:
        data = event.data
        key: Any = event.type, event.source
        for name in names:
            if name in data:
                key = key, name, data[name]
        if data.get("robot") is True:
            key = key, "robot"
        try:
            return self._heads[key]
        except TypeError:  # a list or an object in the place of a tag
            return _new_head(event, names)
        except KeyError:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            return self._heads.setdefault(key, _new_head(event, names))


def _new_head(event: Event, names: Iterable[str]) -> str:
    tags = {name: event.data[name] for name in names if name in event.data}
    if isinstance(route := tags.get("route"), str):
        tags["route"] = _AN_ID.sub("{id}", route.partition("?")[0])  # as it should have come
    if event.component == "traffic" and event.data.get("robot") is True:
        tags["device"] = "robot"  # a flag is a field, and no condition of InfluxQL finds points that lack one
    return head(event.component, tags | {"source": event.source, "type": event.type})


class Fields:
    """Writes the fields of a measurement.

    Args:
        measurement: its name, for messages.
        kinds: what the fields that are known hold: `str`, `int`, `float` or `bool`.
        tags: names that are tags, and so never fields.
    """

    def __init__(self, measurement: str, kinds: Mapping[str, type], *, tags: Collection[str] = ()) -> None:
        self.measurement = measurement
        self.tags = tuple(sorted(tags))
        self._kinds = {name: kind for name, kind in kinds.items() if name not in tags}
        # What stands before a value that is of its kind; nothing for a tag.
        self._texts = dict.fromkeys(tags, "") | {name: _begin(name) + '"' for name in self._of(str)}
        self._integers = dict.fromkeys(tags, "") | {name: _begin(name) for name in self._of(int)}
        self._floats = {name: _begin(name) for name in self._of(float)}
        self._flags = {name: _both(name) for name in self._of(bool)}

    def write(self, data: Mapping[str, Any]) -> str:
        """All fields, with a comma before each.

        Raises:
            Refused: a field that is known holds what it cannot.
        """
        texts, integers, floats, flags = self._texts, self._integers, self._floats, self._flags
        body = ""
        for name, value in data.items():
            kind = value.__class__
            if kind is str and (begin := texts.get(name)) is not None:
                if '"' in value or "\\" in value or len(value) > SURELY_SHORT:
                    value = quoted(value)  # noqa: PLW2901 - this loop is where the time goes
                if begin:
                    body += f'{begin}{value}"'
            elif kind is int and (begin := integers.get(name)) is not None:
                if begin:
                    body += f"{begin}{value}i"
            elif kind is float and name in floats and isfinite(value):
                body += floats[name] + _json(value).decode()
            elif kind is bool and name in flags:
                body += flags[name][value]
            else:
                body += self._unusual(name, value)
        return body

    def _of(self, kind: type) -> list[str]:
        return [name for name, known in self._kinds.items() if known is kind]

    def _unusual(self, name: str, value: Any) -> str:
        """A field that is not known, or whose value is of another kind than it should be."""
        known = self._kinds.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None or name in self.tags or (isinstance(value, float) and not isfinite(value)):
            return ""
        if known is int and isinstance(value, float) and value.is_integer():
            text = f"{int(value)}i"
        elif number and known in (None, float):
            text = repr(value)
        elif isinstance(value, bool) and known is None:
            text = "true" if value else "false"
        elif known in (None, str):
            text = f'"{quoted(_as_text(value))}"'
        else:
            found = _CALLED.get(type(value), "a list or an object")
            raise Refused(f"The field {name} of {self.measurement} must be {_CALLED[known]}, and is {found}.")
        return _begin(name) + text


class Slots:
    """Gives each event a nanosecond of its own in the millisecond in which it happened.

    InfluxDB has one point for each series and nanosecond: of two, the later takes the place of the earlier. The place
    follows from the event alone, so every worker comes to the same, at every delivery:

    * An event that brought no time got a microsecond that no other of its front door has. It stays there; its id
      decides on the last three digits, for two doors may stamp at the same time.
    * Of events with a `sequence` (an extension of CloudEvents; `send` numbers lines) that number decides. A million
      that follow one another do not meet.
    * For all others the id decides on one of a million places.

    Of the last kind two may meet: with n events a millisecond and series, in n² / 2,000,000 of the milliseconds. Then
    the second takes the next nanosecond that is free, as far as this process knows: who sits where is remembered for
    the last 16,384 events at least, in about 5 MB. What remains: two that meet and are delivered by two workers are
    one point, and one that moved on and is delivered again by a process that does not know of the other takes its
    place.
    """

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._before: dict[int, int] = {}

    def place(self, series: str, event: Event) -> int:
        """Its nanosecond, since 1970."""
        since = event.time - EPOCH
        millisecond = ((since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000) * SLOTS
        if event.time is event.received or event.time == event.received:  # stamped where it was accepted
            slot = since.microseconds % 1000 * 1000 + crc32(event.id.encode()) % 1000
        elif event.extensions and (number := _number(event.extensions.get("sequence"))) is not None:
            slot = number % SLOTS
        else:
            slot = crc32(event.id.encode()) % SLOTS
        nanosecond = millisecond + slot
        key = hash(series) ^ nanosecond  # 64 bits, for a fraction of the memory of both
        who = hash(event.identity)  # likewise
        if self._recent.setdefault(key, self._before.get(key, who)) != who:
            return self._search(series, who, millisecond, crc32(event.id.encode()) % SLOTS)
        if len(self._recent) >= GENERATION:
            self._before, self._recent = self._recent, {}
        return nanosecond

    def _search(self, series: str, who: int, millisecond: int, slot: int) -> int:
        while True:
            key = hash(series) ^ (millisecond + slot)
            if self._recent.setdefault(key, self._before.get(key, who)) == who:
                return millisecond + slot
            slot = (slot + 1) % SLOTS


def _number(sequence: object) -> int | None:
    """The number of a sequence, of which a text may have thousands of digits: the last six decide."""
    if isinstance(sequence, int):
        return abs(sequence)
    return int(sequence[-6:]) if isinstance(sequence, str) and sequence.isascii() and sequence.isdigit() else None


# --- texts -----------------------------------------------------------------------------------------------------------


def head(measurement: str, tags: Mapping[str, Any]) -> str:
    """The beginning of a line: a measurement and its tags in the order of their names, without those that are empty."""
    texts = [(name, _plain(_as_text(value))) for name, value in sorted(tags.items()) if value is not None]
    return ",".join([_escape(measurement), *(f"{_escape(name)}={_escape(text)}" for name, text in texts if text)])


def quoted(text: str) -> str:
    """Text as it stands between quotes; cut, where it is too long."""
    if len(text) > SURELY_SHORT and len(encoded := text.encode()) > LONGEST_TEXT:
        text = encoded[: LONGEST_TEXT - 3].decode(errors="ignore") + "…"
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _quotable(text: str) -> str:
    return quoted(text) if '"' in text or "\\" in text else text


def _as_text(value: Any) -> str:
    """Values that are equal have the same text: of 1, 1.0 and true only one can be the key of a dictionary."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return _json(value).decode()


def _plain(text: str) -> str:
    return text.translate(_PLAIN).strip()[:LONGEST_NAME].rstrip()


def _escape(text: str) -> str:
    return text.translate(_ESCAPED)


@lru_cache(maxsize=4096)
def _begin(name: str) -> str:
    """What stands before the value of a field."""
    text = _plain(name)
    return f",{_escape(f'data_{text}' if text in OWN or text[:1] in ('', '_') else text)}="


def _both(name: str) -> dict[bool, str]:
    """A flag that is known, as it is and as a percentage."""
    percent = _begin(f"{name}_percent")
    return {True: f"{_begin(name)}true{percent}100.0", False: f"{_begin(name)}false{percent}0.0"}


# --- kinds -----------------------------------------------------------------------------------------------------------


def field_kinds(entry: EventType) -> dict[str, type]:
    """What each field of a type of the catalogue holds: `str`, `int`, `float` or `bool`."""
    described = inspect.type_info(entry.data)
    return {item.name: _kind(item.type) for item in getattr(described, "fields", ())}


def _kind(described: inspect.Type) -> type:
    if isinstance(described, inspect.Metadata):
        return _kind(described.type)
    if isinstance(described, inspect.UnionType):  # with None
        return _kind(next(item for item in described.types if not isinstance(item, inspect.NoneType)))
    return _KINDS[type(described)]
