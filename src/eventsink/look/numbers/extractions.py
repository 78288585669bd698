"""What extractors did, how long it took, and what failed."""

from eventsink.look.numbers.measures import (
    ENDED,
    FAILED,
    QUEUE_MEDIAN,
    QUEUE_P95,
    QUEUED,
    RUN_MEDIAN,
    RUN_P95,
    SKIPPED,
    SUCCEEDED,
)
from eventsink.look.numbers.panel import Page, Panel, of_type

__all__ = ["EXTRACTIONS"]

_JOBS = of_type("extractions.extraction_event")
_TITLES = {
    "queued": "Submitted",
    "ended": "Runs",
    "done": "Done",
    "failed": "Failed",
    "skipped": "Skipped",
    "queue_median": "Median queue time",
    "queue_p95": "Queue time, 95 %",
    "run_median": "Median run time",
    "run_p95": "Run time, 95 %",
}

EXTRACTIONS = Page(
    "extractions",
    "Extractions",
    (
        Panel(
            name="totals",
            title="In this period",
            chart="figures",
            measures=(QUEUED, ENDED, SUCCEEDED, FAILED, QUEUE_MEDIAN, QUEUE_P95, RUN_MEDIAN, RUN_P95),
            titles=_TITLES,
            units={"queue_median": "ms", "queue_p95": "ms", "run_median": "ms", "run_p95": "ms"},
            where=_JOBS,
            about="A run is counted when it has ended: done, failed, skipped or cancelled.",
        ),
        Panel(
            name="runs",
            title="Runs",
            chart="bars",
            measures=(SUCCEEDED, SKIPPED, FAILED),
            titles=_TITLES,
            where=_JOBS,
        ),
        Panel(
            name="extractors",
            title="Extractors",
            chart="table",
            measures=(ENDED, SUCCEEDED, FAILED, SKIPPED, QUEUE_MEDIAN, QUEUE_P95, RUN_MEDIAN, RUN_P95),
            titles=_TITLES,
            units={"queue_median": "ms", "queue_p95": "ms", "run_median": "ms", "run_p95": "ms"},
            by=("extractor",),
            where=_JOBS,
            order="ended",
            limit=50,
        ),
        Panel(
            name="times",
            title="How long runs take",
            chart="lines",
            measures=(QUEUE_MEDIAN, QUEUE_P95, RUN_MEDIAN, RUN_P95),
            titles=_TITLES,
            units={"queue_median": "ms", "queue_p95": "ms", "run_median": "ms", "run_p95": "ms"},
            where=_JOBS,
        ),
        Panel(
            name="failures",
            title="Failures by extractor",
            chart="bars",
            measures=(FAILED,),
            titles=_TITLES,
            by=("extractor",),
            where=_JOBS,
            order="failed",
            limit=7,
        ),
        Panel(
            name="people",
            title="Users by runs",
            chart="ranking",
            measures=(ENDED, FAILED),
            titles=_TITLES,
            by=("user",),
            where=_JOBS,
            order="ended",
        ),
    ),
)
