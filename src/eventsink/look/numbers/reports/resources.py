"""What exists, with Clowder's columns in its order: files, datasets, collections, all of them, and storage by file."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from eventsink.errors import InvalidQuestion
from eventsink.look.numbers.footnotes import counted, naive
from eventsink.look.numbers.report import Column, Report, Sources, Table, Wanted
from eventsink.store.facts.compile import narrowed
from eventsink.store.sql import statement

__all__ = [
    "COLLECTIONS", "DATASETS", "FILES", "RESOURCES", "Found", "find_contents", "find_resources", "storage_by_file",
]  # fmt: skip

AT_ONCE = 20_000  # of which all is looked up
FILTERS = ("space", "dataset", "collection", "resource", "source", "mime_type")
_ABOUT = (
    "Columns and their order are those of Clowder's report of the same name. A row is what events name; what is deleted"
    " is left out. With a period: those that were created or uploaded in it. Views and downloads are of all time, as"
    " Clowder's are, and leave robots out. size_kb is bytes / 1000, cut to a whole number."
)


class Found(msgspec.Struct, frozen=True, array_like=True):
    """A row of `report_resources.sql`."""

    kind: str
    id: str
    name: str | None
    owner: str | None
    bytes: int | None
    mime_type: str | None
    datasets: str | None
    collections: str | None
    spaces: str | None
    created: Any
    viewed: Any
    downloaded: Any
    views: int
    downloads: int
    archived: bool


async def find_resources(sources: Sources, wanted: Wanted, *kinds: str) -> tuple[list[Found], dict[str, int]]:
    """What exists of some kinds, and how many are deleted or of unknown age.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    where, values = narrowed(wanted.asked.filters)
    values |= {"committed": sources.committed, "types": list(kinds)}
    parts = {"things": statement("report_things", where=where, known=_known()), "created": "true"}
    if not wanted.whole:
        parts["created"] = "created >= $since AND created < $until"
        period = wanted.asked.period
        values |= {"since": naive(period.since), "until": naive(period.until)}
    ids = await sources.store.rows("report_resource_ids", values | {"limit": wanted.limit}, **parts)
    ((kept, deleted, undated),) = await sources.store.rows("report_resource_notes", values, **parts)
    found: dict[tuple[str, str], Found] = {}
    for start in range(0, len(ids), AT_ONCE):
        found |= await _details(sources, kinds, ids[start : start + AT_ONCE])
    return [found[kind, resource] for kind, resource in ids], {"kept": kept, "deleted": deleted, "undated": undated}


