"""What is counted in more than one place, so that it is the same number everywhere."""

from eventsink.look.numbers.panel import of, of_type, people
from eventsink.store.facts import Filter, Measure

__all__ = [
    "ADDED", "API_REQUESTS", "CREATED", "DELETED", "DOWNLOADED", "DOWNLOADS", "ENDED", "FAILED", "NET", "PAGE_VIEWS",
    "QUEUED", "QUEUE_MEDIAN", "QUEUE_P95", "REMOVED", "RUN_MEDIAN", "RUN_P95", "SKIPPED", "SUCCEEDED", "UPLOADS",
    "USERS", "VIEWS", "VISITORS", "VISITS",
]  # fmt: skip

_UPLOADED = of_type("storage.file_uploaded")
_DELETED = of_type("storage.file_deleted")
_SUCCEEDED = (*people(), Filter("succeeded", (True,)))
_VIEWED = (*of_type("traffic.resource_viewed"), *_SUCCEEDED)
_FETCHED = (*of_type("traffic.resource_downloaded"), *_SUCCEEDED)
_SHOWN = (*of_type("traffic.page_view"), *people())
_JOBS = of_type("extractions.extraction_event")

UPLOADS = Measure("uploads", where=_UPLOADED)
DELETED = Measure("deleted", where=_DELETED)
ADDED = Measure("added", "sum", "bytes", where=_UPLOADED)
REMOVED = Measure("removed", "sum", "bytes", where=_DELETED)
NET = Measure("net", "sum", "bytes", where=_UPLOADED, minus=_DELETED)
CREATED = Measure("created", where=(*of_type("storage.resource_created"), *of("resource_type", "dataset")))
USERS = Measure("users", "distinct", "user", where=people())

VIEWS = Measure("views", where=_VIEWED)
DOWNLOADS = Measure("downloads", where=_FETCHED)
DOWNLOADED = Measure("downloaded", "sum", "bytes", where=_FETCHED)
PAGE_VIEWS = Measure("page_views", where=_SHOWN)
VISITS = Measure("visits", "distinct", "session", where=_SHOWN)
VISITORS = Measure("visitors", "distinct", "visitor", where=_SHOWN)
API_REQUESTS = Measure("requests", where=of_type("traffic.api_request"))

# A job that is tried again has not ended: it is counted when it has.
QUEUED = Measure("queued", where=(*_JOBS, *of("status", "queued")))
ENDED = Measure("ended", where=(*_JOBS, *of("status", "done", "failed", "skipped", "cancelled")))
SUCCEEDED = Measure("done", where=(*_JOBS, *of("status", "done")))
FAILED = Measure("failed", where=(*_JOBS, *of("status", "failed")))
SKIPPED = Measure("skipped", where=(*_JOBS, *of("status", "skipped")))
_RAN = (*_JOBS, *of("status", "done", "failed", "skipped", "cancelled"))
QUEUE_MEDIAN = Measure("queue_median", "median", "queue_ms", where=_RAN)
QUEUE_P95 = Measure("queue_p95", "p95", "queue_ms", where=_RAN)
RUN_MEDIAN = Measure("run_median", "median", "run_ms", where=_RAN)
RUN_P95 = Measure("run_p95", "p95", "run_ms", where=_RAN)
