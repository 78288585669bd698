"""The AsyncAPI 3 document: what programs in any language publish into RabbitMQ, and what they can read there.

In: the settings, and the types that each destination wants. Out: the document, which the catalogue, the plan of what is
declared and the packing of events describe; nothing is asked. Served beside the OpenAPI document, and printed by
`eventsink asyncapi`. It needs RabbitMQ's client, so `asyncapi` imports it when somebody
asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import eventsink
from eventsink.amqp import Binding, Exchange, Message, Queue
from eventsink.amqp.address import PORTS
from eventsink.catalogue import CATALOGUE
from eventsink.collect.asyncapi_messages import BINDING, CUSTOM, components, names
from eventsink.exchange.rabbitmq.accounts import DEAD
from eventsink.exchange.rabbitmq.plan import bindings, fanout, queue_of, quorum, topic
from eventsink.settings import Settings

__all__ = ["describe"]

VERSION = "3.1.0"  # of AsyncAPI

_SENT = Message(body=b"")  # with what holds for all messages
_TYPE = {"type": {"description": "The type of the events in it, as `storage.file_uploaded`."}}
_DIALECTS = (
    "Workers read more than this document says, in any charset, also compressed: CloudEvents in binary mode, the"
    " messages of all versions of Clowder, which carry no properties, the short form of the HTTP API, lines of JSON."
    " docs/rabbitmq.md and docs/clowder-2.md describe them. What is no event becomes a dead letter of each worker, with"
    " the reason: `eventsink dead list`."
)
_EMBEDDED = (
    "\n\nThis event sink has the embedded exchange now: there is nothing of this before `exchange.url` names another."
)


def describe(settings: Settings, destinations: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The whole document.

    Args:
        destinations: the types that each wants, by its name, all if empty.
    """
    name = settings.exchange.name
    channels = {"events": _exchange_channel(fanout(name), names(), _ABOUT_EVENTS)}
    operations = {"publishEvents": _publish(single=settings.exchange.format == "single"), "takeEvents": _take("events")}
    if any(destinations.values()):
        asked = sorted({kind for types in destinations.values() for kind in types})
        bound = [Binding(name, topic(name).name, to_exchange=True)]
        channels["types"] = _exchange_channel(topic(name), names(asked), _ABOUT_TYPES, bound)
    for worker, types in destinations.items():
        key, queue = f"queue.{worker}", queue_of(worker)
        bound = [binding for binding in bindings(name, worker, types) if binding.destination == queue.name]
        channels[key] = _queue_channel(queue, names(types), _about_queue(worker, types), bound)
        operations[f"deliver.{worker}"] = _take(key, f"Deliver to {worker}")
    channels["dead"] = _queue_channel(quorum(DEAD), names(), _ABOUT_DEAD, [Binding(DEAD, DEAD)])
    channels["dead.exchange"] = _exchange_channel(
        fanout(DEAD), names(), "Brings what RabbitMQ gives up into its queue."
    )
    operations["readGivenUp"] = _take("dead", "Make dead letters of what RabbitMQ gives up")
    return {
        "asyncapi": VERSION,
        "info": _info(settings),
        "defaultContentType": "application/cloudevents+json",
        "servers": {scheme: _server(scheme, port) for scheme, port in PORTS.items()},
        "channels": channels,
        "operations": operations,
        "components": {"securitySchemes": {"password": {"type": "userPassword"}}, **components()},
    }


def _info(settings: Settings) -> dict[str, Any]:
    now = "" if settings.exchange.on_rabbitmq else _EMBEDDED
    return {
        "title": "Clowder event sink: the exchange",
        "version": eventsink.__version__,
        "description": "Events go into a fanout exchange of RabbitMQ, a copy of each into the queue of every worker."
        " Publish persistent messages with the flag mandatory and with confirms: only a confirmed message is in every"
        f" queue. Over HTTP the same events are taken as /openapi.json says.\n\n{_DIALECTS}{now}",
        "tags": [{"name": tag} for tag in dict.fromkeys([*(kind.partition(".")[0] for kind in CATALOGUE), CUSTOM])],
    }


