"""How a process without a front door is, part by part and in numbers: what it answers at telemetry.port."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from eventsink.assemble.monitoring import Posted
from eventsink.collect.metrics import DeliveryMetrics, MonitorMetrics
from eventsink.collect.outlook import Outlook
from eventsink.collect.readiness import Part, parts_of_workers
from eventsink.deliver.runner import Runner
from eventsink.exchange.canary import Canary
from eventsink.exchange.contract import Exchange
from eventsink.settings import Telemetry
from eventsink.watch.monitor import Monitor

__all__ = ["canaries_of", "watching_monitor", "watching_workers"]


def canaries_of(runners: Sequence[Runner]) -> dict[str, Canary]:
    """The last canary of each worker of this process, by name."""
    return {runner.name: runner.canary for runner in runners if runner.canary}


@contextlib.asynccontextmanager
async def watching_workers(
    settings: Telemetry, exchange: Exchange, runners: Sequence[Runner], metrics: DeliveryMetrics
) -> AsyncIterator[None]:
    """Say how workers are while in the context, if the settings name a port.

    Raises:
        SettingsError: the port cannot be listened on.
    """
    if not settings.port:
        yield
        return
    from eventsink.assemble.answering import answering  # noqa: PLC0415 - an HTTP server, which few processes need

    outlook = Outlook(exchange)

    def states() -> dict[str, str]:
        return {runner.name: runner.state for runner in runners}

    async def parts() -> list[Part]:
        refuses = (await outlook.look()).unready or ""
        return [Part(part="exchange", ready=not refuses, says=refuses), *parts_of_workers(states())]

    def render(*, ready: bool) -> bytes:
        awaited = [runner.name for runner in runners if settings.every and runner.awaits_canary]
        metrics.note_workers(states(), canaries_of(runners), awaited)
        return metrics.render(ready=ready)

    try:
        async with answering(settings, parts, render):
            yield
    finally:
        await outlook.close()


@contextlib.asynccontextmanager
async def watching_monitor(settings: Telemetry, posted: Posted, monitor: Monitor) -> AsyncIterator[None]:
    """Say how a monitor is while in the context, if the settings name a port.

    Raises:
        SettingsError: the port cannot be listened on.
    """
    if not settings.port:
        yield
        return
    from eventsink.assemble.answering import answering  # noqa: PLC0415 - an HTTP server, which few processes need

    metrics = MonitorMetrics()

    async def parts() -> list[Part]:
        runs = monitor.running
        return [
            Part(part="checks", ready=runs, says="" if runs else "No check runs: the log says why."),
            Part(part="sink", ready=not posted.trouble, says=posted.trouble),
        ]

    def render(*, ready: bool) -> bytes:
        metrics.note_checks(monitor.planned, [result.up for result in monitor.latest.values()], monitor.missed)
        metrics.note_waiting(posted.waiting)
        return metrics.render(ready=ready)

    async with answering(settings, parts, render):
        yield
