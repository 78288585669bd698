"""Why events and requests are refused, in a few fixed words: for counting, never for the sender."""

from collections.abc import Mapping
from typing import Literal, get_args

from eventsink.errors import EventTooLarge, InvalidEvent

__all__ = ["GONE", "REASONS", "Reason", "reason_of", "reason_of_request"]

Reason = Literal["address", "data", "fault", "key", "rate", "too_large", "type", "unavailable", "unreadable"]
REASONS: tuple[Reason, ...] = get_args(Reason)

GONE = 499  # in the place of a status, as nginx has it: whoever asked did not wait for the answer

_BY_STATUS: Mapping[int, Reason] = {
    401: "key",
    403: "key",
    404: "address",
    405: "address",
    413: "too_large",
    429: "rate",
    500: "fault",
    503: "unavailable",
}


def reason_of(error: InvalidEvent) -> Reason:
    """Why one event was not accepted: it is too large, of no type that is taken, or its data is wrong."""
    if isinstance(error, EventTooLarge):
        return "too_large"
    return "type" if error.pointer == "/type" else "data"


def reason_of_request(status: int) -> Reason | None:
    """Why a request was refused as a whole, by the status of its answer; None where its events were, one by one."""
    return None if status == 422 else _BY_STATUS.get(status, "unreadable")
