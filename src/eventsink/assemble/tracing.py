"""Traces in a process, if the settings say where to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from eventsink import __version__
from eventsink.settings import Telemetry
from eventsink.traces import Traces, open_traces

__all__ = ["tracing"]


@contextlib.asynccontextmanager
async def tracing(settings: Telemetry, part: str) -> AsyncIterator[Traces | None]:
    """Have traces while in the context; none where nobody wants them.

    Args:
        part: what this process is.

    Raises:
        SettingsError: what they need is not installed.
    """
    if not settings.traces:
        yield None
        return
    traces = open_traces(settings.traces, part, __version__)
    try:
        yield traces
    finally:
        await asyncio.to_thread(traces.close)
