"""RabbitMQ: reachable, with the permissions, exchange, queues, bindings and policies that are needed."""

import asyncio
from collections.abc import Iterator

from eventsink.cli.finding import Finding
from eventsink.errors import EventSinkError, SettingsError
from eventsink.point import Point
from eventsink.settings import Settings

__all__ = ["broker", "extractors", "fix"]


def broker(settings: Settings) -> Iterator[Finding]:
    """What AMQP and the management API say. Where the first does not let us in, no more is asked of it."""
    try:
        yield from map(Finding.of, _over_amqp(settings))
    except EventSinkError as error:
        yield Finding("exchange", False, str(error), "Mend this first: events wait in the spool meanwhile.")
    try:
        yield from map(Finding.of, _over_management(settings))
    except EventSinkError as error:
        # Many brokers have none: only whoever names it says that there is one.
        yield Finding("management API", not settings.exchange.management, str(error), _WITHOUT)
    except (LookupError, TypeError, ValueError, AttributeError):  # JSON, and none of its own
        found = "what answers is no management API of RabbitMQ"
        yield Finding("management API", not settings.exchange.management, found, "See exchange.management.")


_WITHOUT = "All works without it; version, policies, bindings and queues that nobody wants cannot be checked."


def extractors(settings: Settings) -> Iterator[Finding]:
    """The queue in which extractors report; nothing where there is no section for them."""
    if settings.extractors is None:
        return
    try:
        from eventsink.amqp import Address  # noqa: PLC0415 - needs RabbitMQ's client, which else is not needed
        from eventsink.exchange.rabbitmq import checkup  # noqa: PLC0415

        address = Address.parse(settings.extractors_url, "extractors.url")
        yield Finding.of(asyncio.run(checkup.ask_replies(address, settings.extractors.reply_queue)))
    except EventSinkError as error:
        yield Finding("extractors", False, str(error), "Mend [extractors] in the settings.")


def fix(settings: Settings) -> None:
    """Set the policies.

    Raises:
        SettingsError: there is no RabbitMQ in the settings.
        BrokerUnavailable: the management API does not answer, or refuses.
    """
    if not settings.exchange.on_rabbitmq:
        raise SettingsError("There is nothing to fix: --fix sets policies of RabbitMQ, and exchange.url names none.")
    from eventsink.amqp import Address, Management  # noqa: PLC0415 - needs RabbitMQ's client, which else is not needed
    from eventsink.exchange.rabbitmq import checkup  # noqa: PLC0415

    address = Address.parse(settings.exchange.url, "exchange.url")
    checkup.set_policies(Management(address, settings.exchange.management))


def _over_amqp(settings: Settings) -> Iterator[Point]:
    from eventsink.amqp import Address  # noqa: PLC0415
    from eventsink.exchange.rabbitmq import checkup, rights  # noqa: PLC0415

    address = Address.parse(settings.exchange.url, "exchange.url")
    points = asyncio.run(checkup.ask_broker(address, settings.exchange.name, _workers(settings)))
    yield from points
    if points[0].well:
        yield asyncio.run(rights.try_permissions(address, settings.exchange.name))


def _over_management(settings: Settings) -> Iterator[Point]:
    from eventsink.amqp import Address, Management  # noqa: PLC0415
    from eventsink.exchange.rabbitmq import checkup, queues, rights  # noqa: PLC0415

    address, workers = Address.parse(settings.exchange.url, "exchange.url"), _workers(settings)
    management = Management(address, settings.exchange.management)
    yield from checkup.ask_management(management, workers)
    if by_name := rights.ask_permissions(management, address, settings.exchange.name, workers):
        yield by_name
    yield from queues.ask_queues(management, settings.exchange.name, workers)


def _workers(settings: Settings) -> list[str]:
    return ["store", *settings.workers]
