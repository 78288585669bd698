"""Where events are kept and asked for: one DuckDB file a month. The only room that imports DuckDB and nanoarrow.

In: accepted events. Out: rows, sums and series. Called by the store worker (append) and the API (queries).
"""

from eventsink.store.contract import (
    EventQuery,
    Interval,
    Point,
    Stats,
    StoredEvent,
    Summary,
    TypeCount,
    encode,
    encode_list,
)
from eventsink.store.store import Store

__all__ = [
    "EventQuery",
    "Interval",
    "Point",
    "Stats",
    "Store",
    "StoredEvent",
    "Summary",
    "TypeCount",
    "encode",
    "encode_list",
]
