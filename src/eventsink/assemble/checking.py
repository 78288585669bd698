"""All settings looked at before anything is opened: types and bounds are right by then, and the rest is found here.

In: settings. Out: a sentence for everything that is wrong, naming the setting and the remedy, without its value. Called
by `eventsink config check` and `doctor`; what stops a start, too, is `check_places`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from eventsink.assemble.alerting import check_alerts
from eventsink.assemble.monitoring import online, planned
from eventsink.browsers.countries import Countries
from eventsink.browsers.peers import Proxies
from eventsink.collect.snippet import vendor_tags
from eventsink.deliver import loading
from eventsink.errors import EventSinkError, SettingsError
from eventsink.look.counter.chosen import check_counter
from eventsink.look.numbers.configured import check_reports
from eventsink.mistakes import is_address
from eventsink.settings import Settings
from eventsink.watch.alerts.rule import split

__all__ = ["check_places", "run_here", "wrong"]

_HOST = re.compile(r"[A-Za-z0-9_.:%-]+")


def wrong(settings: Settings) -> Iterator[str]:
    """A sentence for each setting that is wrong; none says that all are well."""
    for look in _looks(settings):
        try:
            look()
        except EventSinkError as error:
            yield str(error)


def check_places(settings: Settings) -> None:
    """Addresses, hosts and keys, which no type tells from any other text.

    Raises:
        SettingsError: the first that cannot be one.
    """
    for look in _places(settings):
        look()


def run_here(settings: Settings) -> Settings:
    """The settings without checks that run elsewhere: of those, `serve` needs no more than when they are an alert."""
    return msgspec.structs.replace(
        settings, checks={name: section for name, section in settings.checks.items() if split(section)[0]}
    )


def _looks(settings: Settings) -> Iterator[Callable[[], object]]:
    yield from _places(settings)
    yield lambda: Proxies(settings.browser.proxies)
    if settings.browser.geoip:
        yield lambda: Countries(Path(settings.browser.geoip))
    yield lambda: vendor_tags(settings.browser)
    yield from _workers(settings)
    for name, section in run_here(settings).checks.items():
        one = msgspec.structs.replace(settings, checks={name: section})
        yield lambda one=one: planned(one, keeps=False)  # type: ignore[misc]
    yield lambda: online(settings)
    yield lambda: check_alerts(settings)
    yield lambda: check_counter(settings.counter)
    yield lambda: check_reports(settings)


def _workers(settings: Settings) -> Iterator[Callable[[], object]]:
    for name, section in settings.workers.items():
        yield lambda name=name, section=section: loading.load(name, section)  # type: ignore[misc]
        yield lambda name=name, section=section: loading.types(name, section)  # type: ignore[misc]


def _places(settings: Settings) -> Iterator[Callable[[], None]]:
    yield lambda: _check_exchange(settings)
    yield lambda: _check_extractors(settings)
    yield lambda: _check_host("collect.host", settings.collect.host)
    yield lambda: _check_host("telemetry.host", settings.telemetry.host)
    management = settings.extractors.management if settings.extractors else ""
    yield lambda: _check_address("exchange.management", settings.exchange.management, "http://rabbit.example.org:15672")
    yield lambda: _check_address("extractors.management", management, "http://rabbit.example.org:15672")
    yield lambda: _check_address("monitor.url", settings.monitor.url, "https://sink.example.org")
    yield lambda: _check_address("telemetry.traces", settings.telemetry.traces, "http://localhost:4318")
    yield lambda: _check_address("grafana.url", settings.grafana.url, "https://grafana.example.org")
    yield lambda: _check_key("monitor.key", settings.monitor.key)
    yield lambda: _check_key("reports.clowder_key", settings.reports.clowder_key)
    yield lambda: _check_key("grafana.token", settings.grafana.token)


def _check_exchange(settings: Settings) -> None:
    if settings.exchange.on_rabbitmq:
        _check_broker(settings.exchange.url, "exchange.url")
    else:
        _ = settings.exchange_path


def _check_extractors(settings: Settings) -> None:
    if settings.extractors and settings.extractors_url != settings.exchange.url:
        _check_broker(settings.extractors_url, "extractors.url")


def _check_broker(url: str, setting: str) -> None:
    from eventsink.amqp import Address  # noqa: PLC0415 - needs RabbitMQ's client, which else is not needed

    Address.parse(url, setting)


def _check_host(setting: str, host: str) -> None:
    if not _HOST.fullmatch(host):
        raise SettingsError(f"{setting} must be an address or a host of this machine, as 127.0.0.1 or 0.0.0.0.")


def _check_address(setting: str, value: str, example: str) -> None:
    if value and not is_address(value):
        raise SettingsError(f"{setting} must be an address, as {example}.")


def _check_key(setting: str, value: str) -> None:
    if value and not (value.isascii() and value.isprintable() and " " not in value):
        raise SettingsError(
            f"{setting} has characters that no key has: look for a line break, a blank or a quote in it."
        )
