"""Speaks TLS with a host, verifies its certificate, and says in time that it must be renewed."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from eventsink.watch.check import Check, Down, Measurement
from eventsink.watch.connecting import connect, place, secure
from eventsink.watch.course import course
from eventsink.watch.names import Family


@dataclass(frozen=True)
class Options:
    """Which certificate, and how long it must be valid still."""

    host: Annotated[str, "Name or address of the host.", msgspec.Meta(min_length=1)]
    port: Annotated[int, "Port on which TLS is spoken from the first byte.", msgspec.Meta(ge=1, le=65_535)] = 443
    server_name: Annotated[str, "Name that the certificate must be for, if it is not the host."] = ""
    certificate_days: Annotated[float, "Days that it must be valid still.", msgspec.Meta(ge=0, le=36_500)] = 14
    family: Annotated[Family, "Which addresses of the host: any, ipv4 or ipv6."] = "any"


class Tls(Check[Options]):
    """Looks at a certificate."""

    @property
    def target(self) -> str:
        """Host and port."""
        return place(self.options.host, self.options.port)

    async def measure(self) -> Measurement:
        """Shake hands once."""
        options = self.options
        async with course(self) as run:
            connected = await connect(run, options.host, options.port, options.family)
            connection = await secure(run, connected, options.port, options.server_name or options.host)
            connection.close()
            days = connection.certificate_days
            if days is None:
                raise Down("certificate", "the end of its certificate cannot be read.")
            if days < options.certificate_days:
                raise Down("certificate", f"its certificate ends in {days:.1f} days: renew it.")
        return run.measurement()
