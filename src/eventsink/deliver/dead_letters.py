"""Why an event could not be delivered, written down so that a person can mend it."""

import traceback
from datetime import UTC, datetime

from eventsink.errors import Refused, TryLater
from eventsink.event import Event
from eventsink.exchange.contract import Failure
from eventsink.redact import hide_secrets

__all__ = ["failure", "sentence"]

LONGEST = 20_000


def failure(event: Event, error: BaseException, *, attempts: int, first_seen: datetime) -> Failure:
    """The record of one event that will not be delivered. A bug keeps its traceback; secrets in texts are hidden."""
    reason = str(error.reason) if isinstance(error, Refused | TryLater) else None  # others may have a `reason`, too
    trace = None if reason is not None else "".join(traceback.format_exception(error))
    return Failure(
        event=event,
        reason=hide_secrets(reason if reason is not None else sentence(error))[:LONGEST],
        attempts=attempts,
        first_seen=first_seen,
        last_seen=datetime.now(UTC),
        traceback=None if trace is None else hide_secrets(trace)[-LONGEST:],
    )


def sentence(error: BaseException) -> str:
    """An error as one line, for a log or a dead letter."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a stranger's exception may fail at that too
        text = "(its text cannot be read)"
    return hide_secrets(f"{type(error).__name__}: {text}".strip().rstrip(":"))
