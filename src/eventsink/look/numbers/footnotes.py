"""What every report says below its rows: what is left out of it, and of which time there are no events."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from eventsink.look.numbers.answers import begins
from eventsink.look.numbers.asked import Asked, Period
from eventsink.look.numbers.report import Sources, Wanted
from eventsink.store.facts import Measure, Question
from eventsink.store.facts.compile import narrowed
from eventsink.store.zones import zone_of

__all__ = ["about_beyond", "about_period", "about_sums", "counted", "listed", "naive"]

SHOWN = 6  # gaps that are named
DAYS_UP_TO = timedelta(days=62)  # of longer periods whole months are looked at


def naive(time: datetime) -> datetime:
    """A moment as the store has it."""
    return time.astimezone(UTC).replace(tzinfo=None)


async def about_period(sources: Sources, wanted: Wanted, first: datetime | None) -> tuple[str, ...]:
    """Where events are missing.

    Args:
        first: the time of the first event of all.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    newest, period = sources.newest, wanted.asked.period
    if first is None:
        return ("There are no events yet.",)
    if wanted.whole or newest is None:
        return ()
    if period.until <= first:
        return (f"The period ends before the first event, which is of {_said(first)}.",)
    if period.since > newest:
        return (f"The period begins after the newest event, which is of {_said(newest)}: there is nothing of it yet.",)
    notes = []
    if period.since < first:
        notes.append(f"The first event is of {_said(first)}: what was before it is not known.")
    if newest < period.until:
        notes.append(f"The newest event is of {_said(newest)}: if more of this period comes, the numbers change.")
    return (*notes, *await _gaps(sources, wanted.asked, first))


def about_beyond(before: int, first: datetime | None, after: int, newest: datetime | None) -> tuple[str, ...]:
    """What all time leaves out.

    Args:
        before: how many events lie before it; `first`: the time of the first of all.
        after: how many lie after it; `newest`: the time of the newest of all.
    """
    found = []
    if before and first:
        found.append(f"{counted(before)} from before 1970, the first of {_said(first)}")
    if after and newest:
        found.append(f"{counted(after)} from more than a day after now, the last of {_said(newest)}")
    if not found:
        return ()
    left = f"Events left out, as their clocks seem to be wrong: {'; '.join(found)}."
    return (f"{left} To see them, give since and until to a report, or to `eventsink events`.",)


async def about_sums(sources: Sources, wanted: Wanted, names: Sequence[str]) -> tuple[str, ...]:
    """What is left out of sums, or is in them without its size.

    Args:
        names: which of the notes fit the report.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    where, values = narrowed(wanted.asked.filters)
    period = wanted.asked.period
    span = {"since": naive(period.since), "until": naive(period.until), "committed": sources.committed}
    ((*numbers,),) = await sources.store.rows("report_notes", {**span, **values}, where=where)
    found = dict(zip(_NOTES, numbers, strict=True))
    return tuple(_NOTES[name].format(counted(found[name])) for name in names if found[name])


_NOTES = {
    "robot_views": "Left out, as they are those of robots: {} views.",
    "robot_downloads": "Left out, as they are those of robots: {} downloads.",
    "uploads_without_size": "Uploads that say no size: {}. Their bytes are missing from what was added.",
    "deletions_without_size": "Deletions that say no size: {}. Their bytes are missing from what was removed.",
    "downloads_without_size": "Downloads that say no size, as those of whole datasets: {}. They count, without bytes.",
    "failed_views": "Left out, as they were answered with an error: {} views.",
    "failed_downloads": "Left out, as they were answered with an error: {} downloads.",
}


def counted(number: int) -> str:
    """A number as people read it: 1,234,567."""
    return f"{number:,}"


def listed(names: Sequence[str], most: int = SHOWN) -> str:
    """Names one after the other; of many the first, and how many more."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


async def _gaps(sources: Sources, asked: Asked, first: datetime) -> tuple[str, ...]:
    """Days, or months of a long period, of which there is nothing at all, between the first and the newest event."""
    newest = sources.newest or first
    zone = zone_of(asked.zone)
    since, until = max(asked.period.since, first), asked.period.until
    if newest < until:  # after the last moment of the year 9999, of which an event may be, there is none
        until = newest + timedelta(microseconds=1)
    every: Any = "day" if until - since <= DAYS_UP_TO else "month"
    span = Period(since, until, every)
    question = Question(measures=(Measure("events"),), since=since, until=until, every=every, zone=asked.zone)
    known = {row[0] for row in (await sources.store.ask(question, sources.committed)).rows}
    form = "%Y-%m-%d" if every == "day" else "%Y-%m"
    missing = [begin.strftime(form) for begin in begins(span, zone) if begin not in known]
    if not missing:
        return ()
    return (
        f"Of {listed(missing)} there are no events of any kind: either nothing was done, or nothing reached the sink.",
    )


def _said(time: datetime) -> str:
    return f"{naive(time).isoformat(' ', 'minutes')} UTC"  # of years of three digits strftime makes other ones
