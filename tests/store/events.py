"""Events to put into a store."""

from datetime import UTC, datetime, timedelta
from typing import Any

from eventsink.event import Event, new_ids

NOVEMBER = datetime(2026, 11, 10, 12, 0, 0, 123456, tzinfo=UTC)


def an_event(**attributes: Any) -> Event:
    """One event; what is not given is made up."""
    time = attributes.get("time", NOVEMBER)
    made_up = {
        "id": new_ids(1, time)[0],
        "source": "clowder.example.org",
        "type": "traffic.page_view",
        "time": time,
        "received": time + timedelta(seconds=1),
        "data": {"url": "https://clowder.example.org/"},
    }
    return Event(**(made_up | attributes))


def some_events(count: int, time: datetime = NOVEMBER, **attributes: Any) -> list[Event]:
    """Events a second apart."""
    times = [time + timedelta(seconds=number) for number in range(count)]
    return [an_event(time=moment, data={"number": number}, **attributes) for number, moment in enumerate(times)]
