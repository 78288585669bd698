"""Other people's formats, read into events.

In: one decoded JSON object in any dialect. Out: a draft, and from it an accepted event. Called by the front door and by
whatever takes messages from a broker.
"""

from typing import Any

from eventsink.catalogue import check_values
from eventsink.dialects import browser, cloudevents, clowder, clowder_1_15_0, health, mongoexport, shorthand
from eventsink.errors import InvalidEvent, json_kind
from eventsink.event import Draft

__all__ = ["read"]

# In this order: the first that recognises an object reads it.
_DIALECTS = (cloudevents, health, clowder, browser, clowder_1_15_0, shorthand)


def read(item: Any) -> Draft:
    """Read one decoded JSON value in whatever dialect it is.

    Raises:
        InvalidEvent: no dialect recognises it, the one that does finds it broken, or it holds what no destination can.
    """
    if not isinstance(item, dict):
        raise InvalidEvent("An event is a JSON object.", expected="object", got=json_kind(item))
    check_values(item, "", 0)  # so that data may be as deep as where it is checked alone
    if mongoexport.recognises(item):
        message, stored = mongoexport.original(item)
        imported = read(message)
        imported.time = imported.time or stored
        return imported
    for dialect in _DIALECTS:
        if dialect.recognises(item):
            draft: Draft = dialect.read(item)
            return draft
    raise InvalidEvent(
        "No known form of event: give at least 'type' and 'data'.",
        pointer="",
        expected="an object with 'type' and 'data', a CloudEvent, or a Clowder message",
        got="an object with " + (", ".join(repr(str(name)[:30]) for name in list(item)[:6]) or "nothing"),
    )
