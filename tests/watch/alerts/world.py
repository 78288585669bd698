"""A store with alerts, in which the time is what a test says."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eventsink.event import Event, new_ids
from eventsink.settings import Alerts
from eventsink.store import Store
from eventsink.watch.alerts import journal, memory
from eventsink.watch.alerts.book import AlertBook
from eventsink.watch.alerts.conditions import Look
from eventsink.watch.alerts.file import AlertFile
from eventsink.watch.alerts.notice import Notice
from eventsink.watch.alerts.rule import read_rules

BEGIN = datetime(2026, 11, 10, 12, tzinfo=UTC).timestamp()
SCHEMA = memory.SCHEMA + journal.SCHEMA + "CREATE TABLE IF NOT EXISTS posted (kind TEXT, alert TEXT);"


@dataclass
class World:
    """What a test holds."""

    store: Store
    folder: Path
    alerts: Alerts
    checks: Mapping[str, Mapping[str, Any]]
    now: float = BEGIN
    look: Look = field(default_factory=Look)
    told: list[Notice] = field(default_factory=list)
    file: AlertFile | None = None
    book: AlertBook | None = None

    def open(self) -> None:
        self.file = AlertFile(self.folder / "alerts.db", SCHEMA)
        rules = read_rules(self.checks, self.alerts)
        self.book = AlertBook(self.store, self.file, rules, self.alerts, self._post, self._look, clock=lambda: self.now)

    async def close(self) -> None:
        assert self.file is not None
        await self.file.close()

    async def reopen(self) -> None:
        """As after a restart."""
        await self.close()
        self.open()

    async def _look(self) -> Look:
        return self.look

    def _post(self, connection: sqlite3.Connection, notice: Notice, channels: list[str], now: datetime) -> list[str]:
        connection.execute("INSERT INTO posted VALUES (?, ?)", (notice.kind, notice.alert))
        self.told.append(notice)
        return channels or ["one"]

    async def report(
        self, *checks: str, up: bool | None = True, region: str = "a", at: float | None = None, **data: Any
    ) -> None:
        """Results that arrive now, of now or another time."""
        time = datetime.fromtimestamp(self.now if at is None else at, UTC)
        received = datetime.fromtimestamp(self.now, UTC)
        events = []
        for check in checks:
            known = {
                "target": check,
                "check": check,
                "region": region,
                "monitor": f"m-{region}",
                "up": up,
                "every_s": 60.0,
            }
            known |= {} if up else {"reason": "timeout", "message": "No answer within 10 s."}
            kind = data.pop("type", "health.ping_update")
            events.append(
                Event(
                    id=new_ids(1, time)[0],
                    source=f"monitor/m-{region}",
                    type=kind,
                    time=time,
                    received=received,
                    subject=f"checks/{check}",
                    data=known | data,
                )
            )
        await self.store.append(events)

    async def refresh(self, seconds: float = 0.0) -> list[tuple[str, str]]:
        """Let time go by, in steps as short as those of the real one's looks may be; what is told then."""
        assert self.book is not None
        before = len(self.told)
        end = self.now + seconds
        while True:
            self.now = min(self.now + 30.0, end)
            await self.book.refresh()
            if self.now >= end:
                return [(notice.kind, notice.alert) for notice in self.told[before:]]

    async def state(self, alert: str) -> str:
        assert self.book is not None
        found = {one["name"]: one["state"] for one in (await self.book.listed())["alerts"]}
        return str(found.get(alert, "ok"))

    async def periods(self, count: int, *checks: str, **said: Any) -> list[tuple[str, str]]:
        """So many periods of a minute, each with a report."""
        told = []
        for _ in range(count):
            await self.report(*checks, **said)
            told += await self.refresh()
            told += await self.refresh(60.0)
        return told


@contextlib.asynccontextmanager
async def new_world(folder: Path, checks: Mapping[str, Any] | None = None, **alerts: Any) -> AsyncIterator[World]:
    """A world with these sections of checks, and settings of alerts."""
    store = await Store.open(folder / "store")
    world = World(store, folder, Alerts(**alerts), checks or {})
    world.open()
    try:
        await world.refresh()
        yield world
    finally:
        await world.close()
        await store.close()
