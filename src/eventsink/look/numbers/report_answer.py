"""A report with all that is said of it, ready to be rendered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from eventsink.look.numbers.report import Table

__all__ = ["ReportAnswer"]


class ReportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A report.

    Args:
        since: None where there are no events, and all time was asked for.
        whole: whether that was.
        events: of any kind, in the period; None where they were not counted.
        newest: the time of the newest of those.
    """

    name: str
    title: str
    about: str
    since: datetime | None
    until: datetime | None
    whole: bool
    zone: str
    by: tuple[str, ...]
    filters: Mapping[str, Any]
    table: Table
    events: int | None
    newest: datetime | None
    version: str
