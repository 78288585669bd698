"""What Amplitude takes for an event: its fields, their types, what no id may be, and what is kept of it.

Source: section 1.3 to 1.5 of the contract, which was written from Amplitude's documentation and SDKs. Where that leaves
a question open the stricter answer stands here, and a comment says so.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

__all__ = ["Faults", "Json", "find_faults", "kept"]

Json = dict[str, Any]
Check = Callable[[Any], bool]

LONGEST = 1024  # characters of a text; what is longer is cut
DEEPEST = 40
SKEW = 15 * 60_000  # ms that a clock may be ahead of Amplitude's
OLDEST = 946_684_800_000  # 2000 in ms: what is less is a time in seconds, or none
GROUP_TYPES, GROUP_VALUES = 5, 10  # that are kept of an event


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TEXTS = _words("""
    app_version version_name platform os_name os_version device_brand device_manufacturer device_model carrier
    country region city dma language productId revenueType ip idfa idfv adid android_id android_app_set_id library
    user_agent partner_id
""")
FORBIDDEN_IDS = _words("""
    anonymous nil none null n/a na undefined unknown 00000000-0000-0000-0000-000000000000 {} lmy47d 0 -1 "" ''
""") | {""}
OPERATORS = _words("$set $setOnce $add $append $prepend $unset $preInsert $postInsert $remove $clearAll")
RESERVED_TYPES = frozenset(
    (
        "[Amplitude] Start Session",
        "[Amplitude] End Session",
        "[Amplitude] Revenue",
        "[Amplitude] Revenue (Verified)",
        "[Amplitude] Revenue (Unverified)",
        "[Amplitude] Merged User",
    )
)
PLAN = _words("branch source version versionId")
INGESTION = _words("source_name source_version")


@dataclass(frozen=True)
class Faults:
    """Fields that are wrong, and the indexes of the events in which they are."""

    missing: dict[str, list[int]] = field(default_factory=dict)
    invalid: dict[str, list[int]] = field(default_factory=dict)
    short: dict[str, list[int]] = field(default_factory=dict)


def find_faults(events: Sequence[Json], *, now: int, min_id_length: int) -> Faults:
    """All that is wrong in some events, which arrived at a time in ms."""
    faults, checks = Faults(), _checks(now)
    for index, event in enumerate(events):
        for name in _missing(event):
            faults.missing.setdefault(name, []).append(index)
        for name in _invalid(event, checks):
            faults.invalid.setdefault(name, []).append(index)
        for name in ("user_id", "device_id"):
            # Documented is that a short id is left out of its event. What was seen is that the request is refused, also
            # when the other id is long enough.
            value = event.get(name)
            if type(value) is str and len(value) < min_id_length:
                faults.short.setdefault(name, []).append(index)
    return faults


def kept(event: Json, *, now: int, remote: str) -> Json:
    """Make of an event that is in order, and came from an address, what is kept of it.

    Its device_id stays away where it was not sent (Amplitude takes a hash of the user_id, which it does not describe),
    and its language stays a tag (Amplitude writes out its name).
    """
    _cut(event)
    event.setdefault("time", now)
    if "groups" in event:
        event["groups"] = _first_groups(event["groups"])
    if event.get("ip") == "$remote":
        event["ip"] = remote
    if "price" in event and "quantity" in event and "revenue" in event:
        event["revenue"] = event["price"] * event["quantity"]
    return event


def _missing(event: Json) -> Iterator[str]:
    if event.get("event_type") is None:
        yield "event_type"
    if event.get("user_id") is None and event.get("device_id") is None:
        yield "user_id"  # unconfirmed: which of the two Amplitude names


def _invalid(event: Json, checks: Mapping[str, Check]) -> Iterator[str]:
    for name, value in event.items():
        # Unconfirmed: Amplitude may well ignore names that it does not know, and null. A worker has no reason to send
        # either, and here a misspelt name is seen.
        check = checks.get(name)
        if (check is None or not check(value)) and name not in _missing(event):
            yield name
    for name, special in (("user_properties", "$identify"), ("group_properties", "$groupidentify")):
        properties = event.get(name)
        if type(properties) is dict and not _operators_fit(properties, name, event.get("event_type") == special):
            yield name


def _checks(now: int) -> Mapping[str, Check]:
    """What each field must be for an event that arrives at a time in ms."""
    plausible = partial(_is_time, latest=now + SKEW)
    return {
        **dict.fromkeys(TEXTS, _is_text),
        "user_id": _is_id,
        "device_id": lambda value: _is_id(value) and value.strip("0-") != "",  # of zeros alone it is dropped
        "event_type": lambda value: type(value) is str and value != "" and value not in RESERVED_TYPES,
        # Unconfirmed: what becomes of a time before 1970 or in the future. No age is too old.
        "time": plausible,
        "session_id": lambda value: (type(value) is int and value == -1) or plausible(value),
        "event_properties": _is_properties,
        "user_properties": _is_properties,
        "group_properties": _is_properties,
        "groups": _is_groups,
        "$skip_user_properties_sync": lambda value: type(value) is bool,
        "price": _is_number,
        "revenue": _is_number,
        "location_lat": _is_number,
        "location_lng": _is_number,
        "quantity": _is_long,
        "event_id": _is_long,
        "currency": lambda value: type(value) is str and len(value) == 3 and value.isascii() and value.isupper(),
        "insert_id": lambda value: type(value) is str and value != "",
        "plan": partial(_is_texts, names=PLAN),
        "ingestion_metadata": partial(_is_texts, names=INGESTION),
    }


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_id(value: Any) -> bool:
    # Seen: `Anonymous` is refused, so upper and lower case are one. Unconfirmed: that a forbidden id is reported among
    # the invalid fields.
    return type(value) is str and value.strip().lower() not in FORBIDDEN_IDS


def _is_time(value: Any, latest: int) -> bool:
    return type(value) is int and OLDEST <= value <= latest


def _is_long(value: Any) -> bool:
    return type(value) is int and -(1 << 63) <= value < 1 << 63


def _is_number(value: Any) -> bool:
    # JSON has one kind of number: 5 is a float as well. The SDK for Python alone refuses that.
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_texts(value: Any, names: frozenset[str]) -> bool:
    return type(value) is dict and value.keys() <= names and all(type(text) is str for text in value.values())


def _is_properties(value: Any) -> bool:
    return type(value) is dict and not _is_deeper(value, DEEPEST)


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether a value has more levels of objects and arrays. Unconfirmed: that arrays count, and the outermost."""
    if levels == 0:
        return True
    inner: Iterable[Any] = value.values() if type(value) is dict else value
    return any(type(each) in {dict, list} and _is_deeper(each, levels - 1) for each in inner)


