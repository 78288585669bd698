"""What trackers send, read: the types and fields that a browser may report, and what the collector knows better.

A browser is not believed but for what happened on its page. Who it is, which browser and from where, is stamped here.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from eventsink.browsers import pages
from eventsink.errors import InvalidEvent
from eventsink.event import Draft
from eventsink.redact import hide_secrets

__all__ = ["FIELDS", "Sent", "Stamp", "drafts", "read"]

MOST = 50  # events of a request
OLDEST = timedelta(hours=48)
SKEW = timedelta(minutes=2)  # by which a clock may be wrong, and what it says is kept as it is
LONGEST_TEXT, LONGEST_NAME, MOST_FIELDS = 500, 64, 30

_WHERE = frozenset({"url", "resource_type", "resource_id"})
FIELDS: Mapping[str, frozenset[str]] = {
    "traffic.page_view": _WHERE | {"referrer", "title", "language", "screen"},
    "traffic.resource_viewed": frozenset({"resource_type", "resource_id", "dataset_id", "space_id"}),
    "traffic.resource_downloaded": frozenset({"resource_type", "resource_id", "dataset_id"}),
    "traffic.link_followed": frozenset({"url", "link"}),
    "traffic.upload_finished": frozenset({"url", "dataset_id", "items", "bytes"}),
    "traffic.extraction_submitted": _WHERE | {"extractor_name"},
}
"""Of each type that browsers may report, the fields that are theirs to say."""

CUSTOM = "browser."  # what types of a page's own begin with
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADDRESSES = ("url", "referrer", "link")


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
        user=item.user,
        data={**_said(item), **stamp.found},
    )


def _said(item: Item) -> dict[str, Any]:
    """What of the data is a browser's to say."""
    known = FIELDS.get(item.type)
    if known is None:
        return _custom(item)
    said = {name: _short(value) for name, value in item.data.items() if name in known and value not in ("", None)}
    for name in _ADDRESSES:
        if name in said and not (isinstance(said[name], str) and (address := pages.clean(item.data[name]))):
            del said[name]
        elif name in said:
            said[name] = address
    if "link" in said:
        said["link"] = said["link"].partition("?")[0]
    if "title" in said:
        said["title"] = hide_secrets(str(said["title"]))
    return said


def _custom(item: Item) -> dict[str, Any]:
    """The data of an event of a page's own: a few plain values."""
    if not item.type.startswith(CUSTOM):
        raise InvalidEvent(
            f"A browser may not report {item.type[:60]!r}.",
            pointer="/type",
            expected=f"browser.…, or one of {', '.join(FIELDS)}",
            got=item.type[:60],
        )
    plain = {
        name: hide_secrets(_short(value)) if isinstance(value, str) else value
        for name, value in item.data.items()
        if len(name) <= LONGEST_NAME and isinstance(value, str | int | float | bool)
    }
    return dict(list(plain.items())[:MOST_FIELDS])


def _short(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def _time(milliseconds: float, stamp: Stamp) -> datetime:
    time = _moment(milliseconds) + stamp.offset
    if time < stamp.now - OLDEST:
        raise InvalidEvent("It happened more than two days ago.", pointer="/time", got=time.isoformat())
    return min(time, stamp.now)


def _moment(milliseconds: float) -> datetime:
    """A moment that a browser says; far from any that we mean if it is none."""
    whole = round(min(max(milliseconds, 0.0), 4e12)) if milliseconds == milliseconds else 0  # noqa: PLR0124 - NaN
    return datetime.fromtimestamp(whole // 1000, UTC) + timedelta(milliseconds=whole % 1000)
