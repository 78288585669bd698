"""What Google Analytics 4 takes of a request to its Measurement Protocol: everything that is wrong with one.

Source: sections 4 and 5 of the contract, which was written from Google's documentation and from what others saw. Where
that leaves a question open the stricter answer stands here, and a comment says so. What a fault says is Google's own
text where that is known (from `NAME_INVALID` to the time that is wrong), and ours for all others.
"""

import ipaddress
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

__all__ = ["MOST_BYTES", "Fault", "Json", "Unreadable", "find_faults", "micros", "oldest", "read"]

Json = dict[str, Any]
Loses = Literal["request", "event", "param", "user_property", "nothing"]

MOST_BYTES = 129_999  # documented is "smaller than 130 kB"; unconfirmed: which kB, so the smaller
LONG_PAGES = {"page_title": 300, "page_referrer": 420, "page_location": 1000}  # characters, in the place of 100
MOST = 25  # events, params of each, user properties
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
PAST, AHEAD = timedelta(hours=72), timedelta(minutes=15)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Top level and the objects in it. `app_instance_id` is of apps, and this is a web stream.
KNOWN = {
    "": _words("""
        client_id user_id timestamp_micros user_properties user_data consent non_personalized_ads user_location
        ip_override device user_agent validation_behavior events
    """),
    "events": _words("name params timestamp_micros"),
    "user_properties": _words("value timestamp_micros"),
    "consent": _words("ad_user_data ad_personalization"),
    "user_location": _words("city region_id country_id subcontinent_id continent_id"),
    "device": _words("""
        category language screen_resolution operating_system operating_system_version model brand browser
        browser_version
    """),
}
RESERVED_EVENTS = _words("""
    ad_activeview ad_click ad_exposure ad_query ad_reward adunit_exposure app_clear_data app_exception app_install
    app_remove app_store_refund app_update app_upgrade dynamic_link_app_open dynamic_link_app_update
    dynamic_link_first_open error firebase_campaign firebase_in_app_message_action firebase_in_app_message_dismiss
    firebase_in_app_message_impression first_open first_visit notification_dismiss notification_foreground
    notification_open notification_receive notification_send os_update session_start user_engagement
""")
APP_EVENTS = _words("""
    ad_impression in_app_purchase screen_view app_store_subscription_cancel app_store_subscription_convert
    app_store_subscription_renew
""")
RESERVED_PARAMS = _words("firebase_conversion")
RESERVED_USER_PROPERTIES = _words("""
    first_open_time first_visit_time last_deep_link_referrer user_id first_open_after_install
""")
PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag.")
USER_PREFIXES = ("_", "firebase_", "ga_", "google_")
# Lists, as what is sought in them may be one, too, which has no hash.
BEHAVIOURS = ["RELAXED", "ENFORCE_RECOMMENDATIONS"]
CONSENTS = ["GRANTED", "DENIED"]
CATEGORIES = ["desktop", "tablet", "mobile", "smart TV"]
DUMMY_USERS = _words("anonymous unknown undefined null none nil n/a 0 -1 000000000000000000000000")
SECRET_KEYS = _words("key token api_key apikey access_token password passwd secret api_secret auth signature sig")
EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
FORMS = {  # of texts: what else may not stand there
    "client_id": re.compile(r"[1-9]\d*\.[1-9]\d*|GA\d\.\d\.\d+\.\d+"),
    "country_id": re.compile(r"[A-Z]{2}"),
    "region_id": re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}"),
    "subcontinent_id": re.compile(r"\d{3}"),
    "continent_id": re.compile(r"\d{3}"),
    "language": re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"),
    "screen_resolution": re.compile(r"[1-9]\d*x[1-9]\d*"),
    "session_id": re.compile(r"[1-9]\d*"),
}


