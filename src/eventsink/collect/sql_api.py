"""The routes of queries in SQL, and of exports."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from litestar.response import Stream
from msgspec import Meta

from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security
from eventsink.collect.sending import Sending, store_of
from eventsink.collect.times import read_time
from eventsink.collect.turns import Turns
from eventsink.store import EventQuery, Query, QueryRefused
from eventsink.store.sandbox import TABLES

__all__ = ["sql_routes"]

PATIENCE = 10.0  # seconds that an export waits for another one
MOST_ROWS = 100_000
PARQUET = "application/vnd.apache.parquet"

Name = Annotated[str | None, Parameter(max_length=500)]


class Question(msgspec.Struct, forbid_unknown_fields=True):
    """A query in SQL: one SELECT. Times bound the events that it sees."""

    query: Annotated[str, Meta(max_length=20_000)]
    since: str | None = None
    until: str | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS)] = 1000


def sql_routes(desk: Desk) -> list[BaseRouteHandler]:
    """All of them."""
    return [*_queries(desk), _export(desk)]


def _queries(desk: Desk) -> list[BaseRouteHandler]:
    # Not for `read`, which whoever looks at a page has: a query takes time of the machine, and one that is made for it
    # takes memory beyond the limit of the store for a moment.
    admin: dict[str, Any] = {"guards": [needs("admin", desk)], "security": security("admin"), "tags": ["look"]}
    turns = Turns(desk.settings.store.query_seconds, "Other queries take their time")
    found = ResponseSpec(dict[str, Any], generate_examples=False, description="Columns, and rows as arrays.")

    @post(
        "/v1/sql",
        operation_id="querySql",
        summary="Ask in SQL",
        status_code=200,
        responses={200: found, **answers(503)},
        **admin,
    )
    async def query_sql(data: Question) -> Response[bytes]:
        """One SELECT over the store, which can change nothing; `cut`: there are more rows."""
        query = Query(
            text=data.query,
            since=read_time(data.since, "since"),
            until=read_time(data.until, "until"),
            rows=data.limit,
            seconds=desk.settings.store.query_seconds,
        )
        turn = await turns.take()
        try:
            with _in_words():
                answer = await store_of(desk).query(query)
        finally:
            turn.give_back()
        return Response(msgspec.json.encode(answer), media_type="application/json")

    @get("/v1/sql", operation_id="getTables", summary="What can be asked in SQL", responses=answers(), **admin)
    async def get_tables() -> dict[str, Any]:
        """The tables that a query may name, with their columns."""
        tables = [
            {"name": name, "text": table.text, "columns": [{"name": n, "type": t} for n, t in table.columns.items()]}
            for name, table in TABLES.items()
        ]
        return {"tables": tables}

    return [query_sql, get_tables]


def _export(desk: Desk) -> BaseRouteHandler:
    turns = Turns(PATIENCE, "Another export runs")
    file = ResponseSpec(bytes, generate_examples=False, media_type=PARQUET, description="A Parquet file.")

    @get(
        "/v1/export",
        operation_id="getExport",
        summary="Events as Parquet",
        guards=[needs("read", desk)],
        security=security("read"),
        tags=["look"],
        media_type=PARQUET,
        responses={200: file, **answers(503)},
    )
    async def get_export(since: Name = None, until: Name = None, type: Name = None) -> Stream:  # noqa: A002
        """All events of a time, of a year at most, and of a type if one is given (`storage.*`: all that begin so)."""
        query = EventQuery(since=read_time(since, "since"), until=read_time(until, "until"), type=type)
        turn = await turns.take()
        try:
            with _in_words():
                export = await store_of(desk).export(query)
        except BaseException:
            turn.give_back()
            raise
        headers = {"content-length": str(export.bytes), "x-events": str(export.events)}
        sending = Sending(export, turn)
        return Stream(sending, media_type=PARQUET, headers=headers, background=BackgroundTask(sending.end))

    return get_export


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except QueryRefused as error:
        raise Problem(400, str(error)) from None
