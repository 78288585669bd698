"""The routes of reports: numbers of a span, ready to be printed."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security
from eventsink.collect.times import read_time
from eventsink.store.uptime import By, Question, TooManyRows

__all__ = ["report_routes"]

SPAN = timedelta(days=30)

Name = Annotated[str | None, Parameter(max_length=500)]


def report_routes(desk: Desk) -> list[BaseRouteHandler]:
    """All reports."""
    found = ResponseSpec(dict[str, Any], generate_examples=False, description="Rows, and incidents.")

    @get(
        "/v1/reports/uptime",
        operation_id="getUptime",
        summary="How long checks were up",
        guards=[needs("read", desk)],
        security=security("read"),
        tags=["reports"],
        responses={200: found, **answers(503)},
    )
    async def get_uptime(
        since: Name = None, until: Name = None, by: By = "check", check: Name = None
    ) -> Response[bytes]:
        """Seconds up, down, unknown and in maintenance, by check, region or time, and the incidents; of 30 days."""
        if desk.uptime is None:
            raise Problem(503, "This process has no store: ask the one that runs `eventsink serve` or `eventsink up`.")
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

    return [get_uptime]
