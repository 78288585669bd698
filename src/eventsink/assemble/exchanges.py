"""The exchange that the settings name."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from eventsink.deliver import loading
from eventsink.exchange.canary import Canary
from eventsink.exchange.contract import Exchange
from eventsink.exchange.embedded import EmbeddedExchange
from eventsink.exchange.inherited import Inherited, left_behind
from eventsink.settings import Settings

__all__ = ["REMEDY", "Opened", "destinations", "open_exchange"]

REMEDY = "`eventsink serve` or `eventsink api`, with exchange.url = amqp://…, forwards them when it starts here."

_log = structlog.get_logger(__name__)

States = Callable[[], Mapping[str, str]]
Canaries = Callable[[], Mapping[str, Canary]]


@dataclass(frozen=True)
class Opened:
    """An exchange, and what is known of workers in other processes.

    Args:
        where: for a person.
        announce: tells other processes what the workers of this one are doing.
        states: what those of other processes are doing, by worker.
        canaries: the last that each of these has delivered.
        concerns: what a person should do about the exchange itself.
    """

    exchange: Exchange
    where: str
    announce: Callable[[States, Canaries], None] = lambda *_: None
    states: States = dict
    canaries: Canaries = dict
    concerns: Callable[[], list[str]] = list


async def open_exchange(settings: Settings, *, keeper: bool, spool: bool) -> Opened:
    """Open it.

    Args:
        keeper: whether this process keeps the accounts and dead letters of all workers.
        spool: whether events that come in are kept here while RabbitMQ is away.

    Raises:
        EventSinkError: it cannot be opened; a sentence says why.
    """
    if not settings.exchange.on_rabbitmq:
        embedded = await EmbeddedExchange.open(settings.exchange_path, settings.exchange.max_bytes)
        for path, events in left_behind(settings.directory):
            _log.warning("spool.left_behind", path=str(path), events=events, remedy=REMEDY)
        return Opened(embedded, f"embedded, {settings.exchange_path}")
    return await _open_rabbitmq(settings, keeper=keeper, spool=spool)


async def _open_rabbitmq(settings: Settings, *, keeper: bool, spool: bool) -> Opened:
    # Imported where they are needed: `up` starts without them, and without RabbitMQ's client.
    from eventsink.amqp import Address  # noqa: PLC0415
    from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions  # noqa: PLC0415
    from eventsink.exchange.spooled import SpooledExchange, open_spool  # noqa: PLC0415

    address = Address.parse(settings.exchange.url, "exchange.url")
    options = RabbitOptions(
        name=settings.exchange.name,
        source=settings.collect.source,
        single=settings.exchange.format == "single",
        management=settings.exchange.management,
        destinations=destinations(settings) if spool else {},
        folder=settings.directory if spool else None,
        most_bytes=settings.exchange.max_bytes,
    )
    file = open_spool(settings.spool_path) if spool else None
    try:
        rabbit = await RabbitExchange.open(address, options, settings.accounts_path if keeper else None)
    except BaseException:
        if file:
            await file.close()
        raise
    exchange: Exchange = rabbit
    if file:
        rabbit.mind(f"{socket.gethostname()}:{settings.spool_path.resolve()}", lambda: file.events)
        inherited = Inherited.take(settings.directory, settings.spool_path, rabbit.publish_again)
        exchange = SpooledExchange(rabbit, file, settings.exchange.max_bytes, inherited, rabbit.publish_again)
    where = f"RabbitMQ at {address}, virtual host {address.vhost}, {settings.exchange.name}"
    return Opened(exchange, where, rabbit.announce, rabbit.states, rabbit.canaries, rabbit.concerns)


def destinations(settings: Settings) -> dict[str, list[str]]:
    """What every process that accepts events sees to, with the types that each wants: the store, and all configured.

    Raises:
        SettingsError: the types of one are no list of types.
    """
    return {"store": [], **{name: loading.types(name, section) for name, section in settings.workers.items()}}
