"""The tables that a query may name, and where their rows come from. A further table is one entry of `TABLES`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from eventsink.store.open_files import catalog
from eventsink.store.sql import statement

__all__ = ["FACTS", "TABLES", "Scene", "Table", "short_events"]

FACTS = "facts"
_LONG = ("data", "extensions")


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What one query sees.

    Args:
        months: the files that are open for it, and whether each has long texts.
        committed: the number of the last event to be seen.
        since: events from here on; `until`: before this.
        texts: whether `data` or `extensions` of events are asked for: to put long ones together takes time.
    """

    months: Mapping[str, bool]
    committed: int
    since: datetime | None = None
    until: datetime | None = None
    texts: bool = True

    @property
    def condition(self) -> str:
        """What events meet that are seen, as SQL."""
        bounds = ((">=", self.since), ("<", self.until))
        times = [f"time {sign} TIMESTAMP '{_naive(time)}'" for sign, time in bounds if time]
        return " AND ".join([f"seq <= {self.committed}", *times])


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table that a query may name.

    Args:
        text: what a row is, for people.
        columns: names and DuckDB's types.
        rows: makes the SELECT that has its rows.
    """

    text: str
    columns: Mapping[str, str]
    rows: Callable[[Scene], str]


_EVENTS = {
    "seq": "BIGINT",
    "id": "VARCHAR",
    "source": "VARCHAR",
    "type": "VARCHAR",
    "time": "TIMESTAMP",
    "received": "TIMESTAMP",
    "subject": "VARCHAR",
    "user": "VARCHAR",
    "dialect": "VARCHAR",
    "bytes": "BIGINT",
    "data": "VARCHAR",
    "extensions": "VARCHAR",
}


def _events(scene: Scene) -> str:
    """The events of all files. Those with long texts are apart: only they need the table of pieces."""
    names = [name for name in _EVENTS if scene.texts or name not in _LONG]
    parts = [part for month, long in scene.months.items() for part in _of_month(scene, month, names, long=long)]
    empty = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in _EVENTS.items() if name in names)
    return " UNION ALL BY NAME ".join(parts or [f"SELECT {empty} WHERE false"])


def _of_month(scene: Scene, month: str, names: Sequence[str], *, long: bool) -> list[str]:
    columns = ", ".join(f'"{name}"' for name in names)
    parts = {"month": catalog(month), "condition": scene.condition}
    if not (long and scene.texts):
        return [statement("sandbox_events", columns=columns, **parts)]
    short = ", ".join(f'"{name}"' for name in names if name not in _LONG)
    return [
        statement("sandbox_short_events", columns=columns, **parts),
        statement("sandbox_long_events", columns=short, **parts),
    ]


def short_events(scene: Scene) -> str:
    """The events without long texts of files that have such, and all of the others."""
    columns = ", ".join(f'"{name}"' for name in _EVENTS)
    kinds = {True: "sandbox_short_events", False: "sandbox_events"}
    parts = [
        statement(kinds[long], month=catalog(month), columns=columns, condition=scene.condition)
        for month, long in scene.months.items()
    ]
    return " UNION ALL BY NAME ".join(parts) or _events(scene)


def _naive(time: datetime) -> str:
    return (time.astimezone(UTC) if time.tzinfo else time).replace(tzinfo=None).isoformat(" ")


_FACTS = {
    "seq": "BIGINT",
    "time": "TIMESTAMP",
    "source": "VARCHAR",
    "type": "VARCHAR",
    "user": "VARCHAR",
    "user_name": "VARCHAR",
    "author": "VARCHAR",
    "author_name": "VARCHAR",
    "resource_type": "VARCHAR",
    "resource": "VARCHAR",
    "name": "VARCHAR",
    "dataset": "VARCHAR",
    "dataset_name": "VARCHAR",
    "collection": "VARCHAR",
    "space": "VARCHAR",
    "mime_type": "VARCHAR",
    "bytes": "BIGINT",
    "items": "BIGINT",
    "extractor": "VARCHAR",
    "job": "VARCHAR",
    "status": "VARCHAR",
    "queue_ms": "DOUBLE",
    "run_ms": "DOUBLE",
    "method": "VARCHAR",
    "route": "VARCHAR",
    "http_status": "INTEGER",
    "status_class": "INTEGER",
    "succeeded": "BOOLEAN",
    "duration_ms": "DOUBLE",
    "identity": "VARCHAR",
    "page": "VARCHAR",
    "referrer": "VARCHAR",
    "session": "VARCHAR",
    "visitor": "VARCHAR",
    "country": "VARCHAR",
    "device": "VARCHAR",
    "browser": "VARCHAR",
    "access_method": "VARCHAR",
    "robot": "BOOLEAN",
}


def _facts(scene: Scene) -> str:
    columns = ", ".join(f'"{name}"' for name in _FACTS)
    return statement("sandbox_facts", columns=columns, condition=scene.condition)


TABLES: dict[str, Table] = {
    "events": Table(text="every stored event, once", columns=_EVENTS, rows=_events),
    FACTS: Table(text="the same with what its data says in columns: many times as fast", columns=_FACTS, rows=_facts),
}
