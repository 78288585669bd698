"""The routes of reports: numbers of a span, ready to be printed."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from eventsink.collect.counting import Form
from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security
from eventsink.collect.times import read_time
from eventsink.errors import InvalidQuestion
from eventsink.store.uptime import By, Question, TooManyRows

__all__ = ["report_routes"]

SPAN = timedelta(days=30)

Name = Annotated[str | None, Parameter(max_length=500)]


Text = Annotated[str | None, Parameter(max_length=200)]

_NO_STORE = "This process has no store: ask the one that runs `eventsink serve` or `eventsink up`."


def report_routes(desk: Desk) -> list[BaseRouteHandler]:
    """All reports."""
    return [_about_uptime(desk), _about_usage(desk)]


def _reading(desk: Desk) -> dict[str, Any]:
    return {"guards": [needs("read", desk)], "security": security("read"), "tags": ["reports"]}


def _about_uptime(desk: Desk) -> BaseRouteHandler:
    found = ResponseSpec(dict[str, Any], generate_examples=False, description="Rows, and incidents.")

    @get(
        "/v1/reports/uptime",
        operation_id="getUptime",
        summary="How long checks were up",
        responses={200: found, **answers(503)},
        **_reading(desk),
    )
    async def get_uptime(
        since: Name = None, until: Name = None, by: By = "check", check: Name = None
    ) -> Response[bytes]:
        """Seconds up, down, unknown and in maintenance, by check, region or time, and the incidents; of 30 days."""
        if desk.uptime is None:
            raise Problem(503, _NO_STORE)
        now = datetime.now(UTC)
        end = min(read_time(until, "until") or now, now)
        begin = read_time(since, "since") or end - SPAN
        if begin >= end:
            raise Problem(400, "since must lie before until, and before now.")
        try:
            content = await desk.uptime.encoded(Question(since=begin, until=end, by=by, check=check))
        except TooManyRows as error:
            raise Problem(400, str(error)) from None
        return Response(content, media_type="application/json")

    return get_uptime


def _about_usage(desk: Desk) -> BaseRouteHandler:
    found = ResponseSpec(
        dict[str, Any],
        generate_examples=False,
        description="The report; tab-separated or with commas where it is asked for so.",
    )

    @get(
        "/v1/reports/counter",
        operation_id="getCounter",
        summary="Usage of datasets as COUNTER counts it",
        responses={200: found, **answers(503)},
        **_reading(desk),
    )
    async def get_counter(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        since: Text = None,
        until: Text = None,
        format: Form = "json",  # noqa: A002 - the name of the parameter
        metric_type: Text = None,
        access_method: Text = None,
        yop: Text = None,
    ) -> Response[bytes]:
        """COUNTER's Dataset Master Report of whole months, as 2026-01, both included.

        By default it is of the latest month that is over.

        `json` is what DataCite takes, of one month; `tsv` is the Code's table, `csv` the same for spreadsheets, and
        `table` has plain rows and footnotes as JSON. The filters are COUNTER's; several values of one have `|` between
        them.
        """
        if desk.counter is None:
            raise Problem(503, _NO_STORE)
        try:
            made = await desk.counter.render(
                since, until, format, metric_type=metric_type, access_method=access_method, yop=yop
            )
        except InvalidQuestion as error:
            raise Problem(400, str(error)) from None
        headers = {"content-disposition": f'attachment; filename="{made.filename}"'} if format != "table" else {}
        return Response(made.body, media_type=made.media_type, headers=headers)

    return get_counter
