"""A seeded year of events, and what each of them is by plain Python: without a word of the declarations or of SQL."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from eventsink.demo.cast import Scene
from eventsink.demo.life import Life
from eventsink.event import Event

__all__ = ["COUNTED", "DISTINCT", "END", "NUMBER_OF", "TAKEN_OFF", "VALUE_OF", "year"]

END = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
BEGIN = datetime(2025, 11, 20, tzinfo=UTC)
SHARE = 0.15
ODD = ('O\'Brien, "Bo"', "=cmd|' /C calc'!A0", "<b>x</b>", "\u202eevil", "line\nbreak", "a" * 300, "日本語")


def year() -> list[Event]:
    """A part of what people and programs did; some of it with odd names."""
    chance = random.Random(5)
    life = _WithoutChecks(11).events(BEGIN.date(), END)
    return [_odd(event, chance) for event in life if chance.random() < SHARE]


class _WithoutChecks(Life):
    """Checks are most of the events, and no panel counts them."""

    def _day(self, day: date) -> Iterator[Scene]:
        yield from (*self._work(day), *self._visits(day), *self._upkeep(day))


def _odd(event: Event, chance: random.Random) -> Event:
    if chance.random() > 0.02:
        return event
    data = dict(event.data)
    for name in ("space_id", "dataset_name", "resource_name", "extractor", "mime_type"):
        if name in data:
            data[name] = chance.choice((None, *ODD))
    return msgspec.structs.replace(event, data={name: value for name, value in data.items() if value is not None})


def _is(kind: str, **wanted: Any) -> Callable[[Event], bool]:
    return lambda event: event.type == kind and all(event.data.get(name) in of for name, of in wanted.items())


def _human(event: Event) -> bool:
    return event.data.get("robot") is not True and event.data.get("device") != "robot"


def _went_well(event: Event) -> bool:
    return event.data.get("http_status", 200) < 400  # type: ignore[no-any-return]


_JOB = "extractions.extraction_event"

# By the name of a measure: which events are counted, or have a part in a sum, median or number of different values.
COUNTED: dict[str, Callable[[Event], bool]] = {
    "uploads": _is("storage.file_uploaded"),
    "added": _is("storage.file_uploaded"),
    "net": _is("storage.file_uploaded"),
    "deleted": _is("storage.file_deleted"),
    "removed": _is("storage.file_deleted"),
    "created": _is("storage.resource_created", resource_type=["dataset"]),
    "users": _human,
    "views": lambda event: event.type == "traffic.resource_viewed" and _human(event) and _went_well(event),
    "downloads": lambda event: event.type == "traffic.resource_downloaded" and _human(event) and _went_well(event),
    "downloaded": lambda event: event.type == "traffic.resource_downloaded" and _human(event) and _went_well(event),
    "page_views": lambda event: event.type == "traffic.page_view" and _human(event),
    "visits": lambda event: event.type == "traffic.page_view" and _human(event),
    "visitors": lambda event: event.type == "traffic.page_view" and _human(event),
    "requests": _is("traffic.api_request"),
    "errors": lambda event: event.type == "traffic.api_request" and event.data["status"] >= 500,
    "median": _is("traffic.api_request"),
    "p95": _is("traffic.api_request"),
    "queued": _is(_JOB, status=["queued"]),
    "ended": _is(_JOB, status=["done", "failed", "skipped", "cancelled"]),
    "done": _is(_JOB, status=["done"]),
    "failed": _is(_JOB, status=["failed"]),
    "skipped": _is(_JOB, status=["skipped"]),
    "queue_median": _is(_JOB, status=["done", "failed", "skipped", "cancelled"]),
    "queue_p95": _is(_JOB, status=["done", "failed", "skipped", "cancelled"]),
    "run_median": _is(_JOB, status=["done", "failed", "skipped", "cancelled"]),
    "run_p95": _is(_JOB, status=["done", "failed", "skipped", "cancelled"]),
}
TAKEN_OFF: dict[str, Callable[[Event], bool]] = {"net": _is("storage.file_deleted")}
NUMBER_OF = {
    "added": "bytes", "removed": "bytes", "net": "bytes", "downloaded": "bytes", "median": "duration_ms",
    "p95": "duration_ms", "queue_median": "queue_ms", "queue_p95": "queue_ms", "run_median": "run_ms",
    "run_p95": "run_ms",
}  # fmt: skip
DISTINCT: dict[str, Callable[[Event], Any]] = {
    "users": lambda event: event.user,
    "visits": lambda event: event.data.get("session"),
    "visitors": lambda event: event.data.get("visitor"),
}


def _dataset(event: Event) -> Any:
    own = event.data.get("resource_id") if event.data.get("resource_type") == "dataset" else None
    return event.data.get("dataset_id", own)


def _space(event: Event) -> Any:
    own = event.data.get("resource_id") if event.data.get("resource_type") == "space" else None
    return event.data.get("space_id", own)


def _value(name: str) -> Callable[[Event], Any]:
    return lambda event: event.data.get(name)


# By the name of a column: its value of an event.
VALUE_OF: dict[str, Callable[[Event], Any]] = {
    "dataset": _dataset,
    "space": _space,
    "user": lambda event: event.user,
    "page": lambda event: urlsplit(event.data["url"]).path if "url" in event.data else None,
    "referrer": lambda event: urlsplit(event.data["referrer"]).hostname if "referrer" in event.data else None,
    "resource": lambda event: event.data.get("resource_id", event.data.get("file_id")),
    "resource_type": lambda event: event.data.get("resource_type", "file" if "file_" in event.type else None),
    "mime_type": lambda event: event.data["mime_type"][:200] if "mime_type" in event.data else None,
    **{name: _value(name) for name in ("extractor", "country", "device", "browser", "method", "route")},
}
