"""What Amplitude means by its answers. In: an answer. Out: which events are meant, and why. Pure.

Source: HTTP V2 API and Batch Event Upload API; where they are silent, what others saw (contract of the tests).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from eventsink.deliver.http import Answer, shorten
from eventsink.errors import NoAnswer, Refused, TryLater

__all__ = ["Named", "Throttle", "is_stored", "named", "not_let_in", "raise_for", "throttle"]

PATIENCE = 300.0  # seconds to wait, where a person has to change something
_FIELDS = ("events_with_missing_fields", "events_with_invalid_fields", "events_with_invalid_id_lengths")
_WORDS = {
    "events_with_missing_fields": "it lacks",
    "events_with_invalid_fields": "it has a wrong value in",
    "events_with_invalid_id_lengths": "it has a too short",
}
_SILENCED = (
    "Amplitude has silenced the device of this event, as it does with senders of too much: ask its support to lift"
    " that, then retry with `eventsink dead retry`."
)


class Named(msgspec.Struct, frozen=True):
    """Events that it will not take, by their place in the request, and why."""

    indexes: frozenset[int]
    reason: str


class Throttle(msgspec.Struct, frozen=True):
    """Who has sent too much: hashes of users and devices.

    Args:
        users: that have to wait for some seconds; `devices` likewise.
        users_for_long: that are over the quota of a day; `devices_for_long` likewise.
        indexes: places of events in the request that have to wait, whosesoever they are.
    """

    users: frozenset[str]
    devices: frozenset[str]
    users_for_long: frozenset[str]
    devices_for_long: frozenset[str]
    indexes: frozenset[int]


def is_stored(answer: Answer) -> bool:
    """Whether it says that it has the events: somebody in between may answer 200 with a page of his own.

    Raises:
        TryLater: it is not Amplitude that answers.
    """
    if not answer.ok:
        return False
    content = answer.json
    if isinstance(content, dict) and content.get("code") == 200:
        return True
    raise TryLater(
        f"What answers {answer.status} is not Amplitude, or something stands before it: check"
        " workers.amplitude.endpoint and what proxies there are.",
        after=PATIENCE,
    )


def named(answer: Answer, count: int) -> Named | None:
    """The events of a request that it names; None if it names none.

    Args:
        count: of the events of the request.
    """
    content = _content(answer)
    if answer.status != 400:
        return None
    for key in _FIELDS:
        found = content.get(key)
        for name, indexes in found.items() if isinstance(found, Mapping) else ():
            if meant := _indexes(indexes, count):
                return Named(meant, f"Amplitude does not take the event: {_WORDS[key]} {shorten(str(name))}")
    if meant := _indexes(content.get("silenced_events"), count):
        return Named(meant, _SILENCED)
    return None


def throttle(answer: Answer, count: int) -> Throttle | None:
    """Who has to wait; None if it names nobody."""
    content = _content(answer)
    if answer.status != 429:
        return None
    found = Throttle(
        _names(content.get("throttled_users")),
        _names(content.get("throttled_devices")),
        _names(content.get("exceeded_daily_quota_users")),
        _names(content.get("exceeded_daily_quota_devices")),
        _indexes(content.get("throttled_events"), count),
    )
    return found if any(getattr(found, name) for name in Throttle.__struct_fields__) else None


def raise_for(answer: Answer) -> None:
    """Raise what an answer means that names no event, as far as it is not the same as of any other server.

    Raises:
        TryLater: the key is wrong, or the address; nothing is lost by it.
        NoAnswer: it is no answer of Amplitude's; what it was given may be why.
        Refused: it takes something of the request not, and does not say what.
    """
    content = _content(answer)
    error = str(content.get("error", ""))
    is_key = error.startswith("Invalid API key") or content.get("missing_field") == "api_key"
    if answer.status == 401 or (answer.status == 400 and is_key):
        raise TryLater(
            "Amplitude does not know the API key that it is given. Mend workers.amplitude.api_key, and see that region"
            " or endpoint are those of its project.",
            after=PATIENCE,
        )
    if answer.status == 403:
        raise not_let_in()
    if answer.status in (404, 405) or error == "Invalid request path":
        raise TryLater(
            f"Amplitude answers {answer.status}: there is nothing at this address. Check workers.amplitude.endpoint.",
            after=PATIENCE,
        )
    if answer.status in (400, 406, 411, 414, 415, 422, 431):
        if not content:
            raise NoAnswer(f"Amplitude answers {answer.status} with something that is no answer of its own.")
        raise Refused(f"Amplitude answers {answer.status}: {shorten(error or 'it does not say why')}")


def not_let_in() -> TryLater:
    """What 403 means where nothing else is taken either."""
    return TryLater(
        "Amplitude answers 403: it does not let us in. Check workers.amplitude.api_key, region or endpoint, and"
        " whether it serves the country of this server.",
        after=PATIENCE,
    )


def _content(answer: Answer) -> Mapping[str, Any]:
    content = answer.json
    return content if isinstance(content, dict) else {}


def _indexes(found: Any, count: int) -> frozenset[int]:
    values: Iterable[Any] = found if isinstance(found, list) else ()
    return frozenset(index for index in values if type(index) is int and 0 <= index < count)


def _names(found: Any) -> frozenset[str]:
    return frozenset(found) if isinstance(found, Mapping) else frozenset()
