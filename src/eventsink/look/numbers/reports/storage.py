"""What was stored and removed; file by file it is Clowder's own report of storage."""

from eventsink.look.numbers.footnotes import about_sums
from eventsink.look.numbers.measures import ADDED, DELETED, NET, REMOVED, UPLOADS
from eventsink.look.numbers.panel import of_type
from eventsink.look.numbers.report import Column, Plot, Report, Sources, Table, Wanted
from eventsink.look.numbers.reports.resources import storage_by_file
from eventsink.look.numbers.reports.usage import notes_of_sums
from eventsink.look.numbers.sums import by_groups

__all__ = ["STORAGE"]

_FILES = of_type("storage.file_uploaded", "storage.file_deleted")
_COLUMNS = (
    (UPLOADS, Column("files_added", "Files added", "count")),
    (ADDED, Column("bytes_added", "Bytes added", "bytes")),
    (DELETED, Column("files_removed", "Files removed", "count")),
    (REMOVED, Column("bytes_removed", "Bytes removed", "bytes")),
    (NET, Column("bytes_net", "Net", "bytes")),
)


async def _make(sources: Sources, wanted: Wanted) -> Table:
    if "file" in wanted.by:
        return await storage_by_file(sources, wanted)
    sums = await by_groups(sources, wanted, _COLUMNS, where=_FILES)
    notes = await about_sums(sources, wanted, ("uploads_without_size", "deletions_without_size"))
    label = wanted.by[0]
    return Table(
        columns=sums.columns,
        rows=sums.rows,
        totals=sums.totals,
        footnotes=(*notes, *notes_of_sums(sums, sources, wanted)),
        plots=(Plot("Bytes added", label, "bytes_added"), Plot("Bytes removed", label, "bytes_removed")),
    )


STORAGE = Report(
    name="storage",
    title="Storage",
    about=(
        "Bytes of the files that were uploaded and deleted in this time, and the difference of both; not what the disk"
        " holds. By file it has the columns of Clowder's report of storage, of the files that are there."
    ),
    make=_make,
    by=("month", "space", "dataset", "user", "institution", "mime_type", "file"),
    default_by=("month",),
    combined=True,
    filters=("space", "dataset", "collection", "resource", "user", "source", "mime_type"),
    columns=(Column("month", "Month", "month"), *(column for _, column in _COLUMNS)),
)
