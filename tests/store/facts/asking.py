"""Questions for tests."""

from datetime import UTC, datetime
from typing import Any

from eventsink.store import Store
from eventsink.store.facts import Measure, Question

__all__ = ["ALWAYS", "count_of", "counts_by"]

ALWAYS: dict[str, Any] = {"since": datetime(1900, 1, 1, tzinfo=UTC), "until": datetime(9000, 1, 1, tzinfo=UTC)}


async def count_of(store: Store) -> int:
    """How many events the facts have."""
    answer = await store.ask(Question(measures=(Measure("events"),), **ALWAYS))
    return int(answer.rows[0][0])


async def counts_by(store: Store, *columns: str) -> dict[Any, int]:
    """How many events of each value of a column, or of each combination."""
    answer = await store.ask(Question(measures=(Measure("events"),), by=columns, **ALWAYS))
    return {row[0] if len(columns) == 1 else row[:-1]: row[-1] for row in answer.rows}
