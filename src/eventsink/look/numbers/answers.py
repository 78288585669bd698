"""The numbers of a panel: asked of the store, with the gaps of charts filled and small groups added up."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from eventsink.look.numbers.asked import Asked, Period
from eventsink.look.numbers.panel import Panel
from eventsink.store import Store
from eventsink.store.facts import Filter, Question
from eventsink.store.facts.question import Every
from eventsink.store.zones import offsets, zone_of

__all__ = ["OTHERS", "Numbers", "ask", "begins"]

OTHERS = "(others)"  # of a chart: all groups that have no bar of their own
MOST_INTERVALS = 2_000


class Numbers(msgspec.Struct, frozen=True):
    """The rows of a panel.

    Args:
        columns: `time` of those over time, groups, measures.
        rows: of a chart over time one for each interval and group, also where nothing was.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


async def ask(store: Store, panel: Panel, asked: Asked) -> Numbers:
    """The numbers of a panel.

    Raises:
        StoreUnavailable: they cannot be given now.
    """
    if panel.over_time:
        return await (_of_groups(store, panel, asked) if panel.by else _over_time(store, panel, asked))
    answer = await store.ask(question(panel, asked))
    return Numbers(answer.columns, [tuple(map(_plain, row)) for row in answer.rows])


def question(panel: Panel, asked: Asked, *more: Filter, every: bool = False, by: Sequence[str] = ()) -> Question:
    """The question of a panel for a period and filters."""
    period = asked.period
    return Question(
        measures=panel.measures,
        since=period.since,
        until=period.until,
        where=(*panel.where, *asked.filters, *more),
        by=tuple(by) if every else panel.by,
        every=period.every if every else None,
        zone=asked.zone,
        order="" if every else panel.order,
        limit=MOST_INTERVALS * ((len(panel.by) and panel.limit + 1) or 1) if every else panel.limit,
    )


async def _over_time(store: Store, panel: Panel, asked: Asked, committed: int | None = None) -> Numbers:
    answer = await store.ask(question(panel, asked, every=True), committed)
    known = {row[0]: row[1:] for row in answer.rows}
    empty = tuple(0 if measure.how in ("count", "distinct", "sum") else None for measure in panel.measures)
    rows = [
        (said(begin, asked.period.every), *map(_plain, known.get(begin, empty)))
        for begin in begins(asked.period, zone_of(asked.zone))
    ]
    return Numbers(answer.columns, rows)


async def _of_groups(store: Store, panel: Panel, asked: Asked) -> Numbers:
    """A line for each of the highest groups, and one for all others together."""
    (column,), (measure,) = panel.by, panel.measures
    ranked = msgspec.structs.replace(question(panel, asked), limit=panel.limit + 2)
    committed = store.committed  # or what comes meanwhile would be in one of them alone
    highest = (await store.ask(ranked, committed)).rows
    groups = [value for value, number in highest if value is not None and number]
    if len(groups) > panel.limit + 1:  # one more has a line of its own, which "others" would be
        groups = groups[: panel.limit]
    whole = await _over_time(store, panel, asked, committed=committed)
    rest = {row[0]: row[1] for row in whole.rows}
    rows: list[tuple[Any, ...]] = []
    if groups:
        answer = await store.ask(
            question(panel, asked, Filter(column, tuple(groups)), every=True, by=(column,)), committed
        )
        known = {(begin, value): number for begin, value, number in answer.rows}
        for value in groups:
            for begin in begins(asked.period, zone_of(asked.zone)):
                number = _plain(known.get((begin, value), 0))
                when = said(begin, asked.period.every)
                rest[when] -= number
                rows.append((when, value, number))
    if any(rest.values()):
        rows += [(when, OTHERS, number) for when, number in rest.items()]
    return Numbers(("time", column, measure.name), rows)


# --- time ------------------------------------------------------------------------------------------------------------


def begins(period: Period, zone: ZoneInfo) -> Iterator[datetime]:
    """When the intervals of a period begin, as the store says it: hours in UTC, days and more by local clocks."""
    if period.every == "hour":
        yield from dict.fromkeys(_hours(period, zone))  # one in which clocks change may be of two offsets
        return
    local, end = (moment.astimezone(zone).replace(tzinfo=None) for moment in (period.since, period.until))
    at = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if period.every == "week":
        at -= timedelta(days=at.weekday())
    elif period.every == "month":
        at = at.replace(day=1)
    while at < end:
        yield at
        at = _next(at, period.every)


def _hours(period: Period, zone: ZoneInfo) -> Iterator[datetime]:
    """Those of each offset: on Lord Howe Island clocks change by half an hour."""
    for offset in offsets(period.since.astimezone(UTC), period.until, zone):
        at = _hour(offset.begin, zone)
        while at < offset.until:
            yield at.replace(tzinfo=None)
            at += timedelta(hours=1)


def _hour(moment: datetime, zone: ZoneInfo) -> datetime:
    """The begin of the hour by the clocks of a zone: some are half an hour off."""
    local = moment.astimezone(zone)
    return (moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)).astimezone(
        UTC
    )


def _next(at: datetime, every: Every) -> datetime:
    if every == "month":
        return at.replace(year=at.year + at.month // 12, month=at.month % 12 + 1)
    return at + timedelta(days=7 if every == "week" else 1)


def said(begin: datetime, every: Every) -> str:
    """An interval in answers: a moment of UTC for an hour, else the first day."""
    return begin.strftime("%Y-%m-%dT%H:%M:%SZ") if every == "hour" else f"{begin:%Y-%m-%d}"


def _plain(value: Any) -> Any:
    """Numbers as JSON readers take them; databases give sums in types of their own."""
    if isinstance(value, float):
        return round(value, 3)
    return value
