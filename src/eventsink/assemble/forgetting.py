"""Salts of visitors are thrown away when their day is over, also where nobody comes on the next."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from eventsink.browsers.visitors import forget

__all__ = ["forgetting"]

EVERY = 900.0  # seconds


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
        with contextlib.suppress(OSError):  # it is said when somebody comes, who needs a new one
            forget(directory, datetime.now(UTC))
        await asyncio.sleep(EVERY)
