"""Puts the page together. Only what is public gets in: the renderers know nothing of any other check."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TypeVar

import msgspec

from eventsink.look.status.contract import Headline, Note, Planned, Said, StatusPage
from eventsink.store.uptime import CheckView, Overview

__all__ = ["DAYS", "compose"]

DAYS = 90

Told = TypeVar("Told", Note, Planned)


def compose(said: Said, overview: Overview, now: datetime) -> StatusPage:
    """The page of this moment.

    Args:
        overview: of the public checks; of others it may have more, which are left out.
    """
    public = list(dict.fromkeys(said.public))
    checks = [view for view in overview.checks if view.name in public]
    state, headline = _headline(checks)
    oldest = now - timedelta(days=DAYS)
    notes = [note for note in said.notes if note.closed is None or note.closed > oldest]
    return StatusPage(
        made=now,
        read_at=overview.read_at,
        title=said.title,
        state=state,
        headline=headline,
        checks=checks,
        incidents=[outage for outage in overview.incidents if outage.check in public],
        cut=overview.cut,
        notes=sorted(_public(notes, public), key=lambda note: note.opened, reverse=True),
        maintenance=sorted(
            _public([planned for planned in said.maintenance if planned.end > now], public),
            key=lambda planned: planned.begin,
        ),
        every_s=said.every_s,
    )


def _public(found: Iterable[Told], public: Sequence[str]) -> Iterable[Told]:
    """Those that are about a public check, or about all, and of their checks the public ones."""
    for one in found:
        names = [name for name in public if any(name == wanted or fnmatchcase(name, wanted) for wanted in one.checks)]
        if names or not one.checks:
            yield msgspec.structs.replace(one, checks=[] if len(names) == len(public) else names)


def _headline(checks: Sequence[CheckView]) -> tuple[Headline, str]:
    """The state of all checks together, and the sentence that says it."""
    count = {state: sum(check.state == state for check in checks) for state in ("down", "maintenance", "unknown")}
    if not checks:
        return "nothing", "Nothing is shown here yet."
    if count["down"]:
        return "down", f"{count['down']} of {len(checks)} {'is' if count['down'] == 1 else 'are'} down."
    if count["unknown"] == len(checks):
        return "unknown", "Nothing is known at the moment."
    unknown = f" Of {count['unknown']} nothing is known at the moment." if count["unknown"] else ""
    if count["maintenance"]:
        rest = "" if count["maintenance"] + count["unknown"] == len(checks) else " All else is up."
        return "maintenance", f"{count['maintenance']} of {len(checks)} in maintenance.{rest}{unknown}"
    if unknown:
        return "unknown", f"What is known is up.{unknown}"
    return "up", "All is well."
