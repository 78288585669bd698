"""The routes of reports: numbers of a span, ready to be printed."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from eventsink.collect.dashboard_api import Asks, Text, given, numbers_of, sent
from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security
from eventsink.collect.times import read_time
from eventsink.collect.turns import Turns
from eventsink.store.uptime import By, Question, TooManyRows, Uptime, UptimeBook

__all__ = ["describe_reports", "report_routes"]

SPAN = timedelta(days=30)
PATIENCE = 60.0  # seconds that a report waits for others
MOST_CHECKS = 50  # as of any filter of a report

Name = Annotated[str | None, Parameter(max_length=500)]
Checks = Annotated[list[Annotated[str, Parameter(max_length=500)]] | None, Parameter(max_items=MOST_CHECKS)]
_COUNTER = {
    "name": "counter",
    "title": "Usage of datasets by COUNTER",
    "about": "Investigations and requests as the Code of Practice for Research Data counts them, of whole months.",
    "columns": [],
    "by": [],
    "filters": ["metric_type", "access_method", "yop"],
}
Forms = Literal["json", "rows", "csv", "html"]


def report_routes(desk: Desk) -> list[BaseRouteHandler]:
    """All reports."""
    found = ResponseSpec(dict[str, Any], generate_examples=False, description="Rows, and incidents.")
    made = ResponseSpec(dict[str, Any], generate_examples=False, description="Columns, rows, totals and footnotes.")
    reading: dict[str, Any] = {"guards": [needs("read", desk)], "security": security("read"), "tags": ["reports"]}

    turns = Turns(PATIENCE, "Other reports take their time", at_once=2)

    @get(
        "/v1/reports",
        operation_id="getReports",
        summary="The reports that there are",
        responses=answers(503),
        **reading,
    )
    async def get_reports() -> list[dict[str, Any]]:
        """Names and titles, how they count, their columns, and by what."""
        return [*numbers_of(desk).reports(), *([_COUNTER] if desk.counter else [])]

    @get(
        "/v1/reports/uptime",
        operation_id="getUptime",
        summary="How long checks were up",
        responses={200: found, **answers(503)},
        **reading,
    )
    async def get_uptime(  # noqa: PLR0913, PLR0917 - they are parameters of the address
        request: Asks,
        since: Name = None,
        until: Name = None,
        by: By = "check",
        check: Checks = None,
        format: Forms = "json",  # noqa: A002
    ) -> Response[bytes]:
        """Seconds up, down, unknown and in maintenance, by check, region or time, and the incidents; of 30 days.

        `check` names one, as often as wanted. With `format` rows, csv or html it has the form of all other reports, and
        takes a period as they do; hours, days and months are those of UTC.
        """
        if desk.uptime is None:
            raise Problem(503, "This process has no store: ask the one that runs `eventsink serve` or `eventsink up`.")
        if format == "json":
            begin, end = _span(since, until)
            return Response(await _encoded(desk.uptime, begin, end, by, check), media_type="application/json")
        numbers, asked = numbers_of(desk), given(request)
        begin, end = numbers.uptime_span(asked)
        if begin >= (end := min(end, datetime.now(UTC))):
            raise Problem(400, "The period lies in the future: nothing was checked in it yet.")
        return sent(await numbers.uptime(await _uptime(desk.uptime, begin, end, by, check), asked))

    @get(
        "/v1/reports/{report:str}",
        operation_id="getReport",
        summary="A report",
        responses={200: made, **answers(503)},
        **reading,
    )
    async def get_report(request: Asks, report: Text) -> Response[bytes]:
        """A report by its name, as JSON, with `format=csv` as CSV, with `format=html` as a page to be printed.

        In the address: `period` (12m, month, this-month, year, this-year, all, 24h to 365d) or `since` and `until`
        (2026-01-31, 2026-01 or a moment), `zone`, `by` (groups with commas between them), `limit` (rows), and filters
        by column, as `space=…`, as often as wanted. What a report knows of these `/v1/reports` says.
        """
        with await turns.take():
            return sent(await numbers_of(desk).report(report, given(request)))

    return [get_reports, get_uptime, get_report]


def _span(since: str | None, until: str | None) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    end = min(read_time(until, "until") or now, now)
    begin = read_time(since, "since") or end - SPAN
    if begin >= end:
        raise Problem(400, "since must lie before until, and before now.")
    return begin, end


async def _encoded(book: UptimeBook, begin: datetime, end: datetime, by: By, checks: Checks) -> bytes:
    try:
        return await book.encoded(Question(since=begin, until=end, by=by, checks=tuple(checks or ())))
    except TooManyRows as error:
        raise Problem(400, str(error)) from None


async def _uptime(book: UptimeBook, begin: datetime, end: datetime, by: By, checks: Checks) -> Uptime:
    try:
        return await book.uptime(Question(since=begin, until=end, by=by, checks=tuple(checks or ())))
    except TooManyRows as error:
        raise Problem(400, str(error)) from None


# --- what stands in the document -------------------------------------------------------------------------------------

# What is read from the address as it stands, for filters are in it by the names of their columns.
_ASKED = {
    "period": "12m, month, week, day, this-month, year, this-year, all, or 24h to 365d; instead of since and until.",
    "since": "A month (2026-01), a day (2026-01-31) or a moment.",
    "until": "The same; a month or day is within the period.",
    "zone": "Time zone of days and months, as America/Chicago.",
    "by": "What has a row: groups with commas between them.",
    "limit": "Rows at most.",
}


def describe_reports(document: dict[str, Any]) -> None:
    """Put the forms of reports, and what is asked of them, into the OpenAPI document."""
    for path, operations in document["paths"].items():
        if path.startswith("/v1/reports/") and (operation := operations.get("get")):
            for media_type in ("text/csv", "text/html"):
                operation["responses"]["200"]["content"][media_type] = {"schema": {"type": "string"}}
    if "/v1/reports/{report}" in document["paths"]:
        asked = [_parameter(name, {"type": "string"}, told) for name, told in _ASKED.items()]
        form = _parameter("format", {"type": "string", "enum": ["json", "csv", "html"]}, "json, if none is given.")
        document["paths"]["/v1/reports/{report}"]["get"]["parameters"] += [*asked, form]


def _parameter(name: str, schema: dict[str, Any], told: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": told, "schema": schema}
