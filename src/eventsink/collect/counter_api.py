"""The route of COUNTER's report."""

from typing import Annotated, Any

from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from eventsink.collect.counting import Form
from eventsink.collect.dashboard_api import Asks, given
from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security

__all__ = ["counter_routes"]

_KNOWN = ("since", "until", "format", "metric_type", "access_method", "yop")

Text = Annotated[str | None, Parameter(max_length=200)]


def counter_routes(desk: Desk) -> list[BaseRouteHandler]:
    """It alone."""
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
        guards=[needs("read", desk)],
        security=security("read"),
        tags=["reports"],
    )
    async def get_counter(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
        request: Asks,
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
        `rows` has the form of
        all other reports. The filters are COUNTER's; several values of one have `|` between
        them.
        """
        if desk.counter is None:
            raise Problem(503, "This process has no store: ask the one that runs `eventsink serve` or `eventsink up`.")
        if unknown := [name for name in given(request) if name not in _KNOWN]:
            raise Problem(400, f"COUNTER's report knows no {unknown[0][:60]!r}: it has {', '.join(_KNOWN)}.")
        made = await desk.counter.render(
            since, until, format, metric_type=metric_type, access_method=access_method, yop=yop
        )
        headers = {"content-disposition": f'attachment; filename="{made.filename}"'} if format != "rows" else {}
        return Response(made.body, media_type=made.media_type, headers=headers)

    return [get_counter]