async def find_contents(sources: Sources) -> dict[str, tuple[int, int]]:
    """How many datasets and collections each space has.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    values = {"committed": sources.committed, "types": ["dataset", "collection"]}
    parts = {"known": _known(), "things": statement("report_things", where="", known=_known())}
    rows = await sources.store.rows("report_space_contents", values, **parts)
    return {space: (datasets, collections) for space, datasets, collections in rows}


async def _details(
    sources: Sources, kinds: Sequence[str], ids: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Found]:
    """All that is known of some of them."""
    values = {"committed": sources.committed, "types": list(kinds), "ids": sorted({resource for _, resource in ids})}
    rows = await sources.store.rows("report_resources", values, known=_known(chosen=True))
    return {(row[0], row[1]): Found(*row) for row in rows}


def _known(*, chosen: bool = False) -> str:
    """The statement of what is said of all, or of those with some ids."""
    columns = {"chosen": "resource", **{f"chosen_{name}s": name for name in ("dataset", "collection", "space")}}
    narrow = " AND {} IN (SELECT unnest($ids))" if chosen else ""
    return statement("report_known", **{part: narrow.format(column) for part, column in columns.items()})


Cell = Callable[[Found], Any]


def _list(text: str | None) -> str:
    return text or ""


# Clowder's columns: title, unit, and what of a row stands in it. Without the last, no event carries it.
_CELLS: Mapping[str, tuple[str, Any, Cell | None]] = {
    "type": ("Type", "text", lambda row: row.kind),
    "file_type": ("Kind of file", "text", lambda row: row.mime_type),
    "id": ("Id", "text", lambda row: row.id),
    "name": ("Name", "text", lambda row: row.name),
    "owner_id": ("Owner's id", "text", lambda row: row.owner),
    "size_kb": ("Size, kB", "count", lambda row: row.bytes // 1000 if row.bytes is not None else None),
    "uploaded": ("Uploaded", "time", lambda row: row.created),
    "created": ("Created", "time", lambda row: row.created),
    "uploaded/created": ("Uploaded or created", "time", lambda row: row.created),
    "views": ("Views", "count", lambda row: row.views),
    "downloads": ("Downloads", "count", lambda row: row.downloads if row.kind != "collection" else None),
    "last_viewed": ("Last viewed", "time", lambda row: row.viewed),
    "last_downloaded": ("Last downloaded", "time", lambda row: row.downloaded),
    "location": ("Location", "text", None),
    "parent_datasets": ("In datasets", "text", lambda row: _list(row.datasets) if row.kind == "file" else None),
    "parent_collections": ("In collections", "text", lambda row: _list(row.collections)),
    "parent_spaces": ("In spaces", "text", lambda row: _list(row.spaces)),
    "status": ("Status", "text", lambda row: "ARCHIVED" if row.archived else None),
}
_FILE = (
    "type", "id", "name", "owner", "owner_id", "size_kb", "uploaded", "views", "downloads", "last_viewed",
    "last_downloaded", "location", "parent_datasets", "parent_collections", "parent_spaces", "status",
)  # fmt: skip
_DATASET = (
    "type", "id", "name", "owner", "owner_id", "created", "views", "downloads", "last_viewed", "last_downloaded",
    "parent_collections", "parent_spaces",
)  # fmt: skip
_COLLECTION = (
    "type", "id", "name", "owner", "owner_id", "created", "views", "last_viewed", "parent_collections",
    "parent_spaces",
)  # fmt: skip
_STORED = (
    "file_type", "id", "name", "owner", "owner_email", "owner_id", "size_kb", "uploaded", "location", "parent_datasets",
    "parent_collections", "parent_spaces", "space_owners", "space_admins",
)  # fmt: skip
_ALL = tuple("uploaded/created" if name == "uploaded" else name for name in _FILE)
_OWN = {
    "owner": "Owner",
    "owner_email": "Owner's address",
    "space_owners": "Owners of the spaces",
    "space_admins": "Admins of the spaces",
}


def _columns(names: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(
        Column(name, _OWN[name]) if name in _OWN else Column(name, _CELLS[name][0], _CELLS[name][1]) for name in names
    )


def _of(kinds: tuple[str, ...], names: tuple[str, ...]) -> Callable[[Sources, Wanted], Any]:
    async def make(sources: Sources, wanted: Wanted) -> Table:
        rows, counts = await find_resources(sources, wanted, *kinds)
        owners = await sources.known.names("user", (row.owner for row in rows))

        def cells(row: Found) -> tuple[Any, ...]:
            own = {"owner": owners.get(row.owner or "")}
            return tuple(own[name] if name in own else _cell(name, row) for name in names)

        return Table(
            columns=_columns(names),
            rows=[cells(row) for row in rows],
            footnotes=(
                *await notes_of_resources(sources, wanted, counts, kinds),
                *_empty(names, ("location", "status")),
            ),
            timeless=wanted.whole,
        )

    return make


def _cell(name: str, row: Found) -> Any:
    read = _CELLS[name][2]
    return read(row) if read else None


def _empty(names: tuple[str, ...], without: tuple[str, ...]) -> tuple[str, ...]:
    found = [name for name in without if name in names]
    if not found:
        return ()
    text = f"Events do not carry {' and '.join(found)}: empty"
    return (f"{text}, but for ARCHIVED." if "status" in found else f"{text}.",)


async def notes_of_resources(
    sources: Sources, wanted: Wanted, counts: Mapping[str, int], kinds: tuple[str, ...]
) -> tuple[str, ...]:
    """What is left out of a list of what exists.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    notes = []
    if counts["deleted"]:
        notes.append(f"What was deleted is left out: {counted(counts['deleted'])}.")
    if counts["undated"]:
        what = (
            "They are in it without that time" if wanted.whole else "They are left out, for nobody knows when they came"
        )
        notes.append(f"Created before the events begin, or without an event: {counted(counts['undated'])}. {what}.")
    if "file" in kinds:
        ((nameless,),) = await sources.store.rows("report_nameless_files", {"committed": sources.committed})
        if nameless:
            notes.append(
                f"Uploads that name no file, as those of Clowder 1: {counted(nameless)}. Such a file is in it only if"
                " something else names it."
            )
    if counts["kept"] > wanted.limit:
        notes.append(f"These are the first {counted(wanted.limit)} of {counted(counts['kept'])}.")
    return tuple(notes)


async def storage_by_file(sources: Sources, wanted: Wanted) -> Table:
    """Files with the columns of Clowder's report of storage.

    Raises:
        InvalidQuestion: other groups are asked for, too.
        StoreUnavailable: it cannot answer now.
    """
    if wanted.by != ("file",):
        raise InvalidQuestion("By file is by nothing else: leave the others out.")
    if any(chosen.column == "user" for chosen in wanted.asked.filters):
        raise InvalidQuestion(f"By file there is no filter 'user'. There are {', '.join(FILTERS)}.")
    rows, counts = await find_resources(sources, wanted, "file")
    await sources.known.meet(row.owner for row in rows)
    owners = await sources.known.names("user", (row.owner for row in rows))
    whole = msgspec.structs.replace(
        wanted, whole=True, limit=1_000_000, asked=msgspec.structs.replace(wanted.asked, filters=())
    )
    spaces = {row.id: row.owner or "" for row in (await find_resources(sources, whole, "space"))[0]}

    def cells(row: Found) -> tuple[Any, ...]:
        person = sources.known.person(row.owner)
        own = {
            "owner": owners.get(row.owner or ""),
            "owner_email": person.email or None,
            "space_owners": ", ".join(filter(None, (spaces.get(one, "") for one in _list(row.spaces).split(", ")))),
            "space_admins": None,
        }
        return tuple(own[name] if name in own else _cell(name, row) for name in _STORED)

    return Table(
        columns=_columns(_STORED),
        rows=[cells(row) for row in rows],
        footnotes=(
            *await notes_of_resources(sources, wanted, counts, ("file",)),
            "Events do not carry location, owner_email and space_admins: empty, but for addresses of reports.people.",
        ),
        timeless=wanted.whole,
    )


def _report(name: str, title: str, kinds: tuple[str, ...], names: tuple[str, ...]) -> Report:
    return Report(
        name=name,
        title=title,
        about=_ABOUT,
        make=_of(kinds, names),
        period="all",
        filters=FILTERS if len(kinds) == 1 else (*FILTERS, "resource_type"),
        columns=_columns(names),
    )


RESOURCES = _report("resources", "Collections, datasets and files", ("collection", "dataset", "file"), _ALL)
FILES = _report("files", "Files", ("file",), _FILE)
DATASETS = _report("datasets", "Datasets", ("dataset",), _DATASET)
COLLECTIONS = _report("collections", "Collections", ("collection",), _COLLECTION)
