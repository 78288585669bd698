"""What a query is about: the files that can have a part in its answer, and the conditions on their rows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb
import msgspec

from eventsink.errors import StoreUnavailable
from eventsink.store.contract import EventQuery
from eventsink.store.extent import Extent
from eventsink.store.months import Months
from eventsink.store.open_files import on_month
from eventsink.store.sql import statement

__all__ = ["Conditions", "Row", "Span", "fetched", "utc"]

FETCHED_AT_ONCE = 1_000  # rows; while DuckDB makes Python values of them, the event loop stands still

Row = tuple[Any, ...]


class Conditions(msgspec.Struct, frozen=True):
    """What rows must meet, all of it, and the values that stand in it."""

    texts: tuple[str, ...] = ()
    values: dict[str, Any] = {}

    def also(self, condition: str, **values: Any) -> "Conditions":
        """These and another one, unless a value of it is None: that is not asked for."""
        return self if None in values.values() else Conditions((*self.texts, condition), self.values | values)

    def __str__(self) -> str:
        return " AND ".join(self.texts)


class Span:
    """The files and the conditions of a query.

    Args:
        months: the files, through whose `gate` the caller went.
        query: what is asked.
        committed: the number of the last event to be seen.
    """

    def __init__(self, months: Months, query: EventQuery, committed: int) -> None:
        self.committed = committed
        self._months = months
        self._since, self._until = _aware(query.since), _aware(query.until)
        times = (
            Conditions()
            .also("seq <= $committed", committed=committed)
            .also("time >= $since", since=_naive(self._since))
            .also("time < $until", until=_naive(self._until))
        )
        self.conditions = _beside_time(times, query)
        self._only_times = self.conditions == times
        self.extents = {
            name: extent for name, extent in sorted(months.extents.items()) if self._concerns(extent, query)
        }

    def has_all(self, extent: Extent) -> bool:
        """Whether every event of a file is asked for."""
        within = extent.lies_within(self._since, self._until)
        return self._only_times and within and extent.last_seq <= self.committed

    def ask(self, month: str, name: str, conditions: Conditions | None = None, **values: Any) -> list[Row]:
        """The rows of a statement about one file; other conditions are for a part of it.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: it cannot be opened or read, or the store is being closed.
        """
        conditions = conditions or self.conditions
        return self.run(month, name, conditions.values | values, conditions=str(conditions))

    def run(self, month: str, name: str, values: Mapping[str, Any], **parts: str) -> list[Row]:
        """The rows of a statement about one file, with values and parts of it that the caller names.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: as `ask`.
        """
        if self._months.files.interrupted:
            raise StoreUnavailable("The store is being closed.")
        with self._months.using(month):
            return self._fetched(on_month(month, name, **parts), values)

    def sums(self, name: str, **values: Any) -> list[Row]:
        """The rows of a statement about what was taken out of the files."""
        return self._fetched(statement(name), values)

    def sums_of(self, name: str, values: Mapping[str, Any], **parts: str) -> list[Row]:
        """The same, of a statement with parts."""
        return self._fetched(statement(name, **parts), values)

    def _fetched(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        return fetched(self._months.files.reader.execute(sql, values))

    def _concerns(self, extent: Extent, query: EventQuery) -> bool:
        before, after = query.before_seq, query.after_seq
        within = (before is None or extent.first_seq < before) and (after is None or extent.last_seq > after)
        return within and extent.may_hold(self._since, self._until)


def fetched(found: duckdb.DuckDBPyConnection) -> list[Row]:
    """All rows of a statement, in parts."""
    rows: list[Row] = []
    while part := found.fetchmany(FETCHED_AT_ONCE):
        rows += part
    return rows


def utc(time: datetime) -> datetime:
    """A time as DuckDB gives it, with its zone."""
    return datetime.combine(time, time.time(), UTC)  # five times as fast as replace


def _beside_time(conditions: Conditions, query: EventQuery) -> Conditions:
    if query.type is not None and query.type.endswith("*"):
        conditions = conditions.also("starts_with(type, $type)", type=query.type[:-1])
    else:
        conditions = conditions.also("type = $type", type=query.type)
    return (
        conditions.also('"user" = $user', user=query.user)
        .also("source = $source", source=query.source)
        .also("subject = $subject", subject=query.subject)
        .also("key = event_key($id) AND id = $id", id=query.id)
        .also("seq < $before", before=query.before_seq)
        .also("seq > $after", after=query.after_seq)
    )


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time


def _naive(time: datetime | None) -> datetime | None:
    return time.astimezone(UTC).replace(tzinfo=None) if time else None
