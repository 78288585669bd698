"""Short ways to read a message in a test."""

from datetime import UTC, datetime, timedelta
from typing import Any

from eventsink import dialects
from eventsink.dialects.admit import Admission, Stamps
from eventsink.event import Event
from tests.dialects.regenerate import SAMPLES, load

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
STAMPED = NOW + timedelta(microseconds=1)  # the time of an event without one: no whole millisecond


def sample(name: str, **changes: Any) -> dict[str, Any]:
    """A sample message with some fields changed; None takes a field away."""
    message: dict[str, Any] = load(SAMPLES / f"{name}.json") | changes
    return {field: value for field, value in message.items() if value is not None}


def event_of(message: Any, now: datetime = NOW) -> Event:
    """The event that a message becomes."""
    event, _ = Admission().admit(dialects.read(message), Stamps(now, "clowder"))
    return event
