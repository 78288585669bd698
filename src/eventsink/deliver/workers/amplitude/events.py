"""An event as Amplitude has it. In: an event. Out: JSON. No connection, no clock.

Source: Amplitude's HTTP V2 and Batch Event Upload API. Which field of ours is which of theirs: analytics/mapping.py.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from eventsink import __version__
from eventsink.deliver.analytics.actors import actor_of
from eventsink.deliver.analytics.browser import Browser, browser_of
from eventsink.deliver.analytics.countries import name_of
from eventsink.deliver.analytics.mapping import MAPPING
from eventsink.deliver.analytics.properties import Properties
from eventsink.deliver.analytics.pseudonyms import Pseudonyms
from eventsink.deliver.analytics.times import session_start, told_time
from eventsink.deliver.analytics.values import instance_of
from eventsink.event import Event

__all__ = ["NO_SESSION", "AmplitudeEvents", "Packed"]

NO_SESSION = -1
LIBRARY = f"eventsink/{__version__}"
LONGEST = 1024  # characters of a text; what is longer Amplitude cuts itself


class Packed(msgspec.Struct, frozen=True):
    """One event on its way.

    Args:
        user: as it is sent; empty where nobody is known.
        device: likewise.
        line: its JSON.
    """

    event: Event
    user: str
    device: str
    line: bytes


class AmplitudeEvents:
    """Makes them."""

    def __init__(self, pseudonyms: Pseudonyms, more: Mapping[str, Sequence[str]]) -> None:
        self._pseudonyms = pseudonyms
        self._properties = Properties("amplitude", pseudonyms, more)
        self._encode = msgspec.json.Encoder().encode

    def pack(self, events: Sequence[Event], now: datetime) -> list[Packed]:
        """Events ready to be sent."""
        made = [(event, self.of(event, now)) for event in events]
        return [Packed(event, each.get("user_id", ""), each["device_id"], self._encode(each)) for event, each in made]

    def of(self, event: Event, now: datetime) -> dict[str, Any]:
        """One event, with all that may be seen of it."""
        actor, browser, time = actor_of(event), browser_of(event.data), told_time(event, now)
        shown = MAPPING.get(event.type)
        of_person = actor.somebody and not (shown and shown.of_server)
        made: dict[str, Any] = {
            "device_id": self._pseudonyms.device(actor.device),
            "event_type": event.type,
            "time": int(time.timestamp() * 1000),
            "insert_id": self._pseudonyms.event(event.source, event.id),
            "session_id": session_start(time) * 1000 if of_person else NO_SESSION,
            "library": LIBRARY,
            **_known(browser),
        }
        if actor.user is not None:
            made["user_id"] = self._pseudonyms.user(actor.user)
        properties = {**self._properties.of(event), **_of_browser(browser)}
        if instance := instance_of(event):
            properties["instance"] = instance
        if properties:
            made["event_properties"] = {name: _cut(value) for name, value in properties.items()}
        return made


def _known(browser: Browser) -> dict[str, str]:
    """What Amplitude has a field for. Region, city and DMA follow from the country: to set it clears them."""
    found = {
        "platform": "Web" if browser.browser else "",
        "os_name": browser.os,
        "os_version": browser.os_version if browser.os else "",
        "language": browser.language,
        "country": name_of(browser.country) if browser.country else "",
    }
    return {name: value for name, value in found.items() if value}


def _of_browser(browser: Browser) -> dict[str, Any]:
    """What it has none for."""
    found = {
        "browser": browser.browser,
        "browser_version": browser.version if browser.browser else "",
        "device_category": browser.device,
        "screen": browser.screen,
    }
    return {name: value for name, value in found.items() if value}


def _cut(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value
