"""All that can be looked at from here, one after the other: first what others stand on."""

from collections.abc import Iterator

import msgspec

from eventsink.assemble.checking import wrong
from eventsink.cli.doctoring.broker import broker, extractors
from eventsink.cli.doctoring.certificates import certificates
from eventsink.cli.doctoring.clocks import clocks
from eventsink.cli.doctoring.destinations import destinations
from eventsink.cli.doctoring.files import files
from eventsink.cli.doctoring.grafana import grafana
from eventsink.cli.doctoring.keys import given_key, keys, monitored
from eventsink.cli.doctoring.machine import machine
from eventsink.cli.doctoring.running import running
from eventsink.cli.doctoring.unwise import unwise
from eventsink.cli.doctoring.versions import ours
from eventsink.cli.finding import Finding
from eventsink.cli.locate import connect
from eventsink.settings import Settings
from eventsink.trust import doubt

__all__ = ["examine"]


def examine(settings: Settings, url: str | None = None, key: str | None = None) -> Iterator[Finding]:
    """What is found.

    Args:
        url: of the sink, if one was named.
        key: for it, if one was given.

    Raises:
        EventSinkError: the address or the key cannot be one.
    """
    if not settings.directory.is_absolute() and (reason := doubt(settings.directory)):
        remedy = f"If you trust it, name it with --data {settings.directory}."
        yield Finding("data directory", False, f"{settings.directory} is not looked at: {reason}", remedy)
        return
    yield ours()
    yield from _settings(settings)
    yield from unwise(settings)
    yield from files(settings)
    yield from machine(settings)
    yield from keys(settings)
    if settings.exchange.on_rabbitmq:
        yield from broker(settings)
    yield from extractors(settings)
    yield from monitored(settings)
    yield from destinations(settings)
    yield from grafana(settings.grafana)
    with connect(settings, url, key) as sink:
        yield from certificates(settings, sink.url)
        yield from clocks(settings, sink.url)
        if key:
            yield given_key(settings, sink, key)
        yield from running(settings, sink, named=bool(url))


def _settings(settings: Settings) -> Iterator[Finding]:
    """What `config check` says, but for workers, which are looked at one by one."""
    said = [*wrong(msgspec.structs.replace(settings, workers={}))]
    for sentence in said:
        yield Finding("settings", False, sentence, "`eventsink config check` checks them.")
    if not said:
        yield Finding("settings", True, "all are well")
