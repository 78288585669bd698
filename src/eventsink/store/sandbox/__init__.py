"""Queries that others wrote, in the store's own DuckDB: what they may name, how long they may run, what they answer.

In: the text of a query. Out: rows as JSON. Called by the API, through the store.
"""

from eventsink.store.sandbox.contract import Answer, Query, QueryRefused
from eventsink.store.sandbox.tables import TABLES, Table

__all__ = ["TABLES", "Answer", "Query", "QueryRefused", "Table"]
