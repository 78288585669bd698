"""Spaces, with Clowder's columns in its order."""

from eventsink.look.numbers.report import Column, Report, Sources, Table, Wanted
from eventsink.look.numbers.reports.resources import find_contents, find_resources, notes_of_resources

__all__ = ["SPACES"]

_COLUMNS = (
    Column("type", "Type"),
    Column("id", "Id"),
    Column("name", "Name"),
    Column("description", "Description"),
    Column("creator_id", "Creator's id"),
    Column("created", "Created", "time"),
    Column("datasets", "Datasets", "count"),
    Column("collections", "Collections", "count"),
    Column("users", "Users", "count"),
)


async def _make(sources: Sources, wanted: Wanted) -> Table:
    rows, counts = await find_resources(sources, wanted, "space")
    held = await find_contents(sources)
    return Table(
        columns=_COLUMNS,
        rows=[
            ("space", row.id, row.name, None, row.owner, row.created, *held.get(row.id, (0, 0)), None) for row in rows
        ],
        footnotes=(
            *await notes_of_resources(sources, wanted, counts, ("space",)),
            "Events do not carry the description and the members (users) of a space: empty.",
        ),
        timeless=wanted.whole,
    )


SPACES = Report(
    name="spaces",
    title="Spaces",
    about=(
        "Columns and their order are those of Clowder's report. Datasets and collections are those that events place in"
        " the space and that are not deleted. With a period: spaces that were created in it."
    ),
    make=_make,
    period="all",
    filters=("space", "source"),
    columns=_COLUMNS,
)
