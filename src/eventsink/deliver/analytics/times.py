"""Times as the services are told them, and the visits that follow from them. Pure: the same at every attempt.

Nobody keeps a table of visits: whoever delivers an event comes to the same start of its visit, on any machine and at
any attempt. The price is that a visit over a boundary is two, and pauses do not end one.
"""

from datetime import datetime, timedelta

from eventsink.event import Event

__all__ = ["SESSION", "is_ahead", "session_start", "told_time"]

AHEAD = timedelta(minutes=5)  # that the clock of a sender may be ahead of ours
SESSION = 1800  # seconds of a visit


def is_ahead(event: Event) -> bool:
    """Whether the clock of its sender was wrong: nothing arrives before it has happened."""
    return event.time > event.received + AHEAD


def told_time(event: Event, now: datetime) -> datetime:
    """When it happened. A time that had not come when the event arrived is that of its arrival, and none is to come."""
    return min(event.received if is_ahead(event) else event.time, now)


def session_start(time: datetime) -> int:
    """When the visit began, seconds since 1970: every half hour a visit begins."""
    return int(time.timestamp()) // SESSION * SESSION
