"""Events to Amplitude and to Google Analytics: how many a second the workers bring to servers that judge them.

The baseline sends one request an event, over one kept connection, and waits for each answer: as the earlier consumers
did. The servers are the contract servers of the tests, in a process of their own, and look at every field.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection
from typing import Any

import aiohttp

from benchmarks.results import Result
from eventsink.deliver.workers.amplitude import Amplitude
from eventsink.deliver.workers.amplitude import Options as AmplitudeOptions
from eventsink.deliver.workers.google_analytics import GoogleAnalytics
from eventsink.deliver.workers.google_analytics import Options as GoogleOptions
from eventsink.event import Event
from tests.deliver.analytics.people import crowd
from tests.servers import amplitude, google_analytics

__all__ = ["BENCHMARKS"]

EVENTS, NAIVE, PEOPLE = 20_000, 1_000, 200
KEY, STREAM = "0123456789abcdef0123456789abcdef", "G-BENCH0001"


def analytics_amplitude() -> list[Result]:
    """20,000 events of 200 people to Amplitude."""
    return [_measured("amplitude", _amplitude)]


def analytics_google() -> list[Result]:
    """20,000 events of 200 people to Google Analytics."""
    return [_measured("google_analytics", _google)]


BENCHMARKS: list[Callable[[], list[Result]]] = [analytics_amplitude, analytics_google]


Run = Callable[[str, list[Event], list[Event]], Coroutine[Any, Any, tuple[float, float]]]
"""Gives events a second of the worker and of the baseline, with the address of the server, and events for each."""


def _measured(name: str, run: Run) -> Result:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(name, theirs), daemon=True)
    process.start()
    try:
        events = [event for event in crowd(EVENTS + NAIVE, PEOPLE) if event.user or event.data.get("visitor")]
        rate, naive = asyncio.run(run(ours.recv(), events[NAIVE:], events[:NAIVE]))
        ours.send("end")
        found, requests, wrong = ours.recv()
    finally:
        process.join(10)
        process.kill()
    if found != len(events) or wrong:
        raise RuntimeError(f"{name} would have {found} of {len(events)} events, and {wrong} wrong")
    return Result(
        name=f"events to {name}",
        value=rate,
        unit="events/s",
        baseline=naive,
        ratio=rate / naive,
        aim="ratio > 5" if name == "amplitude" else "ratio > 2",
        limit=f"The server, which judges every field, is half of the work. All {found:,} events were stored, in"
        f" {requests - NAIVE:,} requests and {NAIVE:,} of the baseline.",
    )


async def _amplitude(url: str, events: list[Event], few: list[Event]) -> tuple[float, float]:
    worker = Amplitude(AmplitudeOptions(api_key=KEY, endpoint=url, id_key=KEY))
    await worker.open()
    rate = await _delivered(worker, events)
    naive = await _one_by_one(
        few, lambda event: (f"{url}/batch", {"api_key": KEY, "events": [worker.preview([event])[0]["fields"]]})
    )
    await worker.close()
    return rate, naive


async def _google(url: str, events: list[Event], few: list[Event]) -> tuple[float, float]:
    worker = GoogleAnalytics(GoogleOptions(measurement_id=STREAM, api_secret=KEY, endpoint=url, id_key=KEY))
    await worker.open()
    rate = await _delivered(worker, events)
    address = f"{url}/mp/collect?measurement_id={STREAM}&api_secret={KEY}"
    naive = await _one_by_one(few, lambda event: (address, dict(worker.preview([event])[0]["fields"])))
    await worker.close()
    return rate, naive


async def _delivered(worker: Any, events: list[Event]) -> float:
    begun = time.perf_counter()
    for start in range(0, len(events), worker.batch_size):
        await worker.deliver(events[start : start + worker.batch_size])
    return len(events) / (time.perf_counter() - begun)


async def _one_by_one(events: list[Event], request: Callable[[Event], tuple[str, dict[str, Any]]]) -> float:
    begun = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        for event in events:
            url, body = request(event)
            async with session.post(url, json=body) as response:
                await response.read()
    return len(events) / (time.perf_counter() - begun)


def _serve(name: str, pipe: Connection) -> None:
    """A contract server in a process of its own, until it is told to end; it tells then what it would have stored."""
    served = amplitude.serve(KEY) if name == "amplitude" else google_analytics.serve(STREAM, KEY)
    with served as server:
        pipe.send(server.url)
        pipe.recv()
        wrong = len(server.rejected) if isinstance(server, amplitude.Amplitude) else len(server.dropped)
        pipe.send((len(server.stored), len(server.requests), wrong))