def _is_groups(value: Any) -> bool:
    return type(value) is dict and all(
        type(group) is str or (type(group) is list and all(type(name) is str for name in group))
        for group in value.values()
    )


def _operators_fit(properties: Json, name: str, special: bool) -> bool:
    operators = properties.keys() & OPERATORS
    if not special:
        return not operators and name != "group_properties"
    if operators and operators != properties.keys():
        return False
    if properties.get("$clearAll", "-") != "-":
        return False
    objects = [properties[operator] for operator in operators - {"$clearAll"}]
    removed = properties.get("$unset", {})
    return all(type(each) is dict for each in objects) and all(value == "-" for value in removed.values())


def _cut(value: Any) -> None:
    """Cut each text in an object or list to what is kept."""
    for name, each in value.items() if type(value) is dict else enumerate(value):
        if type(each) is str:
            if len(each) > LONGEST:
                value[name] = each[:LONGEST]
        elif type(each) is dict or type(each) is list:
            _cut(each)


def _first_groups(groups: Json) -> Json:
    """The groups that are not ignored: of a few types, with a few values together."""
    left, first = GROUP_VALUES, {}
    for name, group in list(groups.items())[:GROUP_TYPES]:
        values = [group] if type(group) is str else group[:left]
        if left > 0:
            first[name] = group if type(group) is str else values
        left -= len(values)
    return first
