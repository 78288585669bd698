"""What resources and people are called, as their events say: for ids that nobody can read."""

from collections.abc import Iterable
from typing import Any

from eventsink.store import Store

__all__ = ["NAMED", "find_names"]

NAMED = ("dataset", "space", "collection", "user", "resource")
MOST = 2_000  # ids of one answer


async def find_names(
    store: Store, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]
) -> dict[str, dict[str, str]]:
    """The names of the ids in some columns of rows, by column and id; who has none is left out.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    found: dict[str, dict[str, str]] = {}
    kept = list(rows)
    for place, column in enumerate(columns):
        ids = sorted({row[place] for row in kept if row[place] is not None}) if column in NAMED else []
        if ids:
            found[column] = dict(await store.rows(f"names_of_{column}s", {"ids": ids[:MOST]}))
    return found
