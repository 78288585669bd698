"""Why an event could not be delivered, written down so that a person can mend it."""

import traceback
from datetime import UTC, datetime

from eventsink.causes import why
from eventsink.errors import EventSinkError, Refused, TryLater
from eventsink.event import Event
from eventsink.exchange.contract import Failure
from eventsink.redact import hide_secrets

__all__ = ["failure", "sentence"]

LONGEST = 20_000


def failure(event: Event, error: BaseException, *, attempts: int, first_seen: datetime) -> Failure:
    """The record of one event that will not be delivered. A bug keeps its traceback; secrets in texts are hidden."""
    trace = None if isinstance(error, Refused | TryLater) else "".join(traceback.format_exception(error))
    return Failure(
        event=event,
        reason=sentence(error)[:LONGEST],
        attempts=attempts,
        first_seen=first_seen,
        last_seen=datetime.now(UTC),
        traceback=None if trace is None else _kept(trace)[-LONGEST:],
    )


def sentence(error: BaseException) -> str:
    """An error as a sentence for the person who has to act. Of a bug, the traceback in the log says more."""
    try:
        if isinstance(error, Refused | TryLater):
            text = str(error.reason)  # a stranger's worker may give another thing than a text
        else:
            text = str(error) if isinstance(error, EventSinkError) else f"The worker has a fault: {why(error)}."
    except Exception:  # noqa: BLE001 - what a stranger gives may fail at that too
        text = "The worker has a fault, and its words cannot be read."
    return _kept(text)


def _kept(text: str) -> str:
    """Without secrets, and without the halves of surrogate pairs that Python has for undecodable names of files.

    No file and no message can hold these.
    """
    return hide_secrets(text).encode("utf-8", "replace").decode()
