"""Sums by groups: what reports of usage and storage are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from eventsink.errors import InvalidQuestion
from eventsink.look.numbers.answers import begins
from eventsink.look.numbers.grouping import (
    UNKNOWN,
    group_columns,
    in_sql,
    months_of,
    named_groups,
    span_values,
)
from eventsink.look.numbers.names import NAMED
from eventsink.look.numbers.report import Column, Sources, Wanted
from eventsink.look.numbers.runs import kept_runs
from eventsink.store.facts import Filter, Measure, Question
from eventsink.store.facts.question import RUN_COLUMNS
from eventsink.store.zones import zone_of

__all__ = ["Sums", "by_groups"]

MOST_GROUPS = 500_000  # that are added up at once
NONE = {"user": "(no login)", "institution": "(no login)"}

Group = tuple[Any, ...]


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of sums, with the names of their groups.

    Args:
        cut: whether there were more groups than were wanted.
        unknown: users whose institution is not known; None where nobody asks.
        without_runs: filters that runs of extractors cannot be narrowed by, so that none are counted.
    """

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    totals: tuple[Any, ...]
    cut: bool = False
    unknown: int | None = None
    without_runs: tuple[str, ...] = ()


async def by_groups(
    sources: Sources,
    wanted: Wanted,
    measures: Sequence[tuple[Measure, Column]],
    where: tuple[Filter, ...] = (),
    runs: Column | None = None,
) -> Sums:
    """The sums of a period by groups, and of all of it.

    Args:
        where: of these events alone.
        runs: a last column for the runs of extractors that ended.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    asked = [measure for measure, _ in measures]
    inner = tuple("user" if name == "institution" else name for name in wanted.by)
    found = await _asked(sources, wanted, asked, inner, where)
    ended, all_ended, without = (await _ended(sources, wanted, inner)) if runs else ({}, 0, ())
    width = len(asked)
    merged = {group: [*numbers, *([ended.get(group, 0)] if runs else [])] for group, numbers in found.items()}
    for group, number in ended.items():
        merged.setdefault(group, [*([0] * width), number])
    unknown = None
    if "institution" in wanted.by:
        await sources.known.meet(group[wanted.by.index("institution")] for group in merged)
        merged, unknown = _of_institutions(sources, wanted.by, merged)
    rows = {group: numbers for group, numbers in merged.items() if any(numbers)}
    if wanted.by == ("month",) and not (wanted.whole and sources.newest is None):
        rows = _every_month(sources, wanted, rows, width + bool(runs))
    ordered = sorted(rows.items(), key=lambda row: _order(row[0]))
    kept = ordered[: wanted.limit]
    names = await named_groups(sources, wanted.by, (group for group, _ in kept))
    whole = (await _asked(sources, wanted, asked, (), where)).get((), [0] * width)
    total = [*whole, *([all_ended] if runs else [])]
    columns = (*group_columns(wanted.by), *(column for _, column in measures), *([runs] if runs else []))
    return Sums(
        columns=columns,
        rows=[(*_shown(wanted.by, group, names), *numbers) for group, numbers in kept],
        totals=(*([None] * (len(columns) - len(total))), *total),
        cut=len(ordered) > len(kept),
        unknown=unknown,
        without_runs=without,
    )


# --- asking ----------------------------------------------------------------------------------------------------------


async def _asked(
    sources: Sources, wanted: Wanted, measures: Sequence[Measure], by: Sequence[str], where: tuple[Filter, ...]
) -> dict[Group, list[Any]]:
    """The numbers of each group, in the order of its columns."""
    period, columns = wanted.asked.period, tuple(name for name in by if name != "month")
    question = Question(
        measures=tuple(_alone(measure) if "user" in by and measure.of == "user" else measure for measure in measures),
        since=period.since,
        until=period.until,
        where=(*where, *wanted.asked.filters),
        by=columns,
        every="month" if "month" in by else None,
        zone=wanted.asked.zone,
        limit=MOST_GROUPS + 1,
    )
    answer = await sources.store.ask(question, sources.committed)
    if len(answer.rows) > MOST_GROUPS:
        raise InvalidQuestion(f"That has more than {MOST_GROUPS:,} groups: ask for a shorter period, or filter.")
    found = {}
    for row in answer.rows:
        known: dict[str, Any] = dict(zip(answer.columns, row, strict=True))
        group = tuple(months_of(known["time"]) if name == "month" else known[name] for name in by)
        if "user" in by and "users" in known:
            known["users"] = int(known["user"] is not None and known["users"] > 0)
        found[group] = [_number(known[measure.name]) for measure in measures]
    return found


def _alone(measure: Measure) -> Measure:
    """Whether there is any event of a user: to count one user's distinct users takes the store much memory."""
    return Measure(measure.name, where=measure.where)


