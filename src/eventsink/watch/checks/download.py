"""Fetches a homepage or a file as a whole, and measures bytes, rate and the phases of the transfer."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from eventsink.watch.check import Check, Measurement, Site
from eventsink.watch.course import course
from eventsink.watch.http_probe import Asked, Probe, see_to
from eventsink.watch.http_request import shown


@dataclass(frozen=True, repr=False)
class Options(Asked):
    """What to fetch, and how it must be."""

    least_bytes: Annotated[int, "Bytes that the body must have at least.", msgspec.Meta(ge=0)] = 0


class Download(Check[Options]):
    """Fetches a page or file."""

    event = "health.download_update"
    timeout = 30.0

    def __init__(self, options: Options, site: Site) -> None:
        super().__init__(options, site)
        see_to(options, f"checks.{site.name}")

    @property
    def target(self) -> str:
        """The address without secrets."""
        return shown(self.options.url)

    @property
    def about(self) -> dict[str, str]:
        """The address."""
        return {"url": self.target}

    async def measure(self) -> Measurement:
        """Fetch it once."""
        async with course(self) as run:
            await Probe(run, self.options, least_bytes=self.options.least_bytes).fetch()
        return run.measurement()
