"""The monitor with many checks: do they run when they are due, and what does it cost?"""

import asyncio
import resource
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.results import Result
from eventsink.event import Event
from eventsink.watch.loading import load
from eventsink.watch.monitor import Monitor
from eventsink.watch.online import Online
from eventsink.watch.result import Place
from eventsink.watch.schedule import Schedule
from eventsink.watch.states import States

CHECKS, EVERY, SECONDS = 500, 10.0, 31.0


def monitor() -> list[Result]:
    """500 checks of a page, every 10 seconds."""
    return asyncio.run(_watch())


async def _watch() -> list[Result]:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    section = {"kind": "http", "url": f"http://127.0.0.1:{port}/", "every": EVERY}
    planned = [load(f"check {number}", section) for number in range(CHECKS)]
    place = Place("here", "bench")
    found: list[Event] = []

    async def keep(events: Sequence[Event]) -> None:
        found.extend(events)

    watching = Monitor(planned, place, keep, Online([]), States(None))
    before = time.process_time()
    task = asyncio.create_task(watching.run())
    await asyncio.sleep(SECONDS)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    used = (time.process_time() - before) / SECONDS
    server.close()
    late = sorted(1000 * _lateness(event, place) for event in found)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = f"{CHECKS} checks every {EVERY:g} s"
    return [
        Result(name=f"{name}: late by, median", value=statistics.median(late), unit="ms"),
        Result(name=f"{name}: late by, p99", value=late[len(late) * 99 // 100], unit="ms", aim="< 100"),
        Result(name=f"{name}: missed runs", value=float(watching.missed), unit="runs", aim="0"),
        Result(
            name=f"{name}: of one core",
            value=100 * used,
            unit="%",
            limit="The server that answers runs in the same process.",
        ),
        Result(name=f"{name}: memory", value=memory, unit="MB"),
    ]


def _lateness(event: Event, place: Place) -> float:
    """Seconds from when a check was due to when it began."""
    schedule = Schedule(f"{place.monitor}/{event.data['check']}", EVERY, event.time.timestamp())
    return (event.time.timestamp() - schedule.offset) % EVERY


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
    await writer.drain()
    writer.close()


BENCHMARKS: list[Callable[[], list[Result]]] = [monitor]
