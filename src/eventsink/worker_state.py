"""What a worker says that it is doing, in words for a person, and what of it programs go by.

A state is one phrase of one process. Where several processes run a worker, theirs stand beside one another.
"""

import re
from datetime import datetime

__all__ = ["FAILED", "NOT_RUNNING", "brief", "has_failed", "is_missing", "pause_of", "paused"]

NOT_RUNNING = "not running"  # by any process that is known of
FAILED = "failed, see the log"  # by a fault of ours or of the exchange; it goes on trying

_PAUSED = "paused since"


def paused(since: datetime, why: str) -> str:
    """The state of one that delivers nothing until a fault is mended.

    Args:
        since: in UTC.
        why: a sentence, with its full stop or without.
    """
    return f"{_PAUSED} {since:%Y-%m-%d %H:%M} UTC: {why}{'' if why.endswith('.') else '.'}"


def pause_of(state: str) -> str:
    """Since when one delivers nothing, and why, as a sentence to stand after "is"; empty where none is paused."""
    begin = state.find(_PAUSED)
    return state[begin:] if begin >= 0 else ""


def is_missing(state: str) -> bool:
    """Whether no process runs it."""
    return state.startswith(NOT_RUNNING)


def has_failed(state: str) -> bool:
    """Whether its last turn failed."""
    return state.startswith(FAILED.partition(",")[0])


def brief(state: str) -> str:
    """A state without why: that stands elsewhere."""
    return re.sub(rf"({_PAUSED} \S+ \S+ UTC): .*?(?=$|; )", r"\1", state)
