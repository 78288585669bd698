"""The demonstration: a made-up Clowder lives in this sink."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from eventsink import demo
from eventsink.errors import ExchangeUnavailable
from eventsink.event import Event
from eventsink.exchange.contract import Exchange

__all__ = ["play"]

AGAIN = 5.0  # seconds after which what was not taken is published again

_log = structlog.get_logger(__name__)


async def play(exchange: Exchange, stop: asyncio.Event) -> None:
    """The demonstration: a month at once, then a trickle."""
    count = 0
    for batch in demo.month(seed=1, end=datetime.now(UTC)):
        await _publish(exchange, batch, stop)
        count += len(batch)
        await asyncio.sleep(0)
    _log.info("demo.played", events=count)
    for event in demo.live(seed=1):
        await _publish(exchange, [event], stop)
        await _pause(stop, 1.0)


async def _publish(exchange: Exchange, events: Sequence[Event], stop: asyncio.Event) -> None:
    """Publish, as soon as the exchange takes events: that it takes none for a while is no end of the demonstration."""
    told = False
    while not stop.is_set():
        try:
            await exchange.publish(events)
            return
        except ExchangeUnavailable as error:
            if not told:
                _log.warning("demo.waiting", reason=str(error))
            told = True
            await _pause(stop, AGAIN)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
