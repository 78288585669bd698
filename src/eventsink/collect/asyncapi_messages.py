"""The messages of the AsyncAPI document: for each event type an event alone and a batch, as they are really packed.

In: the catalogue, what an event is, and how the exchange on RabbitMQ packs events. Out: messages, and the schemas that
they name. Called by `asyncapi_document`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from eventsink.amqp import Message
from eventsink.amqp.message import PROPERTIES
from eventsink.catalogue import CATALOGUE, EventType, matches
from eventsink.dialects.admit import LONGEST, LONGEST_TYPE, TYPE
from eventsink.event import Event
from eventsink.exchange.rabbitmq.wire import BATCH, MOST_BYTES, MOST_EVENTS, SINGLE, pack

__all__ = ["BINDING", "CUSTOM", "components", "names"]

BINDING = "0.3.0"  # version of AsyncAPI's bindings for AMQP 0-9-1
CUSTOM = "custom"  # the message of all types that the catalogue does not have
BATCHED = ".batch"

_SCHEMA = "#/components/schemas/{name}"
_REQUIRED = ("specversion", "id", "source", "type")  # CloudEvents 1.0.2, required context attributes
_ABOUT: Mapping[str, Mapping[str, Any]] = {
    "specversion": {"description": "Version of CloudEvents."},
    "id": {
        "description": "What makes it this event among those of its source; a UUIDv7 is best. The same event sent"
        " twice has the same id, and is kept once.",
        "minLength": 1,
    },
    "source": {"description": "Where it happened, as the host name of a Clowder.", "minLength": 1},
    "type": {
        "description": "Component and event type, with a point between them. It is the routing key, too.",
        "pattern": f"^{TYPE.pattern}$",
        "maxLength": LONGEST_TYPE,
    },
    "time": {
        "description": "When it happened, RFC 3339. Give it: else it is the time at which a worker reads it.",
        "format": "date-time",
    },
    "received": {
        "description": "When an event sink accepted it. Who publishes leaves it out: it is stamped.",
        "format": "date-time",
        "readOnly": True,
    },
    "data": {"description": "What happened, by the rules of its type."},
    "subject": {"description": "What it is about, as `files/64b…`."},
    "user": {
        "description": "Id of the acting user; absent for anonymous ones and for the system itself. Who publishes may"
        " write an empty text, `anonymous` or 24 zeros in its place."
    },
    "dialect": {"description": "The form in which its sender wrote it, when it was not this one.", "readOnly": True},
}
_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
_CUSTOM = EventType("instrument.run_started", "", msgspec.Struct, frozenset(), {"instrument": "xrd-2", "samples": 12})


def components() -> dict[str, Any]:
    """What channels and operations name: messages, their schemas, and what all of them share."""
    data_types = list({entry.data: None for entry in CATALOGUE.values()})
    refs, schemas = msgspec.json.schema_components(data_types, ref_template=_SCHEMA)
    data = dict(zip(data_types, refs, strict=True))
    schemas |= {"Event": _event(), "Headers": _headers(), CUSTOM: _custom()}
    messages: dict[str, Any] = {}
    for entry in CATALOGUE.values():
        schemas[entry.name] = _typed(entry, data[entry.data], schemas)
        messages |= _messages(entry.name, entry, entry.summary)
    messages |= _messages(CUSTOM, _CUSTOM, "Any type that the catalogue does not have.")
    return {
        "messages": messages,
        "schemas": schemas,
        "messageBindings": {
            form: {"amqp": {"bindingVersion": BINDING, "x-properties": _properties(_packed(_CUSTOM, events))}}
            for form, events in (("alone", 1), ("batch", 2))
        },
        "correlationIds": {
            "event": {
                "description": "The id of the event; with its source it is unique.",
                "location": "$message.payload#/id",
            }
        },
    }


def names(types: Sequence[str] = (), *, alone: bool = False) -> list[str]:
    """The messages of those types, in the order of the catalogue.

    Args:
        types: as `storage.*`; all if empty.
        alone: without batches.
    """
    wanted = [name for name in CATALOGUE if matches(name, types)]
    if not types or any(pattern not in CATALOGUE for pattern in types):  # a pattern, or a type of somebody's own
        wanted.append(CUSTOM)
    return [name + form for name in wanted for form in (("",) if alone else ("", BATCHED))]


def _messages(name: str, entry: EventType, summary: str) -> dict[str, Any]:
    about = {
        "summary": summary,
        "tags": [{"name": entry.name.partition(".")[0] if name != CUSTOM else CUSTOM}],
        "headers": {"$ref": _SCHEMA.format(name="Headers")},
    }
    schema = {"$ref": _SCHEMA.format(name=name)}
    alone = {
        "name": name,
        "title": f"{name}, alone",
        **about,
        "contentType": SINGLE,
        "payload": schema,
        "correlationId": {"$ref": "#/components/correlationIds/event"},
        "bindings": {"$ref": "#/components/messageBindings/alone"},
        "examples": [_example(entry, 1)],
    }
    batch = {
        "name": name + BATCHED,
        "title": f"{name}, several",
        **about,
        "description": f"Events of one type. An event sink puts {MOST_EVENTS} into one message at most, and"
        f" {MOST_BYTES >> 10} KiB.",
        "contentType": BATCH,
        "payload": {"type": "array", "minItems": 1, "items": schema},
        "bindings": {"$ref": "#/components/messageBindings/batch"},
        "examples": [_example(entry, 2)],
    }
    return {name: alone, name + BATCHED: batch}


# --- schemas ---------------------------------------------------------------------------------------------------------


def _event() -> dict[str, Any]:
    """The attributes of an event, in the order in which they are written: those that `Event` has."""
    described = msgspec.json.schema(Event)["$defs"]["Event"]["properties"]
    attributes = {name: described[name] | _ABOUT[name] for name in _order(described)}
    for name, longest in LONGEST.items():
        attributes[name] = _bounded(attributes[name], longest)
    return {
        "title": "CloudEvent",
        "description": "What every event has: a CloudEvents 1.0 object in JSON. Other attributes are extensions of"
        " CloudEvents, and are kept.",
        "type": "object",
        "required": list(_REQUIRED),
        "properties": attributes,
    }


def _order(described: Mapping[str, Any]) -> Iterator[str]:
    yield "specversion"
    yield from (name for name in described if name not in ("specversion", "extensions"))  # which are written beside


def _bounded(schema: Mapping[str, Any], longest: int) -> dict[str, Any]:
    """The schema of a text with its longest form: also where there may be none."""
    if "anyOf" not in schema:
        return {**schema, "maxLength": longest}
    forms = [form | {"maxLength": longest} if form.get("type") == "string" else form for form in schema["anyOf"]]
    return {**schema, "anyOf": forms}


def _typed(entry: EventType, data: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    needs_data = schemas[data["$ref"].rpartition("/")[2]].get("required")
    return {
        "title": entry.name,
        "description": entry.summary,
        "allOf": [
            {"$ref": _SCHEMA.format(name="Event")},
            {
                "type": "object",
                "required": ["type", "data"] if needs_data else ["type"],
                "properties": {"type": {"const": entry.name}, "data": data},
            },
        ],
    }


def _custom() -> dict[str, Any]:
    return {
        "title": "An event of another type",
        "description": "Its data may be any object; it is stored and delivered like all others.",
        "allOf": [
            {"$ref": _SCHEMA.format(name="Event")},
            {"type": "object", "properties": {"type": {"not": {"enum": list(CATALOGUE)}}}},
        ],
    }


def _headers() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Who publishes sets none. RabbitMQ adds its own to what it delivers again or gives up.",
        "properties": {
            "x-delivery-count": {"type": "integer", "description": "How often it was delivered before."},
            "x-death": {
                "type": "array",
                "items": {"type": "object"},
                "description": "Why RabbitMQ gave it up, and where.",
            },
        },
    }


def _properties(message: Message) -> dict[str, Any]:
    """The properties of AMQP that our own messages have: those of one that was packed, no others."""
    about = {
        "content_type": {"const": message.content_type, "description": "All that another program must set."},
        "delivery_mode": {"const": message.delivery_mode, "description": "RabbitMQ keeps it over a restart."},
        "message_id": {
            "type": "string",
            "minLength": 1,
            "description": "The same when the same events are published again. Another program may give one in any"
            " form, the same when it publishes again; messages without one are told apart by their content.",
        },
        "app_id": {
            "const": message.app_id,
            "description": "Its events were checked and stamped. Another program gives its own name, or none.",
        },
    }
    given = [name for name in PROPERTIES if getattr(message, name) is not None]
    return {
        "type": "object",
        "description": "Properties of AMQP 0-9-1, as an event sink writes them.",
        "required": given,
        "properties": {name: about[name] for name in given},
        "additionalProperties": False,
    }


# --- examples --------------------------------------------------------------------------------------------------------


def _example(entry: EventType, events: int) -> dict[str, Any]:
    body = msgspec.json.decode(_packed(entry, events).body)
    return {"name": re.sub(r"\W", "_", entry.name), "summary": "As a worker gets it.", "payload": body}


def _packed(entry: EventType, events: int) -> Message:
    """A message with so many events, made in the way in which all are."""
    some = [
        Event(
            id=f"019ab3c5-0000-7000-8000-{number:012d}",
            source="clowder.example.org",
            type=entry.name,
            time=_NOON + timedelta(seconds=number),
            received=_NOON + timedelta(seconds=number, milliseconds=40),
            user="64a000000000000000000004",
            data=dict(entry.example),
        )
        for number in range(1, events + 1)
    ]
    ((message, _),) = pack(some, "")
    return message
