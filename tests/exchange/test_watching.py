"""What is looked at now and then is looked at for ever, whatever one look ends with."""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest

from eventsink.amqp import Management
from eventsink.errors import ExchangeUnavailable, SettingsError
from eventsink.exchange.rabbitmq import checkup, guard, layout
from eventsink.exchange.rabbitmq.guard import Guard
from eventsink.exchange.rabbitmq.layout import Layout
from eventsink.point import Point

FAILURES = [ExchangeUnavailable("The disk is full."), SettingsError("It is no address."), KeyError("a bug")]


class _Service:
    """A broker of which a look fails in one way after the other, and then goes well."""

    version = "4.1.0"

    def __init__(self) -> None:
        self.failures = iter(FAILURES)
        self.well = asyncio.Event()

    async def look(self) -> list[str]:
        for failure in self.failures:
            raise failure
        self.well.set()
        return []

    management: Management = None  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "EVERY", 0.01)
    monkeypatch.setattr(guard, "EVERY", 0.01)


async def _watched(watch: Awaitable[None], service: _Service) -> None:
    """Watch until a look has gone well."""
    task = asyncio.ensure_future(watch)
    async with asyncio.timeout(30):
        await service.well.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_queues_are_looked_at_again_after_a_look_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    service: Any = _Service()
    watched = Layout(service, "clowder.metrics", {})
    monkeypatch.setattr(watched, "declare", service.look)
    await _watched(watched.watch(tell=False), service)


async def test_policies_are_looked_at_again_after_a_look_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _said(monkeypatch)
    service: Any = _Service()
    watched = Guard(service, service.look)
    await _watched(watched.watch(), service)
    assert [words for words in said if "The disk is full. Mend that" in words]
    assert [words for words in said if "It is no address. Mend that" in words]


def _said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person is told; the broker itself is well."""
    said: list[str] = []
    monkeypatch.setattr(checkup, "missing_policies", _nothing)
    monkeypatch.setattr(checkup, "ask_policies", lambda *_: Point("policy", "it is well"))
    monkeypatch.setattr(Guard, "_note", lambda _, found: said.append(found))
    return said


def _nothing(_: object) -> Iterator[str]:
    return iter(())
