"""Who uses the platform, how much: by month, space, dataset, user and institution."""

from eventsink.look.numbers.asked import FILTERS
from eventsink.look.numbers.footnotes import about_sums, counted
from eventsink.look.numbers.measures import ADDED, DOWNLOADED, DOWNLOADS, REMOVED, UPLOADS, USERS, VIEWS
from eventsink.look.numbers.report import Column, Plot, Report, Sources, Table, Wanted
from eventsink.look.numbers.sums import Sums, by_groups

__all__ = ["USAGE", "notes_of_sums"]

_COLUMNS = (
    (USERS, Column("users", "Users", "count")),
    (UPLOADS, Column("uploads", "Uploads", "count")),
    (ADDED, Column("bytes_added", "Bytes added", "bytes")),
    (REMOVED, Column("bytes_removed", "Bytes removed", "bytes")),
    (DOWNLOADS, Column("downloads", "Downloads", "count")),
    (DOWNLOADED, Column("bytes_downloaded", "Bytes downloaded", "bytes")),
    (VIEWS, Column("views", "Views", "count")),
)
_RUNS = Column("runs", "Extractor runs", "count")


async def _make(sources: Sources, wanted: Wanted) -> Table:
    sums = await by_groups(sources, wanted, _COLUMNS, runs=_RUNS)
    notes = await about_sums(
        sources,
        wanted,
        (
            "robot_views",
            "robot_downloads",
            "failed_views",
            "failed_downloads",
            "uploads_without_size",
            "deletions_without_size",
            "downloads_without_size",
        ),
    )
    label = wanted.by[0]
    return Table(
        columns=sums.columns,
        rows=sums.rows,
        totals=sums.totals,
        footnotes=(*notes, *notes_of_sums(sums, sources, wanted)),
        plots=(
            Plot("Active users", label, "users", adds=False),
            Plot("Downloads", label, "downloads"),
            Plot("Bytes added", label, "bytes_added"),
        ),
    )


def notes_of_sums(sums: Sums, sources: Sources, wanted: Wanted) -> tuple[str, ...]:
    """What is to be known of groups."""
    notes = []
    names = [column.name for column in sums.columns]
    if "users" in names and sum(row[names.index("users")] for row in sums.rows) > sums.totals[names.index("users")]:
        notes.append("A user of several rows counts once in the total, so that it may be less than their sum.")
    if sums.without_runs:
        notes.append(f"Runs of extractors have no {', '.join(sums.without_runs)}: with this filter none are counted.")
    if sums.unknown:
        known = "for them none is known" if sources.known.of_people else "nothing in [reports] says where one would be"
        notes.append(f"Users whose institution is not known: {counted(sums.unknown)}, as {known}.")
    if sums.cut:
        notes.append(f"These are the first {counted(wanted.limit)} rows; there are more. The total has all.")
    return tuple(notes)


USAGE = Report(
    name="usage",
    title="Usage",
    about=(
        "A user did something with a login in this time. Views, downloads and users leave robots out. A run of an"
        " extractor counts when it has ended, for the user who submitted it. Months are those of the zone."
    ),
    make=_make,
    by=("month", "space", "dataset", "user", "institution"),
    default_by=("month",),
    combined=True,
    filters=FILTERS,
    columns=(Column("month", "Month", "month"), *(column for _, column in _COLUMNS), _RUNS),
)
