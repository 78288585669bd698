"""The first page: is it used, does it grow, does it work."""

from eventsink.look.numbers.measures import (
    ADDED,
    DELETED,
    DOWNLOADED,
    DOWNLOADS,
    ENDED,
    FAILED,
    REMOVED,
    UPLOADS,
    USERS,
    VIEWS,
)
from eventsink.look.numbers.panel import Page, Panel, of_type, people
from eventsink.store.facts import Filter

__all__ = ["OVERVIEW"]

OVERVIEW = Page(
    "overview",
    "Overview",
    (
        Panel(
            name="totals",
            title="In this period",
            chart="figures",
            measures=(USERS, UPLOADS, ADDED, REMOVED, DOWNLOADS, VIEWS, ENDED, FAILED),
            titles={
                "users": "Active users",
                "uploads": "Files uploaded",
                "added": "Bytes added",
                "removed": "Bytes removed",
                "downloads": "Downloads",
                "views": "Views of resources",
                "ended": "Extractor runs",
                "failed": "Runs that failed",
            },
            units={"added": "bytes", "removed": "bytes"},
            about="Robots and failed requests are left out. An active user did something with a login.",
        ),
        Panel(
            name="activity",
            title="Activity",
            chart="bars",
            measures=(VIEWS, DOWNLOADS, UPLOADS, ENDED),
            titles={"views": "Views", "downloads": "Downloads", "uploads": "Uploads", "ended": "Extractor runs"},
            about="Robots are left out.",
        ),
        Panel(
            name="bytes",
            title="Bytes added and removed",
            chart="bars",
            measures=(ADDED, REMOVED),
            titles={"added": "Added", "removed": "Removed"},
            units={"added": "bytes", "removed": "bytes"},
            below=("removed",),
        ),
        Panel(
            name="downloaded",
            title="Bytes downloaded",
            chart="bars",
            measures=(DOWNLOADED,),
            titles={"downloaded": "Downloaded"},
            units={"downloaded": "bytes"},
            about="Downloads of whole datasets say how many files they had, never how many bytes: they are not in it.",
        ),
        Panel(
            name="users",
            title="Active users",
            chart="lines",
            measures=(USERS,),
            titles={"users": "Active users"},
        ),
        Panel(
            name="datasets",
            title="Most used datasets",
            chart="ranking",
            measures=(VIEWS, DOWNLOADS),
            titles={"views": "Views", "downloads": "Downloads"},
            by=("dataset",),
            where=(*people(), *of_type("traffic.resource_viewed", "traffic.resource_downloaded"), Filter("dataset")),
            order="views",
            about="With the views and downloads of their files.",
        ),
        Panel(
            name="spaces",
            title="Spaces by bytes added",
            chart="ranking",
            measures=(ADDED, UPLOADS, DELETED),
            titles={"added": "Bytes added", "uploads": "Files", "deleted": "Deleted"},
            units={"added": "bytes"},
            by=("space",),
            where=of_type("storage.file_uploaded", "storage.file_deleted"),
            order="added",
        ),
    ),
)
