"""What Google's own validator says of events as we make them: one of each type, before anything is sent.

Source: Measurement Protocol (GA4), "Validate events". It keeps nothing, and it looks neither at the secret nor at the
measurement id: only at what is sent.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from eventsink.catalogue import CATALOGUE, matches
from eventsink.deliver.analytics.mapping import MAPPING
from eventsink.deliver.http import Answer, shorten
from eventsink.deliver.workers.google_analytics.events import GoogleEvents
from eventsink.event import Event, new_ids

__all__ = ["bodies", "complaint"]

_BROWSER = {"language": "en-US", "country": "US", "browser": "Firefox", "os": "Linux", "device": "desktop"}


def bodies(events: GoogleEvents, types: Sequence[str], now: datetime) -> Iterator[tuple[str, bytes]]:
    """For each type that is sent a body with its example in the catalogue, to be judged as strictly as can be."""
    kinds = [kind for kind in MAPPING if matches(kind, types)]
    for kind, event_id in zip(kinds, new_ids(len(kinds), now), strict=True):
        data: dict[str, Any] = {**CATALOGUE[kind].example}
        data |= _BROWSER if "browser" in CATALOGUE[kind].fields else {}
        event = Event(id=event_id, source="eventsink", type=kind, time=now, received=now, user="validation", data=data)
        fields = {
            **events.context(event).fields(),
            "validation_behavior": "ENFORCE_RECOMMENDATIONS",
            "events": [events.of(event, now)],
        }
        yield kind, msgspec.json.encode(fields)


def complaint(answer: Answer) -> str | None:
    """What the validator has to say against a body; None if nothing, or if it is no validator that answers."""
    content = answer.json
    messages = content.get("validationMessages") if isinstance(content, dict) else None
    for message in messages if answer.ok and isinstance(messages, list) else ():
        if isinstance(message, dict):
            return shorten(f"{message.get('description', '')} ({message.get('validationCode', 'no code')})")
    return None
