"""A request whose client goes away before the answer is counted, and its span ends."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eventsink.collect.browser_route import BrowserRoute
from eventsink.collect.intake_route import IntakeRoute
from eventsink.collect.metrics import BrowserCounts, IntakeCounts
from eventsink.settings import load


class _Span:
    """Notes how it ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, int]] = []

    def end(self, outcome: str, status: int) -> None:
        self.ended.append((outcome, status))


@pytest.mark.parametrize("route", [IntakeRoute, BrowserRoute])
async def test_a_request_that_is_cancelled_is_counted_and_its_span_ends(route: Any, tmp_path: Path) -> None:
    span, asked = _Span(), asyncio.Event()
    metrics = SimpleNamespace(intake=IntakeCounts(), browser=BrowserCounts())
    traces = SimpleNamespace(accept=lambda _: span)
    desk = SimpleNamespace(settings=load(None, {}, data=str(tmp_path)), metrics=metrics, traces=traces, keys=None)

    async def receive() -> dict[str, Any]:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("it never comes")

    async def send(_: dict[str, Any]) -> None:
        raise AssertionError("nobody reads it")

    async def check(_: str) -> Any:
        return SimpleNamespace(id="k", rate=0.0, may=lambda _: True)

    desk.keys = SimpleNamespace(check=check)
    scope = {"method": "POST", "path": "/v1/events", "headers": [(b"x-api-key", b"k")], "client": ("127.0.0.1", 1)}
    task = asyncio.create_task(route(desk)(scope, receive, send))
    await asyncio.wait_for(asked.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert metrics.intake.answers == {499: 1} and span.ended == [("gone", 499)]
    assert not any(metrics.intake.reasons.values())
