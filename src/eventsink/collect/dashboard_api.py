"""The routes of the dashboard: pages and panels, by period, comparison and filters."""

import json
from typing import Annotated, Any
from urllib.parse import quote

from litestar import Request, Response, get
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from eventsink.collect.desk import Desk
from eventsink.collect.numbers import Numbers, Rendered
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security
from eventsink.collect.turns import Turns

__all__ = ["dashboard_routes", "given", "numbers_of", "sent"]

PATIENCE = 30.0  # seconds that a page waits for others
MOST_GIVEN = 200  # parameters of an address
MOST_NOTES, LONGEST_NOTE = 20, 500  # of an answer, in a header of it
PAGES_MAY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

Asks = Request[Any, Any, Any]
Text = Annotated[str, Parameter(max_length=200)]


def dashboard_routes(desk: Desk) -> list[BaseRouteHandler]:
    """Pages and panels."""
    found = ResponseSpec(dict[str, Any], generate_examples=False, description="Panels with their rows.")
    reading: dict[str, Any] = {"guards": [needs("read", desk)], "security": security("read"), "tags": ["look"]}

    turns = Turns(PATIENCE, "Many look at pages", at_once=4)

    @get("/v1/pages", operation_id="getPages", summary="The pages of the dashboard", responses=answers(503), **reading)
    async def get_pages() -> list[dict[str, Any]]:
        """Names and titles, with those of their panels."""
        return numbers_of(desk).pages()

    @get(
        "/v1/pages/{page:str}",
        operation_id="getPage",
        summary="The numbers of a page",
        responses={200: found, **answers(503)},
        **reading,
    )
    async def get_page(request: Asks, page: Text) -> Response[bytes]:
        """All panels of a page.

        In the address: `period` (24h, 7d, 30d, 90d, 365d) or `since` and `until` (2026-01-31, 2026-01 or a moment),
        `zone`, `compare` (before, year, none), and filters by column, as `space=…`, as often as wanted.
        """
        with await turns.take():
            return sent(await numbers_of(desk).page(page, given(request)))

    @get(
        "/v1/pages/{page:str}/{panel:str}",
        operation_id="getPanel",
        summary="The numbers of a panel",
        responses={200: found, **answers(503)},
        **reading,
    )
    async def get_panel(request: Asks, page: Text, panel: Text) -> Response[bytes]:
        """One panel with the query behind it, or with `format=csv` as CSV. The address is that of its page."""
        with await turns.take():
            return sent(await numbers_of(desk).panel(page, panel, given(request)))

    return [get_pages, get_page, get_panel]


def numbers_of(desk: Desk) -> Numbers:
    """What gives the numbers.

    Raises:
        Problem: this process has no store.
    """
    if desk.numbers is None:
        raise Problem(503, "This process has no store: ask the one that runs `eventsink serve` or `eventsink up`.")
    return desk.numbers


def given(request: Asks) -> dict[str, list[str]]:
    """What stands in an address after the question mark.

    Raises:
        Problem: it is too much.
    """
    found: dict[str, list[str]] = {}
    for number, (name, value) in enumerate(request.query_params.multi_items()):
        if number >= MOST_GIVEN:
            raise Problem(400, f"The address has more than {MOST_GIVEN} parameters.")
        found.setdefault(name, []).append(value)
    return found


def sent(rendered: Rendered) -> Response[bytes]:
    """The answer."""
    headers = {"cache-control": "no-store"}
    if rendered.media_type.startswith("text/html"):  # a report: it needs nothing but itself, whatever names say
        headers["content-security-policy"] = PAGES_MAY
    if rendered.notes:
        headers["x-report-notes"] = json.dumps([note[:LONGEST_NOTE] for note in rendered.notes[:MOST_NOTES]])
    if rendered.filename:
        headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(rendered.filename)}"
    media_type, _, _ = rendered.media_type.partition(";")  # Litestar says of every text that it is UTF-8
    return Response(rendered.body, media_type=media_type, headers=headers)
