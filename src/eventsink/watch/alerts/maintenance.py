"""Says of checks that are in maintenance that they are, as an event like others.

So uptime counts that time neither way, and whoever looks at the events elsewhere knows it, too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from eventsink.errors import EventSinkError
from eventsink.event import Event, new_ids
from eventsink.watch.alerts.reading import MAINTENANCE
from eventsink.watch.alerts.regions import PERIODS
from eventsink.watch.alerts.windows import Quiet

__all__ = ["tell_maintenance"]

EVERY = 10.0  # seconds
LONGEST = 3600.0  # seconds for which one event is good: maintenance may be ended before its time
BEFORE = 60.0  # seconds before that is over in which it is said again
EARLIEST = 86_400.0  # seconds for which it counts what was before that was known
WITHIN = 30.0  # seconds in which the exchange must take it, or it is said again

_log = structlog.get_logger(__name__)


async def tell_maintenance(
    present: Callable[[], Awaitable[Mapping[str, Quiet]]], publish: Callable[[Sequence[Event]], Awaitable[None]]
) -> None:
    """Say it until cancelled.

    Args:
        present: the checks that are in maintenance now.
        publish: makes events durable.
    """
    said: dict[str, tuple[float, float]] = {}  # until when it is said, and when the maintenance ends
    while True:
        try:
            async with asyncio.timeout(WITHIN):
                said = await _say(said, await present(), publish)
        except (EventSinkError, TimeoutError) as error:
            _log.warning("alerts.maintenance_not_told", reason=str(error) or "the exchange does not answer")
        except Exception:  # noqa: BLE001 - a bug of ours is no reason to tell it never again
            _log.exception("alerts.maintenance_failed")
        await asyncio.sleep(EVERY)


async def _say(
    said: Mapping[str, tuple[float, float]],
    present: Mapping[str, Quiet],
    publish: Callable[[Sequence[Event]], Awaitable[None]],
) -> dict[str, tuple[float, float]]:
    now = time.time()
    known = {check: spans for check, spans in said.items() if check in present}
    events = [_event(check, now, 0.0, "") for check, (until, _) in said.items() if check not in present and until > now]
    for check, quiet in present.items():
        until, end = known.get(check, (0.0, 0.0))
        if (until - now < BEFORE and until < quiet.end) or end != quiet.end:
            begin = now if until > now else max(quiet.begin, now - EARLIEST)  # it may have begun before we looked
            until = min(quiet.end, now + LONGEST)
            events.append(_event(check, begin, until - begin, quiet.reason))
            known[check] = until, quiet.end
    if events:
        await publish(events)
    return known


def _event(check: str, now: float, seconds: float, reason: str) -> Event:
    """That a check is in maintenance for some seconds; for none: that it is not any more."""
    moment = datetime.fromtimestamp(now, UTC)
    data: dict[str, Any] = {"target": check, "check": check, "region": MAINTENANCE, "kind": MAINTENANCE, "up": None}
    if seconds:
        data |= {"reason": MAINTENANCE, "message": reason, "every_s": round(seconds / PERIODS, 3)}
    else:
        data |= {"reason": "over", "every_s": 1.0}
    return Event(
        id=new_ids(1, moment)[0],
        source="alerts",
        type="health.check_update",
        time=moment,
        received=datetime.now(UTC),
        subject=f"checks/{check}",
        data={name: value for name, value in data.items() if value != ""},
    )
