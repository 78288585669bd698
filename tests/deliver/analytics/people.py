"""Events of people and browsers, as the services of analytics are sent them; and what nobody may ever see of them."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from eventsink.catalogue import CATALOGUE
from eventsink.deliver.analytics.mapping import BY_DEFAULT
from eventsink.event import Event, new_ids

BROWSER = {
    "language": "en-US",
    "session": "f3a1",
    "country": "US",
    "browser": "Firefox",
    "browser_version": "143.0",
    "os": "Windows",
    "os_version": "11",
    "device": "desktop",
    "robot": False,
}
KINDS = ("traffic.page_view", "traffic.resource_viewed", "storage.file_uploaded", "users.login")

PLANTED = (
    "ada.lovelace@example.org",
    "Ada Lovelace",
    "clw_0123abcd_hushhushhushhushhush",
    "203.0.113.77",
    "2001:db8::77:1",
)
"""What must be found in no request: an e-mail address, a name, a key of ours, addresses on the net."""
DISGUISED = (
    *PLANTED,
    "mailto:ada.lovelace@example.org",
    "report of Ada Lovelace.pdf",
    "password=clw_0123abcd_hushhushhushhushhush",
    "https://ada:clw_0123abcd_hushhushhushhushhush@203.0.113.77/people",
    "https://clowder.example.org/people/ada.lovelace@example.org/Ada Lovelace?key=clw_0123abcd_hushhushhushhushhush",
    "https://clowder.example.org/files?utm_source=ada.lovelace@example.org&page=203.0.113.77#Ada Lovelace",
    "https://clowder.example.org/clw_0123abcd_hushhushhushhushhush?utm_term=clw_0123abcd_hushhushhushhushhush",
    "http://[2001:db8::77:1]:9000/files",
    "203.0.113.77, 2001:db8::77:1",
)


def event(kind: str = "traffic.page_view", user: str | None = "64a0000000000000000000a1", **more: Any) -> Event:
    """One event of the present moment, with data as in the catalogue and what is given; `at` is its time."""
    now = datetime.now(UTC)
    (event_id,) = new_ids(1, now)
    known = {name: more.pop(name) for name in ("source", "subject", "extensions", "id", "received") if name in more}
    time = more.pop("at", now)
    example = dict(CATALOGUE[kind].example) if kind in CATALOGUE else {}
    attributes = {"id": event_id, "source": "clowder.example.org", "received": now, **known}
    return Event(type=kind, time=time, user=user, data={**example, **more}, **attributes)


def crowd(count: int, people: int = 50) -> list[Event]:
    """Events of so many people, each in a browser of its own, over the last hour."""
    chance, now = random.Random(7), datetime.now(UTC)
    made = []
    for number, event_id in enumerate(new_ids(count, now)):
        person, kind = number % people, KINDS[number % len(KINDS)]
        data = dict(CATALOGUE[kind].example)
        if kind.startswith("traffic."):
            data |= BROWSER | {"visitor": f"visitor-{person}"}
        made.append(
            Event(
                id=event_id,
                source="clowder.example.org",
                type=kind,
                time=now - timedelta(seconds=chance.randrange(3600)),
                received=now,
                user=f"{person:024x}" if person % 3 and person else None,
                data=data if kind.startswith("traffic.") or person % 3 else data | {"visitor": f"visitor-{person}"},
            )
        )
    return made


def planted() -> Iterator[Event]:
    """Of every type that is sent by default, events with something that nobody may see in every field of it."""
    for kind in BY_DEFAULT:
        for text in DISGUISED:
            everywhere = dict.fromkeys([*CATALOGUE[kind].fields, "comment", "email", text], text)
            yield event(kind, user=text, subject=text, source=text, id=f"{text} {kind}", **everywhere)
            yield event(kind, user="64a0000000000000000000a1", extensions={"note": text}, **everywhere)
            for field in CATALOGUE[kind].fields:
                yield event(kind, **{**BROWSER, field: text})
