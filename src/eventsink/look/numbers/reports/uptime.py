"""How long checks were up. It is made of their results, which another part of the store keeps."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from eventsink.errors import InvalidQuestion
from eventsink.look.numbers.report import Column, Plot, Report, Sources, Table, Wanted
from eventsink.store.uptime import Uptime

__all__ = ["UPTIME", "uptime_table"]

_GROUPS = {
    "check": Column("target", "Target"),
    "region": Column("region", "Region"),
    "hour": Column("begin", "From", "time"),
    "day": Column("begin", "From", "time"),
    "month": Column("begin", "From", "time"),
}
_SUMS = (
    Column("uptime_percent", "Uptime", "percent"),
    Column("up_s", "Up", "s"),
    Column("down_s", "Down", "s"),
    Column("unknown_s", "Unknown", "s"),
    Column("maintenance_s", "Maintenance", "s"),
    Column("incidents", "Incidents", "count"),
    Column("average_ms", "Average", "ms"),
)


def uptime_table(found: Uptime, by: str) -> Table:
    """The rows of uptime as those of any report."""
    columns = (Column("check", "Check"), _GROUPS[by], *_SUMS)
    rows = [tuple(_plain(getattr(row, column.name)) for column in columns) for row in found.rows]
    notes = [] if rows else ["Nothing was checked in this time."]
    unknown = sum(row.unknown_s for row in found.rows)
    if unknown:
        notes.append("Of some time nobody knows whether a check was up: it counts neither way, and is a column.")
    lasting = [incident.check for incident in found.incidents if incident.end is None]
    if lasting:
        notes.append(f"Not over at its end: incidents of {_names(lasting)}.")
    return Table(
        columns=columns,
        rows=rows,
        footnotes=tuple(notes),
        plots=(Plot("Up, percent", "check" if by in ("check", "region") else "begin", "uptime_percent", adds=False),),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return round(value, 6) if isinstance(value, float) else value


def _names(checks: Sequence[str]) -> str:
    return ", ".join(sorted(set(checks))[:20])


async def _make(_sources: Sources, _wanted: Wanted) -> Table:
    raise InvalidQuestion("The report uptime has an address of its own, /v1/reports/uptime.")


UPTIME = Report(
    name="uptime",
    title="Uptime",
    about=(
        "The time up by the time of which it is known that a check was up or down, from intervals between its results."
        " Days and months are those of UTC."
    ),
    make=_make,
    by=("check", "region", "hour", "day", "month"),
    default_by=("check",),
    period="30d",
    filters=("check",),
    columns=(Column("check", "Check"), _GROUPS["check"], *_SUMS),
)
