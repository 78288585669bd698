"""Alerts in a process: what they look at, who is told, and who may ask."""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from eventsink.assemble.exchanges import Opened
from eventsink.collect.outlook import Outlook
from eventsink.errors import SettingsError
from eventsink.mistakes import is_address
from eventsink.settings import Settings
from eventsink.store import Store
from eventsink.store.uptime import UptimeBook
from eventsink.watch.alerts import journal, memory, outbox
from eventsink.watch.alerts.book import AlertBook
from eventsink.watch.alerts.channels import open_channels
from eventsink.watch.alerts.conditions import Look
from eventsink.watch.alerts.desk import AlertDesk
from eventsink.watch.alerts.file import AlertFile
from eventsink.watch.alerts.maintenance import tell_maintenance
from eventsink.watch.alerts.notice import Notice
from eventsink.watch.alerts.routes import Routes
from eventsink.watch.alerts.rule import read_rules
from eventsink.watch.alerts.sender import Sender
from eventsink.watch.alerts.text import Texts
from eventsink.watch.alerts.windows import Rota

__all__ = ["alerting", "check_alerts"]

_log = structlog.get_logger(__name__)


def check_alerts(settings: Settings) -> None:
    """Find what is wrong in the settings of alerts.

    Raises:
        SettingsError: a sentence that names the setting.
    """
    read_rules(settings.checks, settings.alerts)
    if settings.alerts.link and not is_address(settings.alerts.link):
        raise SettingsError("alerts.link must be an address, as https://sink.example.org.")
    Rota(settings.alerts.maintenance)
    Routes(settings.alerts)
    Texts(settings.alerts)
    open_channels(settings.alerts)


@contextlib.asynccontextmanager
async def alerting(
    settings: Settings, opened: Opened, store: Store, uptime: UptimeBook, states: Callable[[], Mapping[str, str]]
) -> AsyncIterator[AlertDesk]:
    """Keep the alerts while in the context.

    Args:
        states: what the workers are doing, by name.

    Raises:
        EventSinkError: they cannot be; a sentence says why.
    """
    rules = read_rules(settings.checks, settings.alerts)
    file = AlertFile(settings.alerts_path, memory.SCHEMA + journal.SCHEMA + outbox.SCHEMA)
    outlook = Outlook(opened.exchange)

    async def look() -> Look:
        return await _look(settings, outlook, uptime, states())

    routes, wait = Routes(settings.alerts), timedelta(seconds=settings.alerts.group)

    def post(connection: sqlite3.Connection, notice: Notice, told: list[str], now: datetime) -> list[str]:
        labels = routes.channels_for(notice, now, told)
        outbox.put(connection, notice, labels, now, now + wait)
        return labels

    texts = Texts(settings.alerts, settings.collect.address)
    sender = Sender(file, open_channels(settings.alerts), texts, settings.alerts)
    book = AlertBook(store, file, rules, settings.alerts, post, look, sender.wake)
    running = [
        asyncio.create_task(_ended(work), name=name)
        for name, work in (
            ("alerts", book.keep()),
            ("notices", sender.run()),
            ("maintenance", tell_maintenance(book.in_maintenance, opened.exchange.publish)),
        )
    ]
    try:
        yield AlertDesk(book, sender)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await outlook.close()
        await file.close()


async def _ended(work: Coroutine[Any, Any, None]) -> None:
    """Say when what must run for ever has ended by a fault of ours."""
    try:
        await work
    except Exception:
        _log.exception("alerts.task_ended")
        raise


async def _look(settings: Settings, outlook: Outlook, uptime: UptimeBook, states: Mapping[str, str]) -> Look:
    seen = await outlook.look()
    disk = await asyncio.to_thread(shutil.disk_usage, settings.directory)
    ours = {"store", *settings.workers, *states}
    accounts = {name: account for name, account in seen.accounts.items() if name in ours}
    store = accounts.get("store")
    return Look(
        accounts=accounts,
        states=states,
        spooled=seen.spool.events,
        away=seen.spool.away,
        unready=seen.unready or seen.unread or "",
        free_percent=100 * disk.free / disk.total,
        free_bytes=disk.free,
        uptime=uptime.trouble,
        behind=store.lag_seconds if store and store.waiting else 0.0,
    )
