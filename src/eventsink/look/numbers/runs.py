"""Runs of extractors of a period, made of the events of their jobs month by month, and kept while a report is made.

Jobs of years at once need more memory than a small machine has; those of a month do not.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Literal

from eventsink.look.numbers.grouping import span_values
from eventsink.look.numbers.report import Sources, Wanted
from eventsink.store.sql import statement

__all__ = ["kept_runs"]

_RESOLUTION = timedelta(microseconds=1)  # of times in the store; ends of spans are excluded


@asynccontextmanager
async def kept_runs(sources: Sources, wanted: Wanted, moment: Literal["begun", "ended"]) -> AsyncIterator[None]:
    """Have a table `kept_runs` in the store, of the runs that began, or ended, in the period.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    async with sources.runs:
        await sources.store.rows("report_make_runs", {})
        try:
            # A run begins and ends with events: one of 1970, by a wild clock, does not make hundreds of months.
            for first, last in await sources.store.rows("report_run_months", span_values(sources, wanted)):
                await sources.store.rows(
                    "report_keep_runs",
                    {"since": first, "until": last + _RESOLUTION, "committed": sources.committed},
                    runs=statement("report_runs", job_events=statement("report_job_events")),
                    moment=moment,
                )
            yield
        finally:
            await sources.store.rows("report_drop_runs", {})