def _server(scheme: str, port: int) -> dict[str, Any]:
    return {
        "host": "{host}:{port}",
        "pathname": "/{vhost}",
        "protocol": scheme,
        "protocolVersion": "0-9-1",
        "description": "RabbitMQ. Ask who runs it for the place and for an account that may write to the exchange; what"
        " the event sink itself uses is not told here.",
        "variables": {
            "host": {"description": "A node of RabbitMQ.", "examples": ["rabbitmq.example.org"]},
            "port": {"description": "Its port.", "default": str(port)},
            "vhost": {
                "description": "The virtual host, percent-encoded; `%2F` is `/`.",
                "examples": ["clowder", "%2F"],
            },
        },
        "security": [{"$ref": "#/components/securitySchemes/password"}],
    }


# --- channels --------------------------------------------------------------------------------------------------------

_ABOUT_EVENTS = (
    "The exchange into which everybody publishes. Declare it like this, or passively: RabbitMQ refuses who declares it"
    " otherwise. The routing key is the type of the events in a message."
)
_ABOUT_TYPES = "An exchange behind the first, for workers that want some types only. Nobody publishes here."
_ABOUT_DEAD = (
    "What RabbitMQ itself gives up, as after too many deliveries. `eventsink serve` makes dead letters of it, which"
    " `eventsink dead` shows. It is no place to read from: whoever takes a message here takes it from them."
)


def _about_queue(worker: str, types: Sequence[str]) -> str:
    wanted = (
        f" It wants {', '.join(types)}, and gets messages without a type in their routing key as well." if types else ""
    )
    return (
        f"What waits for the worker {worker}. Whoever else consumes it takes events away from it: another program"
        f" binds a queue of its own.{wanted} What is put back for it alone, as by `eventsink replay`, has the name of"
        " the queue as its routing key."
    )


def _exchange_channel(
    exchange: Exchange, messages: Iterable[str], about: str, bound: Sequence[Binding] = ()
) -> dict[str, Any]:
    declared = {
        "name": exchange.name,
        "type": exchange.kind,
        "durable": exchange.durable,
        "autoDelete": exchange.auto_delete,
    }
    return {
        "title": f"Exchange {exchange.name}",
        "address": "{type}",
        "parameters": _TYPE,
        **_channel(messages, about),
        "bindings": _amqp({"is": "routingKey", "exchange": declared}, exchange.arguments, bound),
    }


def _queue_channel(queue: Queue, messages: Iterable[str], about: str, bound: Sequence[Binding]) -> dict[str, Any]:
    declared = {
        "name": queue.name,
        "durable": queue.durable,
        "exclusive": queue.exclusive,
        "autoDelete": queue.auto_delete,
    }
    return {
        "title": f"Queue {queue.name}",
        "address": queue.name,
        **_channel(messages, about),
        "bindings": _amqp({"is": "queue", "queue": declared}, queue.arguments, bound),
    }


def _channel(messages: Iterable[str], about: str) -> dict[str, Any]:
    found = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {"description": about, "messages": found}


def _amqp(declared: Mapping[str, Any], arguments: Mapping[str, Any], bound: Sequence[Binding]) -> dict[str, Any]:
    """A binding, with what AsyncAPI's has no name for: the arguments, and from where messages come."""
    to = [{"source": binding.source, "routingKey": binding.routing_key} for binding in bound]
    more = {"x-arguments": dict(arguments), "x-bindings": to}
    return {"amqp": {**declared, "bindingVersion": BINDING, **more}}


# --- operations ------------------------------------------------------------------------------------------------------


def _publish(*, single: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": "send",
        "channel": {"$ref": "#/channels/events"},
        "title": "Publish events",
        "summary": "Front doors publish what they accepted; other programs publish in the same way.",
        "description": "Wait for RabbitMQ's confirm. What comes back because of the flag mandatory reached no queue:"
        " publish it again later." + (" Here each event travels alone (`exchange.format`)." if single else ""),
        "bindings": _how({"deliveryMode": _SENT.delivery_mode, "mandatory": _SENT.mandatory}),
    }
    if single:
        operation["messages"] = [{"$ref": f"#/channels/events/messages/{name}"} for name in names(alone=True)]
    return operation


def _take(channel: str, title: str = "Take events of other programs") -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{_escape(channel)}"},
        "title": title,
        "summary": "A message is acknowledged when what it holds is delivered, or kept as a dead letter.",
        "bindings": _how({"ack": True}),
    }


def _escape(name: str) -> str:
    """A name as a part of a JSON pointer in a fragment (RFC 6901, sections 3 and 6)."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")


def _how(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"amqp": {**given, "bindingVersion": BINDING}}