@dataclass(frozen=True)
class Fault:
    """Something wrong, and what is lost by it.

    Args:
        loses: "nothing" is what changes the meaning, or should not have been sent: time that is moved, personal data.
        event: index of the event in which it is.
        name: of the param or user property.
        relaxed: whether the validator speaks of it also without ENFORCE_RECOMMENDATIONS.
    """

    code: str
    text: str
    path: str = ""
    loses: Loses = "request"
    event: int | None = None
    name: str = ""
    relaxed: bool = True


class Unreadable(Exception):
    """There is no making sense of a body."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


def micros(time: datetime) -> int:
    """Microseconds since 1970."""
    return round(time.timestamp() * 1_000_000)


def oldest(now: datetime) -> int:
    """To which time in microseconds all that is older is moved."""
    return micros(now - PAST)


def read(body: bytes) -> Json:
    """What a body says, with its names in snake case: Google takes camelCase as well.

    Raises:
        Unreadable: it is no JSON, no object, or has a name twice.
    """
    try:
        content = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _unparsable(str(error)) from error
    if type(content) is not dict:
        raise _unparsable("It is no object.")
    content = _snake(content, "")
    for place in ("consent", "user_location", "device"):
        if type(content.get(place)) is dict:
            content[place] = _snake(content[place], place)
    if type(content.get("events")) is list:
        content["events"] = [_snake(each, "events") if type(each) is dict else each for each in content["events"]]
    if type(content.get("user_properties")) is dict:
        properties = content["user_properties"].items()
        content["user_properties"] = {
            name: _snake(each, "user_properties") if type(each) is dict else each for name, each in properties
        }
    return content


def find_faults(content: Json, *, now: datetime, long_pages: bool) -> Iterator[Fault]:
    """All that is wrong with a request that arrived now.

    Unconfirmed: whether a name that is wrong, reserved or too long loses its event or the request. Here the request:
    who sends one among others loses the others.

    Args:
        long_pages: params of pages may be longer than others. It is documented for tags, and not confirmed for this.
    """
    yield from _unknown_names(content)
    yield from _request_faults(content, now)
    events = content.get("events")
    if type(events) is not list or not events:
        yield Fault("VALUE_REQUIRED", "Measurement requires at least one event.", "events")
        return
    if len(events) > MOST:
        yield Fault("EXCEEDED_MAX_ENTITIES", f"Measurement has {len(events)} events, more than {MOST}.", "events")
    for index, event in enumerate(events):
        yield from _event_faults(index, event, now, long_pages)


# --- names -----------------------------------------------------------------------------------------------------------


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(Fault("NAME_DUPLICATED", f"The name [{twice}] is there more than once."))
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _unparsable(why: str, name: str = "") -> Unreadable:
    text = f"Unable to parse Measurement Protocol JSON payload. {name}{why}"
    return Unreadable(Fault("VALUE_INVALID", text))


def _snake(found: Json, place: str) -> Json:
    camel = {re.sub(r"_(\w)", lambda match: match[1].upper(), name): name for name in KNOWN[place]}
    return _unique([(camel.get(name, name), value) for name, value in found.items()])


def _unknown_names(content: Json) -> Iterator[Fault]:
    places: list[tuple[str, str, Any]] = [("", "", content)]
    places += [(place, place, content.get(place)) for place in ("consent", "user_location", "device")]
    events, properties = content.get("events"), content.get("user_properties")
    places += [("events", f"events[{at}]", each) for at, each in enumerate(events if type(events) is list else [])]
    places += [
        ("user_properties", f"user_properties[{name}]", each)
        for name, each in (properties.items() if type(properties) is dict else [])
    ]
    for place, path, found in places:
        for name in found if type(found) is dict else ():
            if name not in KNOWN[place]:
                yield _unparsable(f"{name}: Cannot find field.", f"({path}) " if path else "").fault


def _name_faults(name: str, most: int) -> Iterator[tuple[str, str]]:
    if not name[:1].isascii() or not name[:1].isalpha():
        yield "NAME_INVALID", "Names must start with an alphabetic character."
    elif NAME.fullmatch(name) is None:
        yield "NAME_INVALID", "Names may contain alphanumeric characters and underscores only."
    elif len(name) > most:
        yield "NAME_INVALID", f"Names must not be longer than {most} characters."


# --- what goes for all events of a request ---------------------------------------------------------------------------


def _request_faults(content: Json, now: datetime) -> Iterator[Fault]:
    yield from _client_faults(content)
    yield from _time_faults(content, now, "timestamp_micros", loses="request")
    yield from _consent_faults(content)
    yield from _place_faults(content)
    yield from _device_faults(content)
    yield from _user_property_faults(content, now)
    if content.get("validation_behavior", "RELAXED") not in BEHAVIOURS:
        yield _invalid("validation_behavior", content["validation_behavior"])
    if "user_data" in content:
        yield Fault("HOUSE", "user_data holds what is derived from an address or a name.", "user_data", "nothing")


def _client_faults(content: Json) -> Iterator[Fault]:
    client = content.get("client_id")
    if client is None or client == "":
        yield Fault("VALUE_REQUIRED", "Measurement requires a client_id.", "client_id")
    elif type(client) is not str:
        yield _invalid("client_id", client)
    elif FORMS["client_id"].fullmatch(client) is None:
        # Seen: the validator takes it without ENFORCE_RECOMMENDATIONS. Unconfirmed: whether it is somebody in reports.
        text = f"client_id [{client}] has invalid format. It should be in <number>.<number> format."
        yield Fault("VALUE_INVALID", text, "client_id", relaxed=False)
    user = content.get("user_id", "-")
    if type(user) is not str or not user.strip():
        yield _invalid("user_id", user)
    elif len(user) > 256:
        yield Fault("VALUE_OUT_OF_BOUNDS", "user_id is longer than 256 characters.", "user_id")
    elif "user_id" in content and user.strip().lower() in DUMMY_USERS:
        yield Fault("HOUSE", f"user_id [{user}] makes many persons one.", "user_id", "nothing")
    if "user_id" in content and type(user) is str:
        yield from _private(user, Fault("HOUSE", "", "user_id", "nothing"))


def _consent_faults(content: Json) -> Iterator[Fault]:
    consent = content.get("consent", {})
    if type(consent) is not dict:
        yield _invalid("consent", consent)
    else:
        for name in KNOWN["consent"] & consent.keys():
            if consent[name] not in ("GRANTED", "DENIED"):
                yield _invalid(f"consent.{name}", consent[name])
    if type(content.get("non_personalized_ads", False)) is not bool:
        yield _invalid("non_personalized_ads", content["non_personalized_ads"])


def _place_faults(content: Json) -> Iterator[Fault]:
    place = content.get("user_location", {})
    yield from _text_faults("user_location", place)
    if type(place) is dict and type(place.get("region_id")) is str:
        region, country = place["region_id"], place.get("country_id")
        if country is not None and region.partition("-")[0] != country:
            yield _invalid("user_location.region_id", region)
    if "ip_override" in content:
        try:
            ipaddress.ip_address(content["ip_override"] if type(content["ip_override"]) is str else "")
        except ValueError:
            yield _invalid("ip_override", content["ip_override"])


def _device_faults(content: Json) -> Iterator[Fault]:
    device = content.get("device", {})
    yield from _text_faults("device", device)
    if type(device) is dict and device.get("category", "desktop") not in CATEGORIES:
        yield _invalid("device.category", device["category"])
    if type(content.get("user_agent", "")) is not str:
        yield _invalid("user_agent", content["user_agent"])


def _text_faults(place: str, found: Any) -> Iterator[Fault]:
    """What is wrong in an object of texts."""
    if type(found) is not dict:
        yield _invalid(place, found)
        return
    for name in sorted(KNOWN[place] & found.keys()):
        value = found[name]
        form = FORMS.get(name)
        if type(value) is not str or not value or (form is not None and form.fullmatch(value) is None):
            yield _invalid(f"{place}.{name}", value)


def _user_property_faults(content: Json, now: datetime) -> Iterator[Fault]:
    properties = content.get("user_properties", {})
    if type(properties) is not dict:
        yield _invalid("user_properties", properties)
        return
    for index, (name, found) in enumerate(properties.items()):
        path = f"user_properties.{name}"
        lost = Fault("", "", path, "user_property", name=name)
        if type(found) is not dict or not _is_value("", found.get("value")):
            yield _invalid(path, found)
            continue
        if index >= MOST:
            yield _because(lost, "EXCEEDED_MAX_ENTITIES", f"Measurement has more than {MOST} user properties.")
        for code, text in _name_faults(name, 24):
            yield _because(lost, code, f"User property has invalid name [{name}]. {text}")
        if name in RESERVED_USER_PROPERTIES or name.startswith(USER_PREFIXES):
            yield _because(lost, "NAME_RESERVED", f"User property has name [{name}] which is reserved.")
        if found["value"] == "":
            yield _because(lost, "VALUE_REQUIRED", f"User property [{name}] has no value.")
        if len(str(found["value"])) > 36:
            yield _because(lost, "VALUE_OUT_OF_BOUNDS", f"User property [{name}] is longer than 36 characters.")
        yield from _time_faults(found, now, path, loses="user_property", name=name)
        yield from _private(found["value"], lost)


# --- events ----------------------------------------------------------------------------------------------------------


def _event_faults(index: int, event: Any, now: datetime, long_pages: bool) -> Iterator[Fault]:
    path = f"events[{index}]"
    if type(event) is not dict:
        yield _invalid(path, event, event=index)
        return
    name, params = event.get("name"), event.get("params", {})
    if type(name) is not str or not name:
        yield Fault("VALUE_REQUIRED", f"Event at index: [{index}] requires a name.", "events", event=index)
    else:
        for code, why in _name_faults(name, 40):
            text = f"Event at index: [{index}] has invalid name [{name}]. {why}"
            yield Fault(code, text, "events", event=index)
        # App events, and prefixes of event names, are reserved for web streams by what others know alone.
        if name in RESERVED_EVENTS | APP_EVENTS or name.startswith(PREFIXES):
            text = f"Event at index: [{index}] has name [{name}] which is reserved."
            yield Fault("NAME_RESERVED", text, "events", event=index)
    yield from _time_faults(event, now, f"{path}.timestamp_micros", loses="event", event=index)
    if type(params) is not dict:
        yield _invalid(f"{path}.params", params, event=index)
        return
    for number, (param, value) in enumerate(params.items()):
        lost = Fault("", "", f"{path}.params.{param}", "param", index, param)
        if number >= MOST:
            yield _because(lost, "EXCEEDED_MAX_ENTITIES", f"Event at index: [{index}] has more than {MOST} params.")
        yield from _param_faults(param, value, lost, long_pages)
    yield from _sense_faults(index, params)


def _param_faults(name: str, value: Any, lost: Fault, long_pages: bool) -> Iterator[Fault]:
    for code, text in _name_faults(name, 40):
        yield _because(lost, code, f"Event at index: [{lost.event}] has param with invalid name [{name}]. {text}")
    if name in RESERVED_PARAMS or name.startswith(PREFIXES):
        text = f"Event at index: [{lost.event}] has param [{name}] which is reserved."
        yield _because(lost, "NAME_RESERVED", text)
    if not _is_value(name, value):
        # Unconfirmed: whether true, null, objects and lists are taken, and what is lost if not. Here the request, as
        # for all that its reader does not know.
        yield _invalid(lost.path, value, event=lost.event)
        return
    if value == "":
        yield _because(lost, "VALUE_REQUIRED", f"Param [{name}] has no value.")
    most = LONG_PAGES.get(name, 100) if long_pages else 100
    if type(value) is str and len(value) > most:
        yield _because(lost, "VALUE_OUT_OF_BOUNDS", f"Param [{name}] is longer than {most} characters.")
    if name == "session_id" and (type(value) is float or FORMS[name].fullmatch(str(value)) is None):
        yield _because(lost, "VALUE_INVALID", f"session_id [{value}] is no positive number.")
    if name == "engagement_time_msec" and not _is_positive(value):
        yield _because(lost, "VALUE_INVALID", f"engagement_time_msec [{value}] is no positive number.")
    yield from _private(value, lost)


def _sense_faults(index: int, params: Json) -> Iterator[Fault]:
    """What makes an event mean something else than was meant."""
    path = f"events[{index}].params"
    if not {"session_id", "engagement_time_msec"} <= params.keys():
        # Seen: it stays among users of the last minutes and never comes to the reports.
        text = "Without session_id and engagement_time_msec it counts for no user."
        yield Fault("HOUSE", text, path, "nothing", index)
    if ("value" in params) != ("currency" in params):
        yield Fault("HOUSE", "value is money, and needs a currency; and the other way round.", path, "nothing", index)


def _is_value(name: str, value: Any) -> bool:
    if name == "items":
        return (
            type(value) is list
            and len(value) <= 200
            and all(type(each) is dict and all(_is_value("", inner) for inner in each.values()) for each in value)
        )
    if type(value) is float:
        return math.isfinite(value)
    return type(value) in {str, int} or (name == "debug_mode" and type(value) is bool)


def _is_positive(value: Any) -> bool:
    if type(value) is str:
        return value.isascii() and value.isdigit() and value.strip("0") != ""
    return type(value) in {int, float} and value > 0


# --- what goes for several -------------------------------------------------------------------------------------------


def _time_faults(
    found: Json, now: datetime, path: str, *, loses: Loses, event: int | None = None, name: str = ""
) -> Iterator[Fault]:
    """What is wrong with `timestamp_micros`. In the params of an event it is a param like others (unconfirmed)."""
    if "timestamp_micros" not in found:
        return
    time = found["timestamp_micros"]
    if type(time) is not int:
        yield _invalid(path, time, event=event)
    elif time > micros(now + AHEAD):
        # It is for the past only. Unconfirmed: what becomes of others. The 15 minutes are Rudder's.
        text = f"Measurement timestamp_micros has timestamp [{time}] in the future."
        yield Fault("VALUE_INVALID", text, path, loses, event, name)
    elif time < oldest(now):
        text = f"Measurement timestamp_micros has timestamp [{time}] which is older than 72 hours and is moved."
        yield Fault("VALUE_INVALID", text, path, "nothing", event, name, relaxed=False)


def _private(value: Any, where: Fault) -> Iterator[Fault]:
    """What should have been sent to nobody: addresses of persons, keys in addresses of pages."""
    if type(value) is not str:
        return
    if EMAIL.search(value):
        yield Fault("HOUSE", "It holds an e-mail address.", where.path, "nothing", where.event, where.name)
    if "?" in value and any(key.lower() in SECRET_KEYS for key in _query_keys(value)):
        yield Fault("HOUSE", "It holds a key or password.", where.path, "nothing", where.event, where.name)


def _query_keys(address: str) -> Iterator[str]:
    try:
        query = urlsplit(address).query
    except ValueError:  # no address
        query = address.partition("?")[2]
    for key, _ in parse_qsl(query, keep_blank_values=True):
        yield key


def _invalid(path: str, value: Any, *, event: int | None = None) -> Fault:
    return Fault("VALUE_INVALID", f"{path} [{value}] is invalid.", path, event=event)


def _because(lost: Fault, code: str, text: str) -> Fault:
    return Fault(code, text, lost.path, lost.loses, lost.event, lost.name)
