"""Looks at a queue of RabbitMQ: how many messages wait, and who takes them.

Over AMQP, which every user of the queue may; with `management`, messages that are delivered and not acknowledged too.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgspec

from eventsink.amqp import Address, Management, MessageService
from eventsink.errors import BrokerRefuses, BrokerUnavailable
from eventsink.redact import hide_in_address
from eventsink.watch.check import Check, Down, Measurement, Site
from eventsink.watch.threads import OneThread


@dataclass(frozen=True)
class Options:
    """Which queue, and what is well."""

    url: Annotated[
        str,
        "RabbitMQ, as amqp://user:password@host:5672/vhost.",
        msgspec.Meta(pattern=r"^amqps?://.", title="an address as amqp://user:password@host:5672/vhost"),
    ]
    queue: Annotated[str, "Name of the queue.", msgspec.Meta(min_length=1, max_length=255)]
    most: Annotated[int, "Messages that may wait; 0 for any number.", msgspec.Meta(ge=0)] = 0
    consumers: Annotated[int, "Consumers that it must have.", msgspec.Meta(ge=0)] = 0
    management: Annotated[str, "Address of the management API, to know what is unacknowledged; or none."] = ""


class RabbitMQ(Check[Options]):
    """One queue."""

    event = "health.queue_update"

    def __init__(self, options: Options, site: Site) -> None:
        super().__init__(options, site)
        where = f"checks.{site.name}"
        self._address = Address.parse(options.url, f"{where}.url")
        self._service = MessageService(self._address, name=f"eventsink check {site.name}")
        self._thread = OneThread(f"management {site.name}")
        self._management: Management | None = None
        if options.management:
            self._management = Management(self._address, options.management, f"{where}.management")

    @property
    def target(self) -> str:
        """The broker."""
        return hide_in_address(str(self._address))

    @property
    def about(self) -> dict[str, str]:
        """Its name."""
        return {"queue": self.options.queue}

    async def measure(self) -> Measurement:
        """Ask how long the queue is."""
        queue = self.options.queue
        try:
            depth = await self._service.depth(queue)
            more = await self._thread.run(partial(self._management.queue, queue)) if self._management else None
        except BrokerRefuses as error:
            gone = error.code == 404
            raise Down("name" if gone else "rights", f"There is no queue {queue}." if gone else str(error)) from error
        except BrokerUnavailable as error:
            refused = "nothing listens" in str(error)
            raise Down("refused" if refused else "unreachable", str(error)) from error
        numbers: dict[str, Any] = {"ready": depth.ready, "consumers": depth.consumers}
        if more is not None:
            numbers["unacknowledged"] = more.get("messages_unacknowledged")
        if self.options.most and depth.ready > self.options.most:
            most = self.options.most
            raise Down("limit", f"{depth.ready:,} messages wait in {queue}, and {most:,} may.", numbers)
        if depth.consumers < self.options.consumers:
            raise Down(
                "limit", f"{queue} has {depth.consumers} consumers, and should have {self.options.consumers}.", numbers
            )
        return Measurement(numbers)

    async def close(self) -> None:
        """Give the connection back."""
        await self._service.close()
