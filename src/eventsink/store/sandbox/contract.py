"""What is asked in SQL, and what is answered."""

from datetime import datetime

import msgspec

from eventsink.errors import EventSinkError

__all__ = ["Answer", "Column", "Query", "QueryRefused"]


class QueryRefused(EventSinkError):
    """A query is wrong, may not be asked, or needs more than it may have: another query can be answered."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One query.

    Args:
        text: one SELECT.
        since: only events from this time on are there; `until`: before this time.
        rows: that are answered at most.
        seconds: that it may take.
    """

    text: str
    since: datetime | None = None
    until: datetime | None = None
    rows: int = 1000
    seconds: float = 30.0


class Column(msgspec.Struct, frozen=True):
    """One column of an answer, with DuckDB's name of its type."""

    name: str
    type: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a query found.

    Args:
        rows: values as JSON in the order of the columns; times are UTC.
        cut: there are more rows than are here.
    """

    columns: list[Column]
    rows: list[msgspec.Raw]
    cut: bool
    seconds: float
