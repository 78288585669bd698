"""A number of the sink itself must stay within bounds: no uploads for a day, dead letters, a worker that lags."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from eventsink.catalogue import matches
from eventsink.errors import SettingsError
from eventsink.watch.asking import ask
from eventsink.watch.check import Check, Down, Measurement, Site


@dataclass(frozen=True)
class Options:
    """Which number, and its bounds."""

    number: Annotated[
        Literal["events", "users", "waiting", "dead", "missing", "lag_seconds", "spooled"],
        "events or users of a period, by the store; or, of the workers, waiting, dead, missing or lag_seconds; or"
        " spooled.",
    ]
    least: Annotated[float | None, "It is down below this."] = None
    most: Annotated[float | None, "It is down above this."] = None
    type: Annotated[str, "Events of this type alone, or of all that begin so: storage.*"] = ""
    period: Annotated[float, "Of events and users: the last so many seconds.", msgspec.Meta(ge=1)] = 86_400.0
    worker: Annotated[str, "One worker; else the worst of all."] = ""


class Query(Check[Options]):
    """One number."""

    network = False

    def __init__(self, options: Options, site: Site) -> None:
        super().__init__(options, site)
        if options.least is None and options.most is None:
            raise SettingsError(f"checks.{site.name}: give least or most, or both.")

    @property
    def target(self) -> str:
        """The number, and of what."""
        of = self.options.type or self.options.worker
        return f"{self.options.number} of {of}" if of else self.options.number

    async def measure(self) -> Measurement:
        """Ask the sink for it."""
        value = await (self._of_events() if self.options.number in {"events", "users"} else self._of_workers())
        numbers, least, most = {"value": value}, self.options.least, self.options.most
        if least is not None and value < least:
            raise Down("limit", f"{self.target} is {value:,.10g}, and should be {least:,.10g} or more.", numbers)
        if most is not None and value > most:
            raise Down("limit", f"{self.target} is {value:,.10g}, and should be {most:,.10g} or less.", numbers)
        return Measurement(numbers)

    async def _of_events(self) -> float:
        now = datetime.now(UTC)
        since = (now - timedelta(seconds=self.options.period)).isoformat()
        found = await ask(self.site, "/v1/summary", since=since, interval="day")
        if self.options.number == "users" or not self.options.type:
            return float(found[self.options.number])
        pattern = [self.options.type]
        return float(sum(one["count"] for one in found["by_type"] if matches(str(one["type"]), pattern)))

    async def _of_workers(self) -> float:
        found = await ask(self.site, "/v1/status")
        if self.options.number == "spooled":
            return float(found["spool"]["events"])
        accounts: dict[str, Any] = found["workers"]
        if self.options.worker and self.options.worker not in accounts:
            raise Down("content", f"There is no worker {self.options.worker}.")
        wanted = [self.options.worker] if self.options.worker else [*accounts]
        return max((_of(accounts[name], self.options.number) for name in wanted), default=0.0)


def _of(account: dict[str, Any], number: str) -> float:
    """Dead letters that somebody has thrown away need nobody any more."""
    return float(account[number] - (account.get("dropped", 0) if number == "dead" else 0))
