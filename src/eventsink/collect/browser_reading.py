"""What trackers send, read: the types and fields that a browser may report, and what the collector knows better.

A browser is not believed but for what happened on its page. Who it is, which browser and from where, is stamped here.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from eventsink.collect.browser_words import person, said
from eventsink.errors import InvalidEvent
from eventsink.event import Draft

__all__ = ["Sent", "Stamp", "drafts", "offset", "read"]

MOST = 50  # events of a request
OLDEST = timedelta(hours=48)
SKEW = timedelta(minutes=2)  # by which a clock may be wrong, and what it says is kept as it is
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Item(msgspec.Struct):
    """One event of a tracker. What a later tracker sends besides is passed over."""

    id: str
    type: str
    time: float
    user: str | None = None
    data: dict[str, Any] = {}


class Sent(msgspec.Struct):
    """What a tracker sends at once.

    Args:
        key: the write key.
        sent: milliseconds since 1970 when it was, by the clock of the browser.
        events: each by itself, so that one that is malformed costs no other.
        v: version of this form.
    """

    key: str
    sent: float
    events: list[msgspec.Raw]
    v: int = 1


class Stamp(msgspec.Struct, frozen=True):
    """What the collector knows of a browser.

    Args:
        origin: of the page.
        found: fields that go into every event.
        now: when the request came.
        offset: by which the clock of the browser is behind; zero where it is about right.
    """

    origin: str
    found: Mapping[str, Any]
    now: datetime
    offset: timedelta


def read(body: bytes) -> Sent:
    """Read a request.

    Raises:
        InvalidEvent: it is no such request.
    """
    try:
        sent = msgspec.json.decode(body, type=Sent)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEvent(f"This is nothing that a tracker sends: {error}.") from None
    if len(sent.events) > MOST:
        raise InvalidEvent(f"A tracker sends {MOST} events at once at most.", pointer="/events")
    return sent


def offset(sent: float, now: datetime) -> timedelta:
    """By how much the clock of a browser is behind ours.

    A time that is about right stays as it is: an event that is sent again has the same time then.
    """
    behind = now - _moment(sent)
    return behind if abs(behind) > SKEW else timedelta()


def drafts(raw: msgspec.Raw, stamp: Stamp) -> Draft:
    """One event of a tracker as a draft.

    Raises:
        InvalidEvent: it is malformed, or nothing that a browser may report.
    """
    try:
        item = msgspec.json.decode(raw, type=Item)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEvent(f"This is no event of a tracker: {error}.") from None
    if not _ID.fullmatch(item.id):
        raise InvalidEvent("The id is no UUID.", pointer="/id", expected="a UUID in small letters", got=item.id[:60])
    return Draft(
        id=item.id,
        source=stamp.origin,
        type=item.type,
        time=_time(item.time, stamp),
        user=person(item.user),
        data={**said(item.type, item.data), **stamp.found},
    )


def _time(milliseconds: float, stamp: Stamp) -> datetime:
    time = _moment(milliseconds) + stamp.offset
    if time < stamp.now - OLDEST:
        raise InvalidEvent("It happened more than two days ago.", pointer="/time", got=time.isoformat())
    return min(time, stamp.now + SKEW)  # what is a little ahead stays as it is, for it may be sent again


def _moment(milliseconds: float) -> datetime:
    """A moment that a browser says; far from any that we mean if it is none."""
    whole = round(min(max(milliseconds, 0.0), 4e12)) if milliseconds == milliseconds else 0  # noqa: PLR0124 - NaN
    return datetime.fromtimestamp(whole // 1000, UTC) + timedelta(milliseconds=whole % 1000)
