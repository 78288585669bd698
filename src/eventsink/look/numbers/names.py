"""What resources and people are called, as their events say: for ids that nobody can read."""

from collections.abc import Iterable
from typing import Any

from eventsink.store import Store

__all__ = ["NAMED", "find_all_names", "find_names"]

NAMED = ("dataset", "space", "collection", "user", "resource")
MOST = 2_000  # ids of one answer
AT_ONCE = 50_000  # ids of one statement where all are wanted


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


async def find_all_names(store: Store, column: str, ids: Iterable[str | None]) -> dict[str, str]:
    """The names of any number of ids of a column.

    Raises:
        StoreUnavailable: it cannot answer now.
    """
    wanted = sorted({one for one in ids if one is not None})
    found: dict[str, str] = {}
    for start in range(0, len(wanted), AT_ONCE):
        found |= dict(await store.rows(f"names_of_{column}s", {"ids": wanted[start : start + AT_ONCE]}))
    return found
