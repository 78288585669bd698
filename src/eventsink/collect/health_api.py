"""What the health part of the first page asks for: all checks at a glance, and what the key that asks may do."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from eventsink.collect.access import authorize
from eventsink.collect.desk import Desk
from eventsink.collect.problems import Problem
from eventsink.collect.routing import answers, needs, security
from eventsink.store.uptime import UptimeBook

__all__ = ["health_routes"]

EVERY = 5.0  # seconds: it is put together no more often, however many ask
SHARE = 0.05  # of the time may go into that

Asks = Request[Any, Any, Any]


class KeyView(msgspec.Struct, frozen=True):
    """The key that asks, without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]


class _Health:
    """The answer that was given last, and until when it is good."""

    def __init__(self) -> None:
        self._content = b""
        self._good_until = 0.0
        self._one = asyncio.Lock()

    async def answer(self, uptime: UptimeBook) -> bytes:
        """All checks at a glance, as JSON."""
        async with self._one:
            begun = time.monotonic()
            if begun >= self._good_until:
                self._content = await uptime.glance(datetime.now(UTC))
                now = time.monotonic()
                self._good_until = now + max(EVERY, (now - begun) / SHARE)
            return self._content


def health_routes(desk: Desk) -> list[BaseRouteHandler]:
    """Both of them."""
    health = _Health()
    found = ResponseSpec(dict[str, Any], generate_examples=False, description="Checks by name.")
    reading: dict[str, Any] = {"guards": [needs("read", desk)], "security": security("read"), "tags": ["look"]}

    @get(
        "/v1/health",
        operation_id="getHealth",
        summary="Checks at a glance",
        responses={200: found, **answers(503)},
        **reading,
    )
    async def get_health() -> Response[bytes]:
        """How each check is now and in each region, its uptime, and how long it took in each of the last 48 hours.

        The first 1,000 by name; `cut` says whether there are more. It is put together every 5 seconds.
        """
        if desk.uptime is None:
            raise Problem(503, "This process has no store: ask the one that runs `eventsink serve` or `eventsink up`.")
        return Response(await health.answer(desk.uptime), media_type="application/json")

    @get("/v1/key", operation_id="getKey", summary="The key that asks", responses=answers(503), **reading)
    async def get_key(request: Annotated[Asks, Parameter()]) -> KeyView:
        """What the key that asks is called, and what it may do."""
        key = await authorize(dict(request.scope["headers"]), "read", desk.keys)
        return KeyView(key.id, key.name, key.scopes)

    return [get_health, get_key]
