"""What a run of a check has come to, and the events that are made of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import msgspec

from eventsink.event import Event, content_id, new_ids

__all__ = ["Place", "Result", "change", "removal", "update"]


class Place(msgspec.Struct, frozen=True):
    """Where a monitor stands.

    Args:
        region: as `urbana`.
        monitor: its name; no two monitors that report to one sink share it.
    """

    region: str
    monitor: str

    @property
    def source(self) -> str:
        """The source of its events."""
        return f"monitor/{self.monitor}"


class Result(msgspec.Struct, frozen=True):
    """What one run has found.

    Args:
        check: name of the check.
        event: type of the event that is made of it.
        up: None where it could not be told.
        reason: class of the failure in one word; empty where all is well.
        message: for a person.
        numbers: fields of the event.
        time: when it began.
        elapsed_ms: how long it took.
        every_s: from one run to the next.
        missed: runs that were left out before this one.
        key: what makes it the same result when it is measured again.
        traceback: of a bug in the check, for its author alone.
    """

    check: str
    kind: str
    target: str
    event: str
    up: bool | None
    reason: str
    message: str
    numbers: Mapping[str, Any]
    time: datetime
    elapsed_ms: float
    every_s: float
    missed: int = 0
    key: str = ""
    traceback: str = ""

    @property
    def state(self) -> str:
        """`up`, `down` or `unknown`."""
        return "unknown" if self.up is None else "up" if self.up else "down"


def update(result: Result, place: Place) -> Event:
    """The event of one result."""
    data = _present(result.numbers) | _common(result, place) | {"every_s": result.every_s}
    if result.missed:
        data["missed"] = result.missed
    known = {"check": result.check, "key": result.key, "monitor": place.monitor}
    event_id = content_id(known, result.time) if result.key else new_ids(1, result.time)[0]
    return _event(event_id, result.event, result.time, place, data)


def change(result: Result, place: Place, since: datetime | None, before: str, life: str) -> Event:
    """The event of a check that went up or down.

    Its id follows from what was before, so that a change that is seen again after the process was killed is the same.

    Args:
        since: when the state before began; None where nothing was known.
        before: that state.
        life: stands for the file of states: nothing was known in the beginning, and again if it was lost.
    """
    began = since.isoformat() if since else ""
    known = {"check": result.check, "monitor": place.monitor, "before": before, "since": began, "now": result.state}
    known["life"] = life
    data = _common(result, place) | ({"since": began} if began else {})
    return _event(content_id(known, since), "health.status_changed", result.time, place, data)


def removal(check: str, place: Place, since: datetime, life: str) -> Event:
    """The event of a check that is in the settings of its monitor no more.

    Its id follows from what was known, so that one that is told again after the process was killed is the same.

    Args:
        since: when the last state of it began.
        life: stands for the file of states.
    """
    known = {"check": check, "monitor": place.monitor, "since": since.isoformat(), "removed": True, "life": life}
    data = {"target": check, "region": place.region, "monitor": place.monitor, "check": check, "up": None}
    said = {"reason": "removed", "message": "It was taken out of the settings of its monitor."}
    return _event(content_id(known, since), "health.status_changed", datetime.now(UTC), place, data | said)


def _common(result: Result, place: Place) -> dict[str, Any]:
    data = {
        "target": result.target,
        "region": place.region,
        "monitor": place.monitor,
        "check": result.check,
        "kind": result.kind,
        "reason": result.reason,
        "message": result.message,
        "elapsed_ms": round(result.elapsed_ms, 3),
    }
    return {"up": result.up, **{name: value for name, value in data.items() if value not in {None, ""}}}


def _present(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """What an event can hold of the numbers of a check: finite ones, words, and yes or no."""
    return {
        str(name): round(value, 6) if isinstance(value, float) else value
        for name, value in numbers.items()
        if isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value))
    }


def _event(event_id: str, kind: str, time: datetime, place: Place, data: dict[str, Any]) -> Event:
    return Event(
        id=event_id,
        source=place.source,
        type=kind,
        time=time,
        received=datetime.now(UTC),
        subject=f"checks/{data['check']}",
        data=data,
    )
