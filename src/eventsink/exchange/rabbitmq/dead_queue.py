"""What RabbitMQ itself gave up: messages that it dead-lettered by a policy, as a limit of deliveries or of length."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eventsink.amqp import Delivery
from eventsink.event import encode
from eventsink.exchange.rabbitmq.settlements import Letter, Record, Settlement
from eventsink.exchange.rabbitmq.wire import APP, OURS, key_of, unpack

__all__ = ["PREFIX", "as_record"]

PREFIX = "events."

_REASONS = {
    "delivery_limit": "RabbitMQ delivered it {count} times, and no worker settled it: it may be what ended its worker.",
    "rejected": "It was rejected by a program that consumed the queue.",
    "expired": "It waited longer than a policy of RabbitMQ allows.",
    "maxlen": "The queue was longer than a policy of RabbitMQ allows.",
}


def as_record(delivery: Delivery, source: str) -> Record:
    """The record of a message that the broker gave up: each event in it a dead letter of the queue that it was in.

    Args:
        source: of events that name none.
    """
    death = _last_death(delivery.properties.headers or {})
    reason, count = str(death.get("reason", "rejected")), _count(delivery)
    text = _REASONS[reason].format(count=count) if reason in _REASONS else f"RabbitMQ dead-lettered it: {reason}."
    parcel = unpack(delivery, source)
    now = datetime.now(UTC)
    letters = [Letter(text, count, now, now, None, OURS, encode(event)) for event in parcel.events]
    letters += [
        Letter(f"{text} {broken.reason}", count, now, now, None, broken.properties, broken.body)
        for broken in parcel.broken
    ]
    keys, alone = death.get("routing-keys"), not death.get("exchange")
    kind = str(keys[0]) if isinstance(keys, list) and keys else ""
    named, foreign = bool(delivery.properties.message_id), delivery.properties.app_id != APP
    surely = named or delivery.redelivered
    settlement = Settlement(key_of(delivery), kind, alone, len(letters), letters, surely, foreign, named)
    return Record(str(death.get("queue", "events.unknown")).removeprefix(PREFIX), None, [settlement])


def _last_death(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    deaths = headers.get("x-death")
    first = deaths[0] if isinstance(deaths, list) and deaths else {}
    return first if isinstance(first, dict) else {}


def _count(delivery: Delivery) -> int:
    count = (delivery.properties.headers or {}).get("x-delivery-count", 1)
    return count if isinstance(count, int) else 1
