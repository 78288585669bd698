"""What travels: a message on its way to the broker, and one that came from it."""

from typing import Any

import msgspec

__all__ = ["Delivery", "Message"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to publish. What is None is not set: other programs tell absent properties from empty ones.

    Args:
        persistent: the broker keeps it over its own restart.
        mandatory: the broker returns it when no queue takes it.
        message_id: tells a message from its repetition; a returned message is known by it.
    """

    body: bytes
    exchange: str = ""
    routing_key: str = ""
    persistent: bool = True
    mandatory: bool = True
    content_type: str | None = None
    content_encoding: str | None = None
    message_id: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    app_id: str | None = None
    headers: dict[str, Any] | None = None


class Delivery:
    """A message from a queue, not acknowledged yet.

    Args:
        tag: its number on the channel; acknowledging means all up to it.
        properties: those of AMQP, by their names there (`content_type`, `headers`, …); None where not set.
    """

    __slots__ = ("body", "exchange", "properties", "redelivered", "routing_key", "tag")

    def __init__(self, frame: Any, properties: Any, body: bytes) -> None:
        self.tag: int = frame.delivery_tag
        self.redelivered: bool = frame.redelivered
        self.exchange: str = frame.exchange
        self.routing_key: str = frame.routing_key
        self.properties = properties
        self.body = body
