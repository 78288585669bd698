"""Looks up a name as programs on this machine do, and compares its addresses with those that it should have."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

import msgspec

from eventsink.errors import SettingsError
from eventsink.redact import visible
from eventsink.watch.check import Check, Down, Measurement, Site
from eventsink.watch.course import course
from eventsink.watch.names import Family, look_up


@dataclass(frozen=True)
class Options:
    """Which name, and what it should stand for."""

    name: Annotated[str, "Name of a host.", msgspec.Meta(min_length=1)]
    expect: Annotated[tuple[str, ...], "The addresses that it must have, all of them; none to take any."] = ()
    family: Annotated[Family, "Which addresses are looked up: any, ipv4 or ipv6."] = "any"


class Dns(Check[Options]):
    """Looks up a name."""

    def __init__(self, options: Options, site: Site) -> None:
        super().__init__(options, site)
        try:
            self._expected = {str(ip_address(address)) for address in options.expect}
        except ValueError:
            raise SettingsError(f"checks.{site.name}.expect must be addresses, as 192.0.2.1.") from None

    @property
    def target(self) -> str:
        """The name."""
        return visible(self.options.name)

    async def measure(self) -> Measurement:
        """Look it up once."""
        async with course(self) as run:
            with run.phase("its name was still being looked up"):
                found = await look_up(self.options.name, self.options.family)
            addresses = sorted({str(ip_address(address.host)) for address in found.addresses})
            run.numbers |= {"dns_ms": round(found.ms, 3), "addresses": len(addresses)}
            if self._expected and self._expected != set(addresses):
                told = f"it has {', '.join(addresses)}, and should have {', '.join(sorted(self._expected))}"
                raise Down("content", f"{told}.")
            run.notes.append(f"It has {', '.join(addresses)}.")
        return run.measurement()
