"""A server that answers as a script says: for answers that no real server gives when one wants it to."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import unused_port

from eventsink.deliver.http import HttpDestination


@dataclass(frozen=True)
class Said:
    """What one request was answered with."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0  # seconds
    together: int = 1  # requests that must have been under way at once before it is said

    def response(self) -> web.Response:
        if isinstance(self.body, bytes | str):
            content = self.body.encode() if isinstance(self.body, str) else self.body
            return web.Response(status=self.status, body=content, headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)


@dataclass(frozen=True)
class Asked:
    """What a request was."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Answering:
    """Gives one answer after the other, the last one again and again."""

    def __init__(self, script: list[Said]) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.url = ""
        self.connections: set[Any] = set()
        self.under_way = self.at_once = 0  # requests that are being answered: now, and at most

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.connections.add(request.transport)
        self.asked.append(Asked(request.method, request.path, dict(request.query), dict(request.headers), body))
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.under_way += 1
        self.at_once = max(self.at_once, self.under_way)
        try:
            async with asyncio.timeout(30):
                while self.at_once < said.together:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(said.after)
        finally:
            self.under_way -= 1
        return said.response()


def give_time(destination: HttpDestination, seconds: float) -> None:
    """Have a destination that is open wait so long for each answer from now on."""
    assert destination._session is not None
    destination._session._timeout = aiohttp.ClientTimeout(total=seconds)


@asynccontextmanager
async def answering(*script: Said) -> AsyncIterator[Answering]:
    """Such a server, while in the context."""
    server, app = Answering(list(script)), web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", server.answer)
    async with serving(app) as server.url:
        yield server


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """The address of an app, while in the context."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        port = unused_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
