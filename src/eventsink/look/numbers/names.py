"""What resources and people are called, as their events say: for ids that nobody can read."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from eventsink.look.numbers.asked import Period
from eventsink.store import Store

__all__ = ["NAMED", "find_all_names", "find_names"]

NAMED = ("dataset", "space", "collection", "user", "resource")
ALWAYS = (datetime(1900, 1, 1), datetime(9000, 1, 1))  # noqa: DTZ001 - the store has no zones
MOST = 2_000  # ids of one answer
AT_ONCE = 50_000  # ids of one statement where all are wanted


async def find_names(
    store: Store, columns: Iterable[str], rows: Iterable[tuple[Any, ...]], period: Period
) -> dict[str, dict[str, str]]:
    """The names of the ids in some columns of rows, by column and id; who has none is left out.

    As events of the period have it, else any others: to look at those of all time takes a while.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    found: dict[str, dict[str, str]] = {}
    kept = list(rows)
    for place, column in enumerate(columns):
        ids = sorted({row[place] for row in kept if row[place] is not None}) if column in NAMED else []
        if ids:
            named = await _named(store, column, ids[:MOST], _naive(period.since), _naive(period.until))
            if missing := [one for one in ids[:MOST] if one not in named]:
                named |= await _named(store, column, missing, *ALWAYS)
            found[column] = named
    return found


async def find_all_names(store: Store, column: str, ids: Iterable[str | None]) -> dict[str, str]:
    """The names of any number of ids of a column.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    wanted = sorted({one for one in ids if one is not None})
    found: dict[str, str] = {}
    for start in range(0, len(wanted), AT_ONCE):
        found |= await _named(store, column, wanted[start : start + AT_ONCE], *ALWAYS)
    return found


async def _named(store: Store, column: str, ids: list[str], since: datetime, until: datetime) -> dict[str, str]:
    return dict(await store.rows(f"names_of_{column}s", {"ids": ids, "since": since, "until": until}))


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
