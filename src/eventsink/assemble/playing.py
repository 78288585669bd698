"""The demonstration: a made-up Clowder lives in this sink."""

import asyncio
import contextlib
from datetime import UTC, datetime

import structlog

from eventsink import demo
from eventsink.exchange.contract import Exchange

__all__ = ["play"]

_log = structlog.get_logger(__name__)


async def play(exchange: Exchange, stop: asyncio.Event) -> None:
    """The demonstration: a month at once, then a trickle."""
    count = 0
    for batch in demo.month(seed=1, end=datetime.now(UTC)):
        await exchange.publish(batch)
        count += len(batch)
        await asyncio.sleep(0)
    _log.info("demo.played", events=count)
    for event in demo.live(seed=1):
        await exchange.publish([event])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await stop.wait()
