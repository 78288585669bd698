"""What the platform holds more of, where, and by whom."""

from eventsink.look.numbers.measures import ADDED, CREATED, DELETED, NET, REMOVED, UPLOADS, USERS
from eventsink.look.numbers.panel import Page, Panel, of_type

__all__ = ["STORAGE"]

_FILES = of_type("storage.file_uploaded", "storage.file_deleted")

STORAGE = Page(
    "storage",
    "Storage",
    (
        Panel(
            name="totals",
            title="In this period",
            chart="figures",
            measures=(ADDED, REMOVED, NET, UPLOADS, DELETED, CREATED, USERS),
            titles={
                "added": "Bytes added",
                "removed": "Bytes removed",
                "net": "Net growth",
                "uploads": "Files uploaded",
                "deleted": "Files deleted",
                "created": "Datasets created",
                "users": "People who changed files",
            },
            units={"added": "bytes", "removed": "bytes", "net": "bytes"},
            where=of_type("storage.file_uploaded", "storage.file_deleted", "storage.resource_created"),
        ),
        Panel(
            name="growth",
            title="Growth",
            chart="bars",
            measures=(ADDED, REMOVED),
            titles={"added": "Added", "removed": "Removed"},
            units={"added": "bytes", "removed": "bytes"},
            where=_FILES,
            below=("removed",),
        ),
        Panel(
            name="spaces",
            title="Bytes added by space",
            chart="bars",
            measures=(ADDED,),
            titles={"added": "Bytes added"},
            units={"added": "bytes"},
            by=("space",),
            where=of_type("storage.file_uploaded"),
            order="added",
            limit=7,
        ),
        Panel(
            name="datasets",
            title="Datasets that grew most",
            chart="ranking",
            measures=(NET, ADDED, REMOVED, UPLOADS),
            titles={"net": "Net growth", "added": "Added", "removed": "Removed", "uploads": "Files"},
            units={"net": "bytes", "added": "bytes", "removed": "bytes"},
            by=("dataset",),
            where=_FILES,
            order="net",
        ),
        Panel(
            name="people",
            title="Most active users",
            chart="ranking",
            measures=(UPLOADS, ADDED, DELETED),
            titles={"uploads": "Files uploaded", "added": "Bytes added", "deleted": "Files deleted"},
            units={"added": "bytes"},
            by=("user",),
            where=_FILES,
            order="uploads",
        ),
        Panel(
            name="formats",
            title="Kinds of files",
            chart="ranking",
            measures=(ADDED, UPLOADS),
            titles={"added": "Bytes added", "uploads": "Files"},
            units={"added": "bytes"},
            by=("mime_type",),
            where=of_type("storage.file_uploaded"),
            order="added",
        ),
    ),
)