async def _ended(sources: Sources, wanted: Wanted, by: Sequence[str]) -> tuple[dict[Group, int], int, tuple[str, ...]]:
    """How many runs ended, by groups and in all. A run has but some of the columns: by others none can be chosen."""
    foreign = tuple(chosen.column for chosen in wanted.asked.filters if chosen.column not in RUN_COLUMNS)
    if foreign:
        return {}, 0, foreign
    parts, values = await in_sql(wanted, by, RUN_COLUMNS)
    async with kept_runs(sources, wanted, "ended"):
        values |= {name: value for name, value in span_values(sources, wanted).items() if name != "committed"}
        rows = await sources.store.rows("report_run_ends", values, **parts)
    found = {
        tuple(months_of(value) if name == "month" else value for name, value in zip(by, row, strict=False)): row[-1]
        for row in rows
    }
    return found, sum(found.values()), ()


# --- rows ------------------------------------------------------------------------------------------------------------


def _of_institutions(
    sources: Sources, by: Sequence[str], found: Mapping[Group, list[Any]]
) -> tuple[dict[Group, list[Any]], int]:
    """The sums of users added up by their institutions; nobody is in two, so that users may be added as well."""
    place = by.index("institution")
    sums: dict[Group, list[Any]] = {}
    unknown = set()
    for group, numbers in found.items():
        user = group[place]
        institution = sources.known.person(user).institution or UNKNOWN if user is not None else None
        if institution == UNKNOWN and any(numbers):
            unknown.add(user)
        mine = sums.setdefault((*group[:place], institution, *group[place + 1 :]), [0] * len(numbers))
        for number, value in enumerate(numbers):
            mine[number] += value
    return sums, len(unknown)


def _every_month(
    sources: Sources, wanted: Wanted, rows: Mapping[Group, list[Any]], width: int
) -> dict[Group, list[Any]]:
    """A row for each month of the period, also where nothing was; of months before the first event nothing is known."""
    period, zone = msgspec.structs.replace(wanted.asked.period, every="month"), zone_of(wanted.asked.zone)
    # Not the first event alone: that may be of the year 1, which by the clocks of some zones there is not.
    first = months_of(max(period.since, sources.first or period.since).astimezone(zone))
    months = [(months_of(begin),) for begin in begins(period, zone)]
    return {month: rows.get(month, [0] * width) for month in months if month[0] >= first}


def _shown(by: Sequence[str], group: Group, names: Mapping[str, Mapping[str, str]]) -> Iterable[Any]:
    for name, value in zip(by, group, strict=True):
        yield NONE[name] if value is None and name == "institution" else value  # which has no id beside its name
        if name in NAMED:
            yield names[name].get(value) if value is not None else NONE.get(name, f"(no {name})")


def _order(group: Group) -> tuple[tuple[bool, str], ...]:
    return tuple((value is None, str(value)) for value in group)


def _number(value: Any) -> Any:
    """Sums of whole numbers are whole, whatever a database makes of them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if value is not None and not isinstance(value, (int, float)) else value
