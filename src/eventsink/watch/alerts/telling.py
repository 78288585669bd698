"""What people are told of an alert: each change once, but not in a silence, nor all of it when it changes too often.

What people believe is kept beside what is so. Whatever the reason for silence was, when it ends they are told if the
two differ, and only then. That something is well again they are always told who were told that it is not.
"""

from typing import NamedTuple

from eventsink.watch.alerts.alert import Alert, Facts
from eventsink.watch.alerts.machine import Phase, Signal, step
from eventsink.watch.alerts.notice import Kind

__all__ = ["HOUR", "Circumstances", "Told", "tell"]

HOUR = 3600.0  # seconds in which it is counted how often an alert fires
CALM = 900.0  # seconds in which nothing changes, after which an alert is told again that changed too often


class Circumstances(NamedTuple):
    """What else decides.

    Args:
        muted: why nothing is to be told now; empty: it may be.
        hold: seconds in which it must be suspected before it fires.
        flaps: times that it may fire within an hour.
        reminder: seconds after which it is told again; 0: never.
    """

    muted: str = ""
    hold: float = 0.0
    flaps: int = 5
    reminder: float = 0.0


class Told(NamedTuple):
    """What is told now."""

    kind: Kind
    note: str = ""


def tell(alert: Alert, signal: Signal | None, facts: Facts, now: float, about: Circumstances) -> Told | None:
    """Take a look at one thing into its alert; gives what people are to be told now.

    Args:
        signal: None where nothing is known: all stays as it was.
        facts: what is to be said of it; those of the last time it was not well are kept.
    """
    before = alert.state.phase
    alert.state = step(alert.state, signal, now, about.hold)
    alert.facts = facts if facts.since or before == "ok" else _kept(alert.facts, facts)
    alert.muted = about.muted if alert.state.phase != "ok" else ""
    if alert.state.phase == "firing" and before in {"ok", "pending"}:
        _fire(alert, now, about.flaps)
    if alert.state.phase == "ok":
        return _tell_well(alert, before, now)
    if alert.state.phase == "firing":
        return _tell_firing(alert, now, about)
    return None


def _kept(before: Facts, now: Facts) -> Facts:
    """What was the matter, under its present name and severity."""
    return Facts(
        title=now.title,
        severity=now.severity,
        target=now.target or before.target,
        reason=before.reason,
        message=before.message,
        regions=before.regions,
        since=before.since,
    )


def _fire(alert: Alert, now: float, flaps: int) -> None:
    alert.fired = [*(at for at in alert.fired if now - at < HOUR), now]
    alert.flapping = alert.flapping or len(alert.fired) >= flaps
    alert.was_muted = ""


def _tell_well(alert: Alert, before: Phase, now: float) -> Told | None:
    if before != "ok":
        alert.was_muted = alert.acknowledged = ""
    if alert.flapping:
        if now - alert.state.since < CALM:
            return None
        alert.flapping = False
    if not alert.told:
        return None
    alert.told = False
    return Told("resolved")


def _tell_firing(alert: Alert, now: float, about: Circumstances) -> Told | None:
    if about.muted:
        alert.was_muted = alert.was_muted or about.muted
        return None
    if not alert.told:
        alert.told, alert.told_at = True, now
        note = f"It was not told before: {alert.was_muted}." if alert.was_muted else ""
        if alert.flapping:
            times = f"It has fired {len(alert.fired)} times within an hour:"
            note = f"{times} what follows is told when it has stayed the same for {CALM / 60:g} minutes."
        return Told("firing", note)
    if alert.flapping and now - alert.state.since >= CALM:
        alert.flapping = False
    if about.reminder and not alert.acknowledged and now - alert.told_at >= about.reminder:
        alert.told_at = now
        return Told("reminder")
    return None
