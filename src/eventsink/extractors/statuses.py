"""What extractors say of their jobs, read leniently: every pyClowder since 2.1, and other clients.

Their `start` is never used: its offset is wrong in many zones, and clocks differ. Times are those of arrival here.
"""

import re
from typing import Any, Literal

import msgspec

from eventsink.catalogue import check_values
from eventsink.dialects.body import read_value
from eventsink.errors import InvalidEvent, MalformedBody, json_kind
from eventsink.redact import hide_secrets

__all__ = ["FINAL", "State", "Status", "read"]

State = Literal["queued", "working", "done", "skipped", "retried", "failed", "cancelled"]
FINAL = frozenset({"done", "skipped", "failed", "cancelled"})

# The names of pyClowder's enumeration, its values, which other clients send, and words of theirs for the same. A word
# that is none of these is no reason to lose a status: it is work that goes on, and its text is kept whole.
_STATES: dict[str, State] = {
    "start": "working",
    "started": "working",
    "processing": "working",
    "running": "working",
    "done": "done",
    "succeeded": "done",
    "success": "done",
    "completed": "done",
    "finished": "done",
    "skip": "skipped",
    "skipped": "skipped",
    "error": "failed",
    "failed": "failed",
    "failure": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "retry": "retried",
    "resubmitted": "retried",
}
_FORM = re.compile(r"(?:StatusMessage\.)?(?P<kind>[A-Za-z]+)\s*(?::\s*(?P<text>.*))?", re.DOTALL)
LONGEST = 10_000  # characters of a message that the catalogue allows
LARGEST = 16 << 20  # bytes of a status; some clients send a whole log


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One status message.

    Args:
        state: that the job has reached; `working` for a text that names none.
        begun: whether it says that work began.
        message: what it says, secrets hidden.
        resource_id: the file, or the dataset of a dataset job.
    """

    state: State
    begun: bool = False
    message: str | None = None
    extractor: str | None = None
    job_id: str | None = None
    resource_id: str | None = None


def read(body: bytes) -> Status:
    """Read a status message; what is missing in it is None.

    Raises:
        InvalidEvent: it is no JSON object, or says neither what happened nor to what.
    """
    item = _decode(body)
    kind, message = _split(item)
    status = Status(
        state=_STATES.get(kind, "working"),
        begun=kind in ("start", "started"),
        message=hide_secrets(message)[:LONGEST] if message else None,
        extractor=_text(item, "extractor_id"),
        job_id=_text(item, "job_id") or _text(item, "jobid"),
        resource_id=_text(item, "file_id") or _text(item, "resource_id"),
    )
    if kind or message or status.job_id or status.resource_id:
        return status
    raise InvalidEvent(
        "A status says what became of which job.",
        expected="an object with file_id, extractor_id, job_id and status",
        got="an object with " + (", ".join(repr(str(name)[:30]) for name in list(item)[:6]) or "nothing"),
    )


def _decode(body: bytes) -> dict[str, Any]:
    try:
        item = read_value(body, LARGEST)
    except MalformedBody as error:
        raise InvalidEvent(f"The status cannot be read: {error}", expected="JSON") from None
    if not isinstance(item, dict):
        raise InvalidEvent("A status is a JSON object.", expected="object", got=json_kind(item))
    check_values(item, "")
    return item


def _split(item: dict[str, Any]) -> tuple[str, str]:
    """The kind of a status in small letters, empty if it names none, and its text."""
    whole = str(item.get("status") or "")
    named = _FORM.fullmatch(str(item.get("message_type") or ""))
    found = _FORM.fullmatch(whole)
    kind = next((match["kind"].lower() for match in (named, found) if match and match["kind"].lower() in _STATES), "")
    if item.get("message"):
        return kind, str(item["message"])
    return kind, (found["text"] or "") if found and kind == found["kind"].lower() else whole


def _text(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    return str(value)[:200] if value not in (None, "") and not isinstance(value, dict | list) else None
