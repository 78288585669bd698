"""Runs of extractors of a period, made of the events of their jobs month by month, and kept while a report is made.

Jobs of years at once need more memory than a small machine has; those of a month do not.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal

from eventsink.look.numbers.footnotes import naive
from eventsink.look.numbers.report import Sources, Wanted
from eventsink.store.sql import statement

__all__ = ["kept_runs"]

AT_ONCE = timedelta(days=31)


@asynccontextmanager
async def kept_runs(sources: Sources, wanted: Wanted, moment: Literal["begun", "ended"]) -> AsyncIterator[None]:
    """Have a table `kept_runs` in the store, of the runs that began, or ended, in the period.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    async with sources.runs:
        await sources.store.rows("report_make_runs", {})
        try:
            for since, until in _parts(naive(wanted.asked.period.since), naive(wanted.asked.period.until), sources):
                await sources.store.rows(
                    "report_keep_runs",
                    {"since": since, "until": until, "committed": sources.committed},
                    runs=statement("report_runs", job_events=statement("report_job_events")),
                    moment=moment,
                )
            yield
        finally:
            await sources.store.rows("report_drop_runs", {})


def _parts(since: datetime, until: datetime, sources: Sources) -> list[tuple[datetime, datetime]]:
    """A period in pieces, as far as there are events."""
    if sources.first is None or sources.newest is None:
        return []
    begin, end = max(since, naive(sources.first)), min(until, naive(sources.newest) + timedelta(seconds=1))
    found = []
    while begin < end:
        found.append((begin, min(begin + AT_ONCE, end)))
        begin += AT_ONCE
    return found
