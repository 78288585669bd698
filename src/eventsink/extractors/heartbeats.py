"""Heartbeats: what extractors say of themselves every few minutes, and our workers when they announce themselves.

pyClowder sends one at once and then every 300 seconds; an id that was not heard for twice as long is gone.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eventsink.amqp import Exchange
from eventsink.dialects.body import read_value
from eventsink.errors import InvalidEvent, MalformedBody, json_kind
from eventsink.extractors.job_file import Alive

__all__ = ["EVERY", "EXTRACTORS", "GONE", "announcement", "read"]

EXTRACTORS = Exchange("extractors")  # as pyClowder and Clowder declare it
EVERY = 300.0  # seconds, pyClowder's default
GONE = timedelta(seconds=2 * EVERY)
LARGEST = 1 << 20  # bytes
_LONGEST = 500


def read(body: bytes, now: datetime) -> Alive:
    """Read a heartbeat.

    Raises:
        InvalidEvent: it does not say of which extractor it is.
    """
    try:
        said = read_value(body, LARGEST)
    except MalformedBody as error:
        raise InvalidEvent(f"The heartbeat cannot be read: {error}", expected="JSON") from None
    info = said.get("extractor_info") if isinstance(said, dict) else None
    if not isinstance(info, dict):
        raise InvalidEvent("A heartbeat has an extractor_info.", expected="object", got=json_kind(info))
    name = _text(info.get("name")) or _text(said.get("queue"))
    if not name:
        raise InvalidEvent("A heartbeat says of which extractor it is.", expected="a name or a queue", got="neither")
    process = _text(said.get("id")) or name  # without an id all processes of an extractor are one
    return Alive(
        process=process,
        name=name,
        version=_text(info.get("version")) or "",
        queue=_text(said.get("queue")) or name,
        description=_text(info.get("description")) or "",
        owner=_text(said.get("owner")) or "",
        first_seen=now,
        last_seen=now,
    )


def announcement(worker: str, process: str, version: str) -> bytes:
    """The heartbeat of one of our workers, with all that Clowder requires of one.

    Args:
        process: of which process it is; the same each time.
    """
    said = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{process}/{worker}")),
        "queue": f"events.{worker}",
        "owner": "",
        "extractor_info": {
            "@context": "http://clowder.ncsa.illinois.edu/contexts/extractors.jsonld",
            "name": f"eventsink.{worker}",
            "version": version,
            "description": f"Delivers events of the event sink to {worker}. It takes no jobs.",
            "author": "Clowder event sink",
            "contributors": [],
            "contexts": _NOTHING,
            "repository": _NOTHING,
            "process": {},
            "external_services": [],
            "dependencies": [],
            "bibtex": [],
        },
    }
    return msgspec.json.encode(said)


_NOTHING: Sequence[Any] = ()


def _text(value: object) -> str | None:
    if not isinstance(value, str | int | float) or value == "":
        return None
    return str(value)[:_LONGEST].encode("utf-8", "replace").decode()  # half a pair of surrogates fits into no file
