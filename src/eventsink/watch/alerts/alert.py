"""One alert: in which state a thing is, and what people have been told of it."""

from typing import Any

import msgspec

from eventsink.watch.alerts.machine import State
from eventsink.watch.alerts.notice import Severity

__all__ = ["Alert", "Facts"]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of an alert, as it was seen last.

    Args:
        title: for a person.
        since: seconds since 1970, from when on it is not well; 0 where all is well.
    """

    title: str
    severity: Severity = "warning"
    target: str = ""
    reason: str = ""
    message: str = ""
    regions: list[str] = []
    since: float = 0.0


class Alert(msgspec.Struct, kw_only=True):
    """What is kept of one alert. Times are seconds since 1970.

    Args:
        name: as `check/clowder`.
        facts: as of when it was not well last.
        told: whether people believe that it is not well.
        told_at: when they were told last.
        fired: when it fired, within the last hour.
        flapping: that it fires too often: it is told again when it has stayed the same for a while.
        muted: why nothing is told now; empty where something would be.
        was_muted: why nothing was told when it fired.
        acknowledged: by whom, or why: no reminders are sent then.
        channels: that were told when it fired; they are told what follows.
    """

    name: str
    facts: Facts
    state: State = State()
    told: bool = False
    told_at: float = 0.0
    fired: list[float] = []
    flapping: bool = False
    muted: str = ""
    was_muted: str = ""
    acknowledged: str = ""
    channels: list[str] = []

    @property
    def is_idle(self) -> bool:
        """Whether nothing is the matter, and nothing is left to be told."""
        return self.state.phase == "ok" and not self.told and not self.flapping

    def shown(self) -> dict[str, Any]:
        """As programs and people see it; times are seconds since 1970."""
        return {
            "name": self.name,
            "title": self.facts.title,
            "state": self.state.phase,
            "severity": self.facts.severity,
            "target": self.facts.target,
            "since": (self.facts.since or self.state.begun) if self.state.phase != "ok" else self.state.since,
            "reason": self.facts.reason,
            "message": self.facts.message,
            "regions": self.facts.regions,
            "told": self.told,
            "muted": self.muted,
            "flapping": self.flapping,
            "acknowledged": self.acknowledged,
        }
