"""Runs of extractors, by the id of their job: what Clowder's own report gets wrong."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eventsink.errors import InvalidQuestion
from eventsink.look.numbers.footnotes import counted
from eventsink.look.numbers.grouping import group_columns, in_sql, months_of, named_groups, span_values
from eventsink.look.numbers.names import NAMED
from eventsink.look.numbers.report import Column, Plot, Report, Sources, Table, Wanted
from eventsink.look.numbers.runs import kept_runs
from eventsink.store.facts.question import RUN_COLUMNS

__all__ = ["EXTRACTORS"]

ANONYMOUS = "0" * 24  # Clowder's id of whoever has no login
_MS = timedelta(milliseconds=1)
_NAMES = (
    "userid", "username", "email", "resource_id", "resource_type", "space_id", "extractor", "job_id", "job_type",
    "status_count", "last_status", "start", "end", "duration_ms",
)  # fmt: skip
_UNITS: Mapping[str, Any] = {"start": "time", "end": "time", "duration_ms": "ms", "status_count": "count"}
_JOBS = tuple(
    Column(name, name.replace("_ms", "").replace("_", " ").capitalize(), _UNITS.get(name, "text")) for name in _NAMES
)
_SUMS = (
    Column("runs", "Runs", "count"),
    Column("done", "Done", "count"),
    Column("failed", "Failed", "count"),
    Column("skipped", "Skipped", "count"),
    Column("cancelled", "Cancelled", "count"),
    Column("open", "Not ended", "count"),
    Column("retries", "Retries", "count"),
    Column("queue_median_ms", "In the queue, median", "ms"),
    Column("run_median_ms", "Run time, median", "ms"),
    Column("run_p95_ms", "Run time, 95 %", "ms"),
    Column("run_total_ms", "Run time in all", "ms"),
)


class Run(msgspec.Struct, frozen=True, array_like=True):
    """A row of `report_run_rows.sql`."""

    user: str | None
    user_name: str | None
    resource: str | None
    resource_type: str | None
    space: str | None
    extractor: str | None
    job: str | None
    queuings: int
    statuses: int
    status: str | None
    queued: datetime | None
    started: datetime | None
    ended: datetime | None
    queue_ms: float | None
    run_ms: float | None


async def _make(sources: Sources, wanted: Wanted) -> Table:
    if "job" in wanted.by and wanted.by != ("job",):
        raise InvalidQuestion("By job is by nothing else: leave the others out.")
    async with kept_runs(sources, wanted, "begun"):
        return await (_by_job(sources, wanted) if "job" in wanted.by else _by_groups(sources, wanted))


def _span(sources: Sources, wanted: Wanted) -> dict[str, Any]:
    return {name: value for name, value in span_values(sources, wanted).items() if name != "committed"}


# --- job by job ------------------------------------------------------------------------------------------------------


async def _by_job(sources: Sources, wanted: Wanted) -> Table:
    parts, values = await in_sql(wanted, (), RUN_COLUMNS)
    values |= _span(sources, wanted) | {"limit": wanted.limit}
    found = await sources.store.rows("report_run_rows", values, where=parts["where"])
    runs = [Run(*row) for row in found]
    await sources.known.meet(run.user for run in runs)
    names = await sources.known.names("user", (run.user for run in runs))
    rows = [row for run in runs for row in _rows(run, sources, names)]
    return Table(columns=_JOBS, rows=rows, footnotes=await _notes(sources, wanted, cut=True), quoted=True)


def _rows(run: Run, sources: Sources, names: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """A row for the time in the queue, and one for the work: what has not come to pass has none."""
    person = sources.known.person(run.user)
    who = (run.user or ANONYMOUS, names.get(run.user or "") or run.user_name or "", person.email)
    about = (*who, run.resource, run.resource_type, run.space, run.extractor, run.job)
    rows = []
    if run.queued is not None or run.queue_ms is not None:
        waited = run.queue_ms if run.queue_ms is not None else _between(run.queued, run.started)
        begun = run.queued if run.queued is not None else _before(run.started, waited)
        rows.append((*about, "queue", run.queuings, "SUBMITTED", begun, run.started, _whole(waited)))
    if run.statuses:
        ran = run.run_ms if run.run_ms is not None else _between(run.started, run.ended)
        last = (run.status or "").upper()
        rows.append((*about, "work", run.statuses, last, run.started, run.ended, _whole(ran)))
    return rows


def _between(begin: datetime | None, end: datetime | None) -> float | None:
    """Never less than nothing: statuses have whole seconds, and may seem to lie before the submission."""
    return None if begin is None or end is None else max(0.0, (end - begin) / _MS)


def _before(end: datetime | None, milliseconds: float | None) -> datetime | None:
    return None if end is None or milliseconds is None else end - milliseconds * _MS


def _whole(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds)


# --- sums ------------------------------------------------------------------------------------------------------------


async def _by_groups(sources: Sources, wanted: Wanted) -> Table:
    rows = await _sums(sources, wanted, wanted.by, wanted.limit + 1)
    kept = [tuple(_value(name, value) for name, value in zip(wanted.by, row, strict=False)) for row in rows]
    kept = kept[: wanted.limit]
    names = await named_groups(sources, wanted.by, kept)
    totals = await _sums(sources, wanted, (), 1)
    columns = (*group_columns(wanted.by), *_SUMS)
    empty = [None] * (len(columns) - len(_SUMS))
    notes = await _notes(sources, wanted, cut=False)
    if len(rows) > wanted.limit:
        notes = (*notes, f"These are the first {counted(wanted.limit)} rows; there are more. The total has all.")
    return Table(
        columns=columns,
        rows=[
            (*_named(wanted.by, group, names), *_plain(row[len(wanted.by) :]))
            for group, row in zip(kept, rows, strict=False)
        ],
        totals=(*empty, *_plain(totals[0])) if totals else None,
        footnotes=notes,
        plots=(Plot("Runs", wanted.by[0], "runs"), Plot("Run time in all", wanted.by[0], "run_total_ms")),
    )


async def _sums(sources: Sources, wanted: Wanted, by: tuple[str, ...], limit: int) -> list[tuple[Any, ...]]:
    parts, values = await in_sql(wanted, by, RUN_COLUMNS)
    values |= _span(sources, wanted) | {"limit": limit}
    return await sources.store.rows("report_run_sums", values, **parts)


def _value(name: str, value: Any) -> Any:
    return months_of(value) if name == "month" else value


def _named(by: tuple[str, ...], group: tuple[Any, ...], names: Mapping[str, Mapping[str, str]]) -> list[Any]:
    cells: list[Any] = []
    for name, value in zip(by, group, strict=True):
        cells.append(value)
        if name in NAMED:
            cells.append(names[name].get(value) if value is not None else f"(no {name})")
    return cells


def _plain(numbers: tuple[Any, ...]) -> list[Any]:
    """Whole milliseconds and counts: of halves nobody knows anything."""
    return [None if value is None else round(value) for value in numbers]


async def _notes(sources: Sources, wanted: Wanted, *, cut: bool) -> tuple[str, ...]:
    parts, values = await in_sql(wanted, (), RUN_COLUMNS)
    ((runs, without_job, without_user, still, unsubmitted),) = await sources.store.rows(
        "report_run_notes",
        values | _span(sources, wanted),
        where=parts["where"],
    )
    notes = []
    if without_job:
        notes.append(
            f"Runs without the id of a job: {counted(without_job)}. They were told apart by resource, extractor and the"
            " order of their times."
        )
    if without_user:
        notes.append(f"Runs of which nobody said who submitted them: {counted(without_user)}.")
    if unsubmitted:
        notes.append(
            f"Runs whose submission is missing: {counted(unsubmitted)}. Their time in the queue is known if an event"
            " says it."
        )
    if still:
        notes.append(f"Runs that have not ended, or of which nobody said so: {counted(still)}. They have no end.")
    if cut and runs > wanted.limit:
        notes.append(f"These are the first {counted(wanted.limit)} runs of {counted(runs)}.")
    return tuple(notes)


EXTRACTORS = Report(
    name="extractors",
    title="Extractors",
    about=(
        "Runs that were submitted, or first heard of, in this time. All events of one job id are one run, also when it"
        " is tried again; two jobs on one file are two. The user is who submitted it, also where statuses are"
        " anonymous. By job, the columns are those of Clowder's report: a row for the time in the queue, from"
        " submission to start, and one for the work, from start to end. Lengths are those that events give, else"
        " differences of their times. Times are UTC; a run that still waits or works has no end, where Clowder left it"
        " out."
    ),
    make=_make,
    by=("job", "month", "extractor", "user", "space", "dataset", "resource_type", "status"),
    default_by=("job",),
    combined=True,
    period="30d",
    filters=RUN_COLUMNS,
    columns=_JOBS,
)
