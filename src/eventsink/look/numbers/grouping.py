"""Rows by groups: months, and columns of events with the names beside their ids; institutions out of users."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from eventsink.look.numbers.footnotes import naive
from eventsink.look.numbers.names import NAMED
from eventsink.look.numbers.report import Column, Sources, Wanted
from eventsink.store.facts.compile import cut, narrowed

__all__ = ["UNKNOWN", "group_columns", "in_sql", "months_of", "named_groups", "span_values"]

UNKNOWN = "not known"  # the institution of who is in no list
_TITLES = {"mime_type": "Kind of file", "http_status": "Status", "resource_type": "Kind"}


def group_columns(by: Sequence[str]) -> tuple[Column, ...]:
    """The columns of groups: an id has its name beside it."""
    columns: list[Column] = []
    for name in by:
        title = _TITLES.get(name, name.replace("_", " ").capitalize())
        columns.append(Column(name, title, "month" if name == "month" else "text"))
        if name in NAMED:
            columns.append(Column(f"{name}_name", f"Name of the {name}"))
    return tuple(columns)


async def in_sql(wanted: Wanted, by: Sequence[str], known: Iterable[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """The parts and values of a statement by groups: `groups`, `grouped` and `where`.

    Raises:
        InvalidQuestion: a filter names a column that the statement has not.
    """
    where, values = narrowed(wanted.asked.filters, known)
    period, zone = wanted.asked.period, wanted.asked.zone
    texts = []
    for name in by:
        if name == "month":  # of sixty years the offsets of a zone take a while
            texts.append(await asyncio.to_thread(cut, period.since, period.until, "month", zone))
        else:
            texts.append(_quoted(name))
    places = [str(number) for number in range(1, len(texts) + 1)]
    order = ", ".join(f"{place} NULLS LAST" for place in places)
    grouped = f"GROUP BY {', '.join(places)} ORDER BY {order}" if places else ""
    parts = {"groups": "".join(f"{text}, " for text in texts), "grouped": grouped, "where": where}
    return parts, values


def span_values(sources: Sources, wanted: Wanted) -> dict[str, Any]:
    """The values that all statements of a period have."""
    period = wanted.asked.period
    return {"since": naive(period.since), "until": naive(period.until), "committed": sources.committed}


async def named_groups(
    sources: Sources, by: Sequence[str], groups: Iterable[tuple[Any, ...]]
) -> dict[str, Mapping[str, str]]:
    """The names of all ids in groups, by column.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    kept = list(groups)
    found: dict[str, Mapping[str, str]] = {}
    for place, name in enumerate(by):
        if name in NAMED:
            found[name] = await sources.known.names(name, (group[place] for group in kept))
    return found


def months_of(begin: datetime) -> str:
    """A month as reports have it: 2026-11."""
    return f"{begin:%Y-%m}"


def _quoted(name: str) -> str:
    return '"user"' if name == "user" else name
