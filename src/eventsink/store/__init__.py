"""Where events are kept and asked for: one DuckDB file a month. The only room that imports DuckDB and nanoarrow.

In: accepted events. Out: rows, sums and series. Called by the store worker (append) and the API (queries).
"""

from eventsink.store.contract import (
    OTHER_TYPES,
    EventPage,
    EventQuery,
    Interval,
    Point,
    Stats,
    StoredEvent,
    Summary,
    TooManyPoints,
    TypeCount,
    encode,
    encode_list,
)
from eventsink.store.exporter import Export
from eventsink.store.sandbox import Answer, Query, QueryRefused
from eventsink.store.store import Store

__all__ = [
    "OTHER_TYPES",
    "Answer",
    "EventPage",
    "EventQuery",
    "Export",
    "Interval",
    "Point",
    "Query",
    "QueryRefused",
    "Stats",
    "Store",
    "StoredEvent",
    "Summary",
    "TooManyPoints",
    "TypeCount",
    "encode",
    "encode_list",
]
