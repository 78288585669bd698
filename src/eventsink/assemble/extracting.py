"""What has to do with extractors, where the settings have a section for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from eventsink.exchange.contract import Exchange
from eventsink.settings import Settings

if TYPE_CHECKING:
    from eventsink.extractors import Extractors

__all__ = ["announcing", "extracting"]


@contextlib.asynccontextmanager
async def extracting(settings: Settings, exchange: Exchange) -> "AsyncIterator[Extractors | None]":
    """Submit jobs, and read what extractors say; None without a section.

    Raises:
        EventSinkError: it cannot be opened; a sentence says why.
    """
    section = settings.extractors
    if section is None:
        yield None
        return
    from eventsink.extractors import ExtractorOptions, Extractors, MessageService  # noqa: PLC0415 - not needed by most

    service = MessageService(
        settings.extractors_url,
        name="eventsink extractors",
        management=section.management,
        spool=settings.directory / "jobs-spool.db",
    )
    async with service:
        options = ExtractorOptions(
            replies=section.reply_queue,
            forward_to=section.forward_to,
            every=section.every,
            source=settings.collect.source,
        )
        extractors = await Extractors.open(service, settings.jobs_path, exchange.publish, options)
        try:
            yield extractors
        finally:
            await extractors.close()


@contextlib.asynccontextmanager
async def announcing(settings: Settings, workers: Sequence[str]) -> AsyncIterator[None]:
    """Have workers announce themselves like extractors, if the settings want it."""
    if settings.extractors is None or not settings.extractors.announce or not workers:
        yield
        return
    from eventsink.extractors import MessageService, announce  # noqa: PLC0415 - not needed by most

    async with MessageService(settings.extractors_url, name="eventsink announcing") as service:
        task = asyncio.create_task(announce(service, workers))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
