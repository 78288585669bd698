"""Salts of visitors are thrown away when their day is over, also where nobody comes on the next."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import structlog

from eventsink.browsers.visitors import forget

__all__ = ["forgetting"]

EVERY = 900.0  # seconds

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def forgetting(directory: Path) -> AsyncIterator[None]:
    """Do so while in the context, in a data directory."""
    task = asyncio.create_task(_forget(directory), name="salts")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _forget(directory: Path) -> None:
    while True:
        try:
            await asyncio.to_thread(forget, directory, datetime.now(UTC))
        except OSError:  # it is said when somebody comes, who needs a new one
            pass
        except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to forget nothing any more
            _log.exception("browser.salts_not_forgotten")
        await asyncio.sleep(EVERY)
