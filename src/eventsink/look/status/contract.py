"""What is on the status page, and what operators say for it.

Its JSON is read by other programs: fields are added, and none is renamed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from eventsink.store.uptime import CheckView, Outage

__all__ = ["MARK", "Headline", "Note", "Planned", "Said", "StatusPage", "Update"]

MARK = "clowder-eventsink-status"  # stands in every file that we write, so that we know it again

Headline = Literal["up", "down", "maintenance", "unknown", "nothing"]


class Update(msgspec.Struct, frozen=True):
    """What an operator wrote about an incident, and when."""

    time: datetime
    text: str


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as operators tell it.

    Args:
        id: that no other has; feeds know it by this.
        checks: by name or as `db-*`; none: it is about all.
        closed: None while it is open.
        updates: the oldest first.
    """

    id: str
    title: str
    checks: list[str]
    opened: datetime
    closed: datetime | None = None
    updates: list[Update] = []


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """Maintenance that is announced or under way.

    Args:
        checks: by name or as `db-*`; none: all.
    """

    begin: datetime
    end: datetime
    checks: list[str]
    reason: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings and operators say for the page.

    Args:
        title: of the page.
        public: names of the checks that everybody may see, in the order in which they are shown.
        every_s: seconds after which a browser loads the page again by itself.
    """

    title: str
    public: Sequence[str]
    notes: Sequence[Note] = ()
    maintenance: Sequence[Planned] = ()
    every_s: float = 60.0


class StatusPage(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=MARK):
    """All that is on the page.

    Args:
        made: when.
        read_at: up to when results of checks had been read; None where none were yet.
        state: of all checks together; `nothing` where none is public.
        headline: the same as a sentence.
        incidents: that were measured, the newest first.
        cut: whether there were more incidents than these.
        notes: what operators wrote about incidents, the newest first.
        maintenance: announced or under way, the earliest first.
        unreachable_since: in a copy: since when the event sink could not be asked.
    """

    made: datetime
    read_at: datetime | None = None
    title: str
    state: Headline
    headline: str
    checks: list[CheckView]
    incidents: list[Outage]
    cut: bool = False
    notes: list[Note]
    maintenance: list[Planned]
    every_s: float = 60.0
    unreachable_since: datetime | None = None
