"""Asking a sink for reports, whatever they are called: what it knows of, it says."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from eventsink.client.sink import Sink
from eventsink.errors import EventSinkError

__all__ = ["ask", "decoded", "notes_of"]

WITHIN = 300.0  # seconds: a report of many years takes its time


def ask(sink: Sink, name: str, form: str, query: Mapping[str, Any]) -> tuple[bytes, Mapping[str, str]]:
    """A report as it comes, and the headers of the answer.

    Raises:
        EventSinkError: the sink cannot be asked, or does not know what is asked for.
    """
    if form == "table" or (name == "uptime" and form == "json"):
        form = "rows"  # the form that all reports have; JSON of uptime is another, and of counter DataCite's
    with sink.twin(WITHIN) as asking:
        return asking.fetch(f"/v1/reports/{quote(name, safe='')}", **{**query, "format": str(form)})


def decoded(sink: Sink, content: bytes) -> Any:
    """The JSON of an answer.

    Raises:
        EventSinkError: it is none.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise EventSinkError(f"What answers at {sink.where} is no event sink: name one with --url.") from None


def notes_of(headers: Mapping[str, str]) -> list[str]:
    """What an answer says of itself beside what it is."""
    try:
        return msgspec.json.decode(headers.get("x-report-notes", "[]"), type=list[str])
    except msgspec.MsgspecError:
        return []
