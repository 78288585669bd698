"""The sink tells of itself: each period one canary, and how each worker is, through the front door like all others.

What it says is an event like any other, so InfluxDB and the store have it, and a canary goes every way that an event
goes. That it comes through HTTP, with a key, is part of what it shows.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from eventsink.client.sink import Sink
from eventsink.collect.metrics import Metrics
from eventsink.errors import EventSinkError
from eventsink.exchange.canary import CANARY

__all__ = ["ANSWER_WITHIN", "report", "telling"]

SOURCE = "eventsink"
ANSWER_WITHIN = 10.0  # seconds, which the end of the process waits at most
_COUNTS = ("accepted", "delivered", "waiting", "dead", "dropped", "missing")

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def telling(every: float, sink: Sink, metrics: Metrics) -> AsyncIterator[None]:
    """Tell it while in the context.

    Args:
        every: seconds between two reports; 0 for none.
        sink: this very process; closed at the end.
        metrics: counts what was told.
    """
    if not every:
        sink.close()
        yield
        return
    thread = ThreadPoolExecutor(1, "telling")
    task = asyncio.create_task(_tell(every, sink, metrics, thread), name="telling")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        thread.submit(sink.close)
        thread.shutdown(wait=False)  # it may wait for an answer of this very loop


async def _tell(every: float, sink: Sink, metrics: Metrics, thread: ThreadPoolExecutor) -> None:
    """Tell it for ever. What fails is tried the next time."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        try:
            told = await loop.run_in_executor(thread, _post, sink)
        except EventSinkError as error:
            metrics.not_told.inc()
            _log.warning("telemetry.not_told", reason=str(error), again_in=every)
        except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to tell nothing any more
            metrics.not_told.inc()
            _log.exception("telemetry.failed")
        else:
            metrics.told.inc(told)
        due = max(due + every, loop.time())  # those that were missed are not made up for
        await asyncio.sleep(due - loop.time())


def _post(sink: Sink) -> int:
    """Post a report; gives how many events it was.

    Raises:
        EventSinkError: it was not accepted.
    """
    events = report(sink.get("/v1/status"))
    return int(sink.post("/v1/events", events)["accepted"])


def report(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A canary, and what the answer of `/v1/status` says of each worker, as events without id and time."""
    canary = {"type": CANARY, "source": SOURCE, "data": {"by": "schedule"}}
    return [canary, *(_about(name, account, status) for name, account in status["workers"].items())]


def _about(name: str, account: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    last = account.get("canary")
    data = {
        "worker": name,
        **{count: account[count] for count in _COUNTS},
        "lag_s": account["lag_seconds"],
        **({"canary_s": last["delay_seconds"]} if last else {}),
        "spool_events": status["spool"]["events"],
        "spool_bytes": status["spool"]["bytes"],
        "unready": status["refuses"] or "",
    }
    return {"type": "health.sink_update", "source": SOURCE, "data": data}
