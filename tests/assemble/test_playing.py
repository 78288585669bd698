"""The demonstration goes on after a time in which the exchange took nothing."""

import asyncio
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from eventsink import demo
from eventsink.assemble import playing
from eventsink.errors import ExchangeUnavailable
from eventsink.event import Event
from eventsink.testing import sample_events


class _Exchange:
    """Takes nothing two times, then all."""

    def __init__(self, stop: asyncio.Event) -> None:
        self.taken: list[Event] = []
        self._stop = stop
        self._attempts = 0

    async def publish(self, events: list[Event]) -> None:
        self._attempts += 1
        if self._attempts < 3:
            raise ExchangeUnavailable("The disk is full.")
        self.taken += events
        if len(self.taken) == 3:
            self._stop.set()


async def test_an_exchange_that_takes_nothing_for_a_while_is_said_once_and_gets_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(playing, "AGAIN", 0.01)
    events = sample_events(3)

    def month(seed: int, end: datetime) -> list[list[Event]]:
        return [events[:2]]

    monkeypatch.setattr(demo, "month", month)
    monkeypatch.setattr(demo, "live", lambda seed: events[2:])
    stop = asyncio.Event()
    exchange = _Exchange(stop)
    with capture_logs() as logs:
        async with asyncio.timeout(30):
            await playing.play(exchange, stop)
    assert exchange.taken == events
    assert [(line["event"], line.get("reason")) for line in logs] == [
        ("demo.waiting", "The disk is full."),
        ("demo.played", None),
    ]
