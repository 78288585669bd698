"""The route by which `eventsink backup` gets the files of a store that is in use."""

from typing import Annotated, Any

from litestar import get
from litestar.background_tasks import BackgroundTask
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from litestar.response import Stream

from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security
from eventsink.collect.sending import Sending, store_of
from eventsink.collect.turns import Turns

__all__ = ["backup_routes"]

PATIENCE = 60.0  # seconds that one copy waits for another
DUCKDB = "application/vnd.duckdb"

Month = Annotated[
    str | None, Parameter(max_length=20, description="As /v1/status has it; else the last that there is.")
]


def backup_routes(desk: Desk) -> list[BaseRouteHandler]:
    """The one route."""
    admin: dict[str, Any] = {"guards": [needs("admin", desk)], "security": security("admin"), "tags": ["look"]}
    turns = Turns(PATIENCE, "Another copy is being made")
    file = ResponseSpec(bytes, generate_examples=False, media_type=DUCKDB, description="A file of the store.")

    @get(
        "/v1/backup",
        operation_id="getMonthFile",
        summary="A month of the store, as the file that it is",
        media_type=DUCKDB,
        responses={200: file, **answers(404, 503)},
        **admin,
    )
    async def get_month_file(month: Month = None) -> Stream:
        """The file of a month, whole and of one moment, with all that was stored before it was asked for."""
        turn = await turns.take()
        try:
            copy = await store_of(desk).copy(month)
            if copy is None:
                raise Problem(404, "The store has no file of this month: /v1/status lists those that it has.")
        except BaseException:
            turn.give_back()
            raise
        headers = {"content-length": str(copy.bytes), "x-events": str(copy.events)}
        sending = Sending(copy, turn)
        return Stream(sending, media_type=DUCKDB, headers=headers, background=BackgroundTask(sending.end))

    return [get_month_file]
