"""What travels: a message on its way to the broker, and one that came from it."""

from typing import Any

import msgspec

__all__ = ["PROPERTIES", "Delivery", "Message"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to publish. What is None is not set: other programs tell absent properties from empty ones.

    The properties are those of AMQP 0-9-1, by their names there.

    Args:
        mandatory: the broker returns it when no queue takes it.
        delivery_mode: 2 for a message that the broker keeps over its own restart, 1 or None for one that it may lose.
        expiration: milliseconds as a decimal text.
        timestamp: seconds since 1970.
        user_id: must be the user of the connection, or the broker refuses it.
    """

    body: bytes
    exchange: str = ""
    routing_key: str = ""
    mandatory: bool = True
    content_type: str | None = None
    content_encoding: str | None = None
    headers: dict[str, Any] | None = None
    delivery_mode: int | None = 2
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    message_id: str | None = None
    timestamp: int | None = None
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None


PROPERTIES = tuple(
    name for name in Message.__struct_fields__ if name not in ("body", "exchange", "routing_key", "mandatory")
)


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

    def message(self, *, routing_key: str, exchange: str = "", **changes: Any) -> Message:
        """The same message to somewhere else, with every property that it had but those that are changed.

        `user_id` is left out: the broker takes it from nobody but that user.
        """
        properties = {name: getattr(self.properties, name) for name in PROPERTIES if name != "user_id"}
        return Message(body=self.body, exchange=exchange, routing_key=routing_key, **properties | changes)
