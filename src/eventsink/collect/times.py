"""Times in questions, as people write them."""

from datetime import datetime

from eventsink.collect.problems import Problem
from eventsink.errors import InvalidEvent
from eventsink.event import parse_time

__all__ = ["read_time"]


def read_time(text: str | None, name: str) -> datetime | None:
    """The time that a parameter names; None where it is not given.

    Raises:
        Problem: it is no time.
    """
    if text is None:
        return None
    try:
        return parse_time(text)
    except InvalidEvent as error:
        raise Problem(400, f"{name}: {error.message}") from None
