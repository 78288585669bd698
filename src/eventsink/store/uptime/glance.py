"""All checks that are known, as small as can be: for a page that asks every few seconds.

It is what `overview` says, without days, and with the hours of all checks side by side.
"""

import sqlite3
from datetime import datetime, timedelta

import msgspec

from eventsink.event import EPOCH
from eventsink.store.uptime import file
from eventsink.store.uptime.file import DAY, HOUR
from eventsink.store.uptime.overview import HIDDEN, RECENT, SPANS, RegionView, State, Took, survey

__all__ = ["MOST_CHECKS", "CheckGlance", "Glance", "glance"]

MOST_CHECKS = 1000


class CheckGlance(msgspec.Struct, frozen=True, kw_only=True):
    """One check.

    Args:
        since: from when on its state is so, where that is known.
        reason: class of the failure in one word; empty where it is not down.
        uptime: percent of the last 24h, 7d, 30d and 90d; None where nothing is known.
        took_ms: how long it took on average in each hour; None where it was not measured.
    """

    name: str
    state: State
    since: datetime | None
    reason: str
    regions: list[RegionView]
    uptime: dict[str, float | None]
    took_ms: list[float | None]


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Args:
        checks: by name.
        total: how many there are, also where not all are in it.
        hours_from: when the first hour of `took_ms` begins.
        read_at: up to when results were read; None where nobody has read any yet.
    """

    checks: list[CheckGlance]
    total: int
    cut: bool
    hours_from: datetime
    read_at: datetime | None = None


def glance(connection: sqlite3.Connection, now: int, most: int = MOST_CHECKS) -> Glance:
    """Look at all checks. On the thread that owns the connection.

    Args:
        now: milliseconds since 1970.
        most: checks that are in it, the first by name.
    """
    names, total = file.names_since(connection, now - max(SPANS.values()) * DAY, HIDDEN, most)
    found = survey(connection, names, now, days=1)
    reasons = {outage.check: outage.reason for outage in found.incidents if outage.end is None}
    first = EPOCH + timedelta(milliseconds=now - now % HOUR - RECENT * HOUR)
    checks = [
        CheckGlance(
            name=view.name,
            state=view.state,
            since=view.since,
            reason=reasons.get(view.name, "") if view.state == "down" else "",
            regions=view.regions,
            uptime=view.uptime,
            took_ms=_side_by_side(view.hours, first),
        )
        for view in found.checks
    ]
    return Glance(checks=checks, total=total, cut=total > len(names), hours_from=first)


def _side_by_side(hours: list[Took], first: datetime) -> list[float | None]:
    """The hours in which a check was measured, among all hours."""
    found: list[float | None] = [None] * (RECENT + 1)
    for hour in hours:
        found[(hour.begin - first) // timedelta(hours=1)] = hour.average_ms
    return found
