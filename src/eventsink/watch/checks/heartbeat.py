"""Something must report in: a nightly job, a backup, a program. The dead man's switch.

It reports with `POST /v1/heartbeats/NAME`, or, from cron, with a plain GET of the same address.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from eventsink.event import parse_time
from eventsink.watch.asking import ask
from eventsink.watch.check import Check, Down, Measurement


@dataclass(frozen=True)
class Options:
    """Who must report in, and how often."""

    name: Annotated[
        str,
        "Its name, as it reports.",
        msgspec.Meta(pattern=r"^[\w.-]{1,100}$", title="letters, digits, dots, dashes and underscores, 100 at most"),
    ]
    within: Annotated[
        float,
        "Seconds in which it must report, with the time that its work may take.",
        msgspec.Meta(gt=0, le=366 * 86_400),
    ] = 86_400.0


class Heartbeat(Check[Options]):
    """One that must report in."""

    network = False  # it asks the sink: what that does not answer is no word about the job

    @property
    def target(self) -> str:
        """Who must report."""
        return self.options.name

    async def measure(self) -> Measurement:
        """Ask the sink when it reported last, and what."""
        name, now = self.options.name, datetime.now(UTC)
        since = (now - timedelta(seconds=self.options.within)).isoformat()
        found = await ask(
            self.site, "/v1/events", type="health.heartbeat", subject=f"heartbeats/{name}", since=since, limit=100
        )
        latest = max(found["events"], key=lambda event: parse_time(event["time"]), default=None)
        if latest is None:
            ever = await ask(self.site, "/v1/events", type="health.heartbeat", subject=f"heartbeats/{name}", limit=1)
            since_when = f"for {_span(self.options.within)}" if ever["events"] else "yet"
            raise Down("silent", f"{name} has not reported {since_when}.")
        numbers = {"age_s": (now - parse_time(latest["time"])).total_seconds()}
        said = str(latest["data"].get("message") or "")
        if not latest["data"].get("ok", True):
            raise Down("status", f"{name} reported that it failed{f': {said}' if said else ''}.", numbers)
        return Measurement(numbers, said)


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:g} seconds"
