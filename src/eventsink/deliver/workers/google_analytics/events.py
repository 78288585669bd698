"""An event as Google Analytics 4 has it. In: an event. Out: a hit, and the context that it is sent in. Pure.

Source: Measurement Protocol (GA4) reference; which field of ours is which of theirs: analytics/mapping.py.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eventsink.deliver.analytics.actors import actor_of
from eventsink.deliver.analytics.browser import Browser, browser_of
from eventsink.deliver.analytics.mapping import MAPPING
from eventsink.deliver.analytics.properties import Properties
from eventsink.deliver.analytics.pseudonyms import Pseudonyms
from eventsink.deliver.analytics.times import session_start, told_time
from eventsink.deliver.analytics.values import Plain, instance_of
from eventsink.event import EPOCH, Event

__all__ = ["Context", "GoogleEvents", "Hit", "name_of"]

MOST_PARAMS = 25
LONGEST_NAME = 40  # characters
LONGEST = 100  # characters of a value
_LONGER = {"page_title": 300, "page_referrer": 420, "page_location": 1000}
_MICROSECOND = timedelta(microseconds=1)
ENGAGEMENT = 100  # milliseconds: that somebody was there is known, and not for how long


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_RESERVED = _words("""
    ad_activeview ad_click ad_exposure ad_impression ad_query ad_reward adunit_exposure app_clear_data app_exception
    app_install app_remove app_store_refund app_store_subscription_cancel app_store_subscription_convert
    app_store_subscription_renew app_update app_upgrade dynamic_link_app_open dynamic_link_app_update
    dynamic_link_first_open error firebase_campaign firebase_in_app_message_action firebase_in_app_message_dismiss
    firebase_in_app_message_impression first_open first_visit in_app_purchase notification_dismiss
    notification_foreground notification_open notification_receive notification_send os_update screen_view
    session_start user_engagement firebase_conversion value currency items
    """)
_PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag")
_CATEGORIES = {"desktop": "desktop", "mobile": "mobile", "tablet": "tablet", "tv": "smart TV"}


class Context(msgspec.Struct, frozen=True):
    """What Google Analytics has for a whole request, so that a request holds events of one context.

    Args:
        client: a `client_id`.
        user: a `user_id`, empty where nobody was logged in.
        country: ISO 3166-1 alpha-2; empty where it is not known.
        device: names and values, in order.
    """

    client: str
    user: str
    country: str
    device: tuple[tuple[str, str], ...]

    def fields(self) -> dict[str, Any]:
        """Its part of the body. Advertising gets nothing, whatever anybody clicked."""
        found: dict[str, Any] = {"client_id": self.client}
        if self.user:
            found["user_id"] = self.user
        found["consent"] = {"ad_user_data": "DENIED", "ad_personalization": "DENIED"}
        if self.country:
            found["user_location"] = {"country_id": self.country}
        if self.device:
            found["device"] = dict(self.device)
        return found


class Hit(msgspec.Struct, frozen=True):
    """One event on its way: `line` is its JSON."""

    event: Event
    context: Context
    line: bytes


class GoogleEvents:
    """Makes them."""

    def __init__(self, pseudonyms: Pseudonyms, more: Mapping[str, Sequence[str]]) -> None:
        self._pseudonyms = pseudonyms
        self._properties = Properties("google", pseudonyms, more)
        self._encode = msgspec.json.Encoder().encode

    def hits(self, events: Sequence[Event], now: datetime) -> list[Hit]:
        """Events ready to be sent."""
        return [Hit(event, self.context(event), self._encode(self.of(event, now))) for event in events]

    def context(self, event: Event) -> Context:
        """Whose it is, and on what."""
        actor, browser = actor_of(event), browser_of(event.data)
        user = "" if actor.user is None else self._pseudonyms.user(actor.user)
        return Context(self._pseudonyms.client(actor.device), user, browser.country, _device(browser))

    def of(self, event: Event, now: datetime) -> dict[str, Any]:
        """One event, with all that may be seen of it."""
        shown, time = MAPPING.get(event.type), told_time(event, now)
        params: dict[str, Plain] = {
            "session_id": session_start(time),
            "engagement_time_msec": ENGAGEMENT,
            "event_uid": self._pseudonyms.event(event.source, event.id),
            **(shown.fixed if shown else {}),
        }
        if instance := instance_of(event):
            params["instance"] = instance
        for name, value in self._properties.of(event).items():
            params.setdefault(name_of(name), value)  # what is named in the settings takes the place of nothing
        fit = {name: _fit(name, value) for name, value in list(params.items())[:MOST_PARAMS]}
        return {
            "name": shown.google if shown else name_of(event.type),
            "timestamp_micros": (time - EPOCH) // _MICROSECOND,
            "params": {name: value for name, value in fit.items() if value != ""},
        }


def name_of(text: str) -> str:
    """A name as Google Analytics has it: small letters, digits and underscores, and none that it has for itself."""
    name = re.sub(r"[^a-z0-9_]", "_", text.lower())[:LONGEST_NAME]
    reserved = name in _RESERVED or name.startswith(_PREFIXES) or not name[:1].isalpha()
    return f"e_{name}"[:LONGEST_NAME] if reserved else name


def _fit(name: str, value: Plain) -> str | int | float:
    if isinstance(value, bool):
        return int(value)
    return value[: _LONGER.get(name, LONGEST)] if isinstance(value, str) else value


def _device(browser: Browser) -> tuple[tuple[str, str], ...]:
    found = (
        ("category", _CATEGORIES.get(browser.device, "")),
        ("language", browser.language),
        ("screen_resolution", browser.screen),
        ("operating_system", browser.os),
        ("operating_system_version", browser.os_version if browser.os else ""),
        ("browser", browser.browser),
        ("browser_version", browser.version if browser.browser else ""),
    )
    return tuple((name, value) for name, value in found if value)
