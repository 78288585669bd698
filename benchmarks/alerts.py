"""Alerts: what one look at ten thousand of them costs, quiet and when all of them change at once."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.results import Result
from eventsink.event import Event, new_ids
from eventsink.settings import Alerts
from eventsink.store import Store
from eventsink.watch.alerts import journal, memory, outbox
from eventsink.watch.alerts.book import AlertBook
from eventsink.watch.alerts.conditions import Look
from eventsink.watch.alerts.file import AlertFile
from eventsink.watch.alerts.notice import Notice
from eventsink.watch.alerts.rule import read_rules

__all__ = ["BENCHMARKS"]

RULES = 10_000
QUIET_LOOKS = 7


def alerts() -> list[Result]:
    """Ten thousand checks with rules of their own, each in one region."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Result]:
    names = [f"check-{number:05}" for number in range(RULES)]
    rules = read_rules({name: {"failures": 1, "successes": 1} for name in names}, Alerts())
    store = await Store.open(folder / "store")
    file = AlertFile(folder / "alerts.db", memory.SCHEMA + journal.SCHEMA + outbox.SCHEMA)

    def post(connection: sqlite3.Connection, notice: Notice, _: list[str], now: datetime) -> list[str]:
        outbox.put(connection, notice, ["console"], now, now + timedelta(seconds=5))
        return ["console"]

    async def look() -> Look:
        return Look()

    moment = [time.time()]
    book = AlertBook(store, file, rules, Alerts(), post, look, clock=lambda: moment[0])
    await book.refresh()

    async def refresh() -> float:
        moment[0] += 15.0  # so that all is looked at, and not only what is new
        begun = time.perf_counter()
        await book.refresh()
        return time.perf_counter() - begun

    await store.append([_result(name, moment[0], up=True) for name in names])
    read = await refresh()
    quiet = statistics.median([await refresh() for _ in range(QUIET_LOOKS)])
    await store.append([_result(name, moment[0], up=False) for name in names])
    flood = await refresh()
    found = await file.run(lambda connection: outbox.counts(connection)["console"].waiting)
    assert found == RULES, found
    await file.close()
    await store.close()
    return [
        Result(name=f"{RULES:,} alerts, one look", value=quiet, unit="s", aim="< 1 s", limit="All rules, nothing new."),
        Result(name=f"{RULES:,} alerts, new results", value=read, unit="s", limit="Read from the store, and kept."),
        Result(
            name=f"{RULES:,} alerts fire at once",
            value=flood,
            unit="s",
            limit="Read, judged, and each with its notice on disk.",
        ),
    ]


def _result(name: str, now: float, *, up: bool) -> Event:
    moment = datetime.fromtimestamp(now, UTC)
    data = {"target": name, "check": name, "region": "urbana", "monitor": "one", "up": up, "every_s": 60.0}
    return Event(
        id=new_ids(1, moment)[0],
        source="monitor/one",
        type="health.ping_update",
        time=moment,
        received=moment,
        subject=f"checks/{name}",
        data=data if up else data | {"reason": "timeout", "message": "No answer within 10 s."},
    )


BENCHMARKS: list[Callable[[], list[Result]]] = [alerts]
