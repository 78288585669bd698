"""Asks for a page or an interface over HTTP: that it is there, with the right status and content."""

from dataclasses import dataclass
from typing import Annotated, Literal

from eventsink.errors import SettingsError
from eventsink.watch.check import Check, Measurement, Site
from eventsink.watch.course import course
from eventsink.watch.http_probe import Asked, Probe, see_to
from eventsink.watch.http_request import shown


@dataclass(frozen=True, repr=False)
class Options(Asked):
    """Which page, and how it must be."""

    method: Annotated[Literal["GET", "HEAD"], "GET, or HEAD to leave the body out."] = "GET"


class Http(Check[Options]):
    """Asks for a page."""

    event = "health.download_update"

    def __init__(self, options: Options, site: Site) -> None:
        super().__init__(options, site)
        see_to(options, f"checks.{site.name}")
        if options.method == "HEAD" and options.contains:
            raise SettingsError(f"checks.{site.name}.contains needs the method GET: an answer to HEAD has no body.")

    @property
    def target(self) -> str:
        """The address without secrets."""
        return shown(self.options.url)

    @property
    def about(self) -> dict[str, str]:
        """The address."""
        return {"url": self.target}

    async def measure(self) -> Measurement:
        """Ask once."""
        async with course(self) as run:
            await Probe(run, self.options, method=self.options.method).fetch()
        return run.measurement()
