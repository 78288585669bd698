"""One thing that people are told of an alert."""

from datetime import datetime
from typing import Literal

import msgspec

__all__ = ["SEVERITIES", "Kind", "Notice", "Severity"]

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")

Kind = Literal["firing", "resolved", "reminder", "closed", "test"]


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One transition of an alert, as it is told to every channel.

    Args:
        id: of the transition; who gets it twice knows it by this.
        alert: which, as `check/clowder`, `monitor/urbana-1` or `sink/dead/influxdb`.
        title: of the alert, for a person.
        kind: `firing`, it is not well; `resolved`, it is well again; `reminder`, it is still not well; `closed`, nobody
            watches it any more, and how it is nobody knows.
        time: when that was found.
        since: from when on it was not well.
        reason: class of the failure in one word.
        message: a sentence for a person: what is wrong, or what it was.
        target: what is checked.
        regions: in which it is not well, or was not.
        note: what else to know, as that it changes too often, or that it was not told at once.
    """

    id: str
    alert: str
    title: str
    kind: Kind
    severity: Severity
    time: datetime
    since: datetime
    reason: str = ""
    message: str = ""
    target: str = ""
    regions: list[str] = []
    note: str = ""
