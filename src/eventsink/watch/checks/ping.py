"""Sends a host echo requests, and measures how many come back and after how long."""

import asyncio
import contextlib
import statistics
import time
from dataclasses import dataclass
from typing import Annotated

import msgspec

from eventsink.causes import why, why_unreachable
from eventsink.redact import visible
from eventsink.watch.check import Check, Down, Measurement, Unknown
from eventsink.watch.connecting import dial, shortage
from eventsink.watch.course import Course, course, since
from eventsink.watch.icmp import TOKEN, Echoes, Plan, open_socket, ping
from eventsink.watch.names import Address, Family, look_up

RIGHTS = (
    "this process may not send ICMP. Allow it to its group with sysctl -w net.ipv4.ping_group_range='0 2147483647', or "
    "give it CAP_NET_RAW"
)


@dataclass(frozen=True)
class Options:
    """Which host, and how much may be lost on the way."""

    host: Annotated[str, "Name or address of the host.", msgspec.Meta(min_length=1)]
    count: Annotated[int, "Requests that are sent, a fifth of a second apart.", msgspec.Meta(ge=1, le=100)] = 5
    packet_size: Annotated[int, "Bytes of a request after its header.", msgspec.Meta(ge=TOKEN, le=65_000)] = 56
    loss: Annotated[float, "Percent lost from which it is down.", msgspec.Meta(gt=0, le=100)] = 100
    family: Annotated[Family, "Which addresses of the host: any, ipv4 or ipv6."] = "any"
    port: Annotated[
        int, "TCP port that is tried where ICMP is not allowed; 0: none.", msgspec.Meta(ge=0, le=65_535)
    ] = 443


class Ping(Check[Options]):
    """Sends a host echo requests."""

    event = "health.ping_update"

    @property
    def target(self) -> str:
        """The host."""
        return visible(self.options.host)

    async def measure(self) -> Measurement:
        """Ping it once."""
        async with course(self) as run:
            with run.phase("its name was still being looked up"):
                found = await look_up(self.options.host, self.options.family)
            run.doing = "not all answers had come"
            echoes = await self._ping(run, found.addresses)
            run.numbers |= numbers(echoes)
            self._judge(run, echoes)
        return run.measurement()

    async def _ping(self, run: Course, addresses: tuple[Address, ...]) -> Echoes:
        """Ping the first address to which the system knows a way."""
        plan = Plan(self.options.count, self.options.packet_size, run.left * 0.95)
        failed: OSError | None = None
        for address in addresses:
            try:
                opened = open_socket(address.family)
            except PermissionError:
                return await self._by_tcp(run, address, plan)
            except OSError as error:
                failed = error
                continue
            with contextlib.closing(opened):
                try:
                    return await ping(opened, address, plan)
                except OSError as error:
                    failed = error
        failed = failed or OSError("it has no address")
        raise shortage(failed) or Down("unreachable", f"{_why(failed)}.")

    async def _by_tcp(self, run: Course, address: Address, plan: Plan) -> Echoes:
        if not self.options.port:
            raise Unknown("rights", f"{RIGHTS}; or set port, to connect by TCP instead.")
        run.notes.append(f"Measured by TCP at port {self.options.port}, for {RIGHTS}.")
        return await by_tcp(address, self.options.port, plan)

    def _judge(self, run: Course, echoes: Echoes) -> None:
        where = f"{echoes.host} by TCP at port {self.options.port}" if echoes.method == "tcp" else echoes.host
        came = f"{len(echoes.trips)} of {echoes.sent} packets came back from {where}"
        cause = f": {_why(echoes.error)}" if echoes.error else ""
        if not echoes.trips and echoes.error and (short := shortage(echoes.error)):
            raise short
        if not echoes.trips and echoes.error and not isinstance(echoes.error, TimeoutError):
            raise Down("unreachable", f"{came}{cause}.")
        if run.numbers["loss_percent"] >= self.options.loss:
            raise Down("loss", f"{came}{cause}.")


def numbers(echoes: Echoes) -> dict[str, float | str]:
    """Fields of the event."""
    trips, sent = sorted(echoes.trips), echoes.sent
    told: dict[str, float | str] = {
        "method": echoes.method,
        "sent": sent,
        "received": len(trips),
        "loss_percent": round(100 * (sent - len(trips)) / sent, 3),
    }
    if trips:
        times = {
            "min_ms": trips[0],
            "avg_ms": statistics.fmean(trips),
            "median_ms": statistics.median(trips),
            "max_ms": trips[-1],
            "stddev_ms": statistics.pstdev(trips),
        }
        told |= {name: round(value, 3) for name, value in times.items()}
    return told


def _why(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):  # as ICMP is refused: a router or the host does not take it
        return "the network does not let it through"
    return why_unreachable(error) or why(error)


async def by_tcp(address: Address, port: int, plan: Plan) -> Echoes:
    """The same by connecting. Who refuses is there: it is the host that is asked for, and not what listens on it."""
    echoes = Echoes("tcp", address.host, sent=plan.count)

    async def connect(number: int) -> None:
        await asyncio.sleep(number * plan.pace)
        begin = time.perf_counter()
        try:
            (await dial(address, port)).close()
        except ConnectionRefusedError:
            pass
        except OSError as error:
            echoes.error = error
            return
        echoes.trips.append(since(begin))

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(plan.seconds), asyncio.TaskGroup() as group:
            for number in range(plan.count):
                group.create_task(connect(number))
    return echoes
