"""Sees to it that RabbitMQ throws nothing away: from version 4 on it does so with what was delivered 20 times.

A batch whose destination is away costs one delivery in 20 minutes, and each end of a worker one: 20 come together
in a night. The policies that raise the limit are set where they are missing, and what hinders that is said.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from eventsink.amqp import MessageService
from eventsink.errors import EventSinkError
from eventsink.exchange.rabbitmq import checkup

__all__ = ["Guard"]

EVERY = 60.0  # seconds
LIMITED = 4  # the first version that has a limit of its own

_log = structlog.get_logger(__name__)


class Guard:
    """Looks at the policies of one broker, from the one process that keeps the accounts.

    Args:
        service: to know the version by, and where the management API is.
        workers: names of those that have queues.
    """

    def __init__(self, service: MessageService, workers: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self._service = service
        self._workers = workers
        self.concern = ""
        """What a person must do; empty when nothing must be done."""

    async def watch(self) -> None:
        """Look now and then, for whoever changes the broker does not tell us. Ends when it is cancelled."""
        while True:
            version = self._service.version
            if version is not None:
                try:
                    self._note(await self._look(version))
                except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to look never again
                    _log.exception("exchange.guard_failed")
            await asyncio.sleep(1.0 if version is None else EVERY)

    def _note(self, found: str) -> None:
        if found and found != self.concern:
            _log.warning("exchange.not_guarded", reason=found)
        self.concern = found

    async def _look(self, version: str) -> str:
        major = version.partition(".")[0]
        if not major.isdigit() or int(major) < LIMITED:
            return ""
        try:
            wrong = await asyncio.to_thread(_guard, self._service, await self._workers())
        except EventSinkError as error:  # it does not answer, its address is none, the accounts cannot be read
            wrong = f"{error} Mend that, or set the policy by hand: docs/rabbitmq.md."
        return f"RabbitMQ {version} loses what it has delivered 20 times: {wrong}" if wrong else ""


def _guard(service: MessageService, workers: Sequence[str]) -> str:
    """Set the policies that are not there; one that a person has changed is that person's.

    Raises:
        BrokerUnavailable: the management API does not answer, or refuses.
    """
    for name in checkup.missing_policies(service.management):
        checkup.set_policy(service.management, name)
        _log.info("exchange.policy_set", policy=name)
    point = checkup.ask_policies(service.management, workers)
    return "" if point.well else f"{point.found}. {point.remedy}"
