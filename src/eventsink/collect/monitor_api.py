"""The routes of monitors: where they say that they run, and who they are."""

from typing import Annotated, Any

from litestar import delete, get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import Parameter

from eventsink.collect.desk import Desk
from eventsink.collect.monitors import Report
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security

__all__ = ["monitor_routes"]

Name = Annotated[str, Parameter(max_length=100)]


def monitor_routes(desk: Desk) -> list[BaseRouteHandler]:
    """Where monitors report, and who they are."""
    may: dict[str, Any] = {"guards": [needs("ingest", desk)], "security": security("ingest"), "tags": ["monitors"]}

    @post(
        "/v1/monitors/{name:str}",
        operation_id="reportMonitor",
        summary="A monitor runs",
        status_code=200,
        responses=answers(),
        **may,
    )
    async def report_monitor(name: Name, data: Report) -> dict[str, bool]:
        """Say that a monitor runs; the answer says whether another process of its name does, too."""
        if not (name + data.region).isprintable():
            raise Problem(400, "The name or region of a monitor has letters that cannot be seen.")
        return {"rival": desk.monitors.note(name, data)}

    @delete(
        "/v1/monitors/{name:str}",
        operation_id="deleteMonitor",
        summary="A monitor ends",
        status_code=200,
        responses=answers(404),
        **may,
    )
    async def delete_monitor(name: Name, instance: Name = "") -> dict[str, bool]:
        """Say that a monitor ends, or forget one that will not come again."""
        if not desk.monitors.forget(name, instance):
            raise Problem(404, f"No monitor {name[:80]!r} has reported here, or not this process of it.")
        return {"forgotten": True}

    @get(
        "/v1/monitors",
        operation_id="getMonitors",
        summary="Monitors",
        guards=[needs("read", desk)],
        security=security("read"),
        tags=["monitors"],
        responses=answers(),
    )
    async def get_monitors() -> dict[str, Any]:
        """All that have reported since this process began."""
        return {"monitors": desk.monitors.listed()}

    return [report_monitor, delete_monitor, get_monitors]
