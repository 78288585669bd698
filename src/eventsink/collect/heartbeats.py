"""Where jobs and programs report that they live, or that their work is done: our half of a dead man's switch.

What must report, and how often, says a check of the kind `heartbeat`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import Parameter
from msgspec import Meta

from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security
from eventsink.errors import ExchangeUnavailable
from eventsink.event import Event, new_ids
from eventsink.redact import hide_secrets

__all__ = ["heartbeat_routes"]

Name = Annotated[str, Parameter(pattern=r"^[\w.-]+$", max_length=100)]
Text = Annotated[str | None, Parameter(max_length=1000)]


class Beat(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is reported.

    Args:
        ok: whether the work was done well.
        duration_ms: how long it took.
        message: for a person.
    """

    ok: bool = True
    duration_ms: Annotated[float, Meta(ge=0, le=1e15)] | None = None
    message: Annotated[str, Meta(max_length=1000)] | None = None


def heartbeat_routes(desk: Desk) -> list[BaseRouteHandler]:
    """Both ways to report."""
    may: dict[str, Any] = {
        "guards": [needs("ingest", desk)],
        "security": security("ingest"),
        "tags": ["send"],
        "responses": answers(503),
    }

    @post("/v1/heartbeats/{name:str}", operation_id="postHeartbeat", summary="Report in", status_code=202, **may)
    async def post_heartbeat(name: Name, data: Beat | None = None) -> dict[str, int]:
        """Something is alive, or its work is done."""
        return await _take(desk, name, data or Beat())

    @get("/v1/heartbeats/{name:str}", operation_id="getHeartbeat", summary="Report in, from cron", **may)
    async def get_heartbeat(
        name: Name,
        ok: bool = True,  # noqa: FBT001, FBT002 - a parameter of the query
        message: Text = None,
    ) -> dict[str, int]:
        """The same for what can do no more than ask for an address, as `curl -H "X-API-Key: …"` at the end of a job."""
        return await _take(desk, name, Beat(ok=ok, message=message))

    return [post_heartbeat, get_heartbeat]


async def _take(desk: Desk, name: str, beat: Beat) -> dict[str, int]:
    if not name.isprintable():  # a pattern lets a line break pass at the end
        raise Problem(400, "The name has letters that cannot be seen.")
    now = datetime.now(UTC)
    said = {"message": hide_secrets(beat.message) if beat.message else None, "duration_ms": beat.duration_ms}
    event = Event(
        id=new_ids(1, now)[0],
        source=desk.settings.collect.source,
        type="health.heartbeat",
        time=now,
        received=now,
        subject=f"heartbeats/{name}",
        data={"name": name, "ok": beat.ok} | {key: value for key, value in said.items() if value is not None},
    )
    try:
        await desk.exchange.publish([event])
    except ExchangeUnavailable as error:
        raise Problem(503, str(error), headers={"retry-after": "5"}) from error
    desk.metrics.intake.accepted += 1
    return {"accepted": 1}
