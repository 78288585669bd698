"""Where processes without a front door answer probes and scrapes: /healthz, /readyz and /metrics, and nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec
import structlog
from aiohttp import web

from eventsink.assemble.listening import cannot_listen
from eventsink.collect.metrics import MEDIA_TYPE
from eventsink.collect.problems import MEDIA_TYPE as PROBLEM
from eventsink.collect.problems import SAFE, Problem, encode
from eventsink.collect.readiness import Part, is_ready, readiness
from eventsink.settings import Telemetry

__all__ = ["answering"]

MOST = 64  # connections at once
STAYS = 15.0  # seconds that one may stay: a probe takes a moment
LOOK_EVERY = 0.2

_HEADERS = {name.decode(): value.decode() for name, value in SAFE}
_log = structlog.get_logger(__name__)


class Render(Protocol):
    """Gives the text for a scrape."""

    def __call__(self, *, ready: bool) -> bytes:
        """It is told whether the process is ready."""


@contextlib.asynccontextmanager
async def answering(
    settings: Telemetry, parts: Callable[[], Awaitable[Sequence[Part]]], render: Render
) -> AsyncIterator[None]:
    """Answer while in the context.

    Args:
        settings: with the port, which is not 0.
        parts: those of this process, as they are now.

    Raises:
        SettingsError: the port cannot be listened on.
    """

    async def get_healthz(_: web.Request) -> web.Response:
        return _json({"status": "ok"})  # the loop has turned to it

    async def get_readyz(_: web.Request) -> web.Response:
        try:
            return _json(readiness(await parts()))
        except Problem as problem:
            headers = {**_HEADERS, **problem.headers, "content-type": PROBLEM}
            return web.Response(body=encode(problem), status=problem.status, headers=headers)

    async def get_metrics(_: web.Request) -> web.Response:
        content = render(ready=is_ready(await parts()))
        return web.Response(body=content, headers={**_HEADERS, "content-type": MEDIA_TYPE})

    app = web.Application()
    app.add_routes([web.get("/healthz", get_healthz), web.get("/readyz", get_readyz), web.get("/metrics", get_metrics)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    bounding = asyncio.create_task(_bound(runner), name="telemetry")
    try:
        await _listen(runner, settings)
        _log.info("telemetry.answering", address=settings.address)
        yield
    finally:
        bounding.cancel()
        await asyncio.gather(bounding, return_exceptions=True)
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Telemetry) -> None:
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        of_port = "telemetry.port, one for each process of this machine"
        raise cannot_listen(error, settings.host, settings.port, of_port=of_port, of_host="telemetry.host") from error


async def _bound(runner: web.AppRunner) -> None:
    """Cut off who stays, and the oldest of too many: the process needs its descriptors for its work."""
    since: dict[Any, float] = {}
    while True:
        await asyncio.sleep(LOOK_EVERY)
        now = asyncio.get_running_loop().time()
        connections = runner.server.connections if runner.server else []
        since = {connection: since.get(connection, now) for connection in connections}
        oldest = sorted(since, key=since.__getitem__)
        for place, connection in enumerate(oldest):
            if place < len(oldest) - MOST or now - since[connection] > STAYS:
                connection.force_close()


def _json(content: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), headers={**_HEADERS, "content-type": "application/json"})
