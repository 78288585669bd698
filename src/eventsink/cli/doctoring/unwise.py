"""Settings that are right, and that hardly anybody means: each with what is better."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from eventsink import plugins
from eventsink.cli.doctoring.web import places
from eventsink.cli.finding import Finding
from eventsink.deliver import loading
from eventsink.deliver.worker import ENTRY_POINTS, Worker
from eventsink.errors import EventSinkError
from eventsink.settings import Settings

__all__ = ["unwise"]

# What says of a destination which one it is; all else is how to get in, or what is sent.
_PLACES = ("url", "endpoint", "region", "database", "collection", "org", "bucket", "measurement_id", "api_key", "path")
_FEW_BITS = 8  # of a network: what is wider than a /8 is no network of one's own


def unwise(settings: Settings) -> Iterator[Finding]:
    """What works, and has a better way; and destinations that are there twice, which keep every event twice."""
    yield from _twice(settings)
    for name, found, remedy in (*_door(settings), *_limits(settings), *_monitor(settings), *_in_the_clear(settings)):
        yield Finding(name, True, found, remedy)


def _twice(settings: Settings) -> Iterator[Finding]:
    first: dict[tuple[object, ...], str] = {}
    for name, section in settings.workers.items():
        place = _place(name, section)
        if place is None:
            continue
        other = first.setdefault(place, name)
        if other != name:
            remedy = f"Take one of the sections [workers.{other}] and [workers.{name}] out of the settings."
            yield Finding(f"worker {name}", False, f"it writes to the same place as {other}", remedy)


def _place(name: str, section: Mapping[str, Any]) -> tuple[object, ...] | None:
    """Which destination a section is about, defaults included; None where that cannot be told."""
    values = {key: value for key, value in section.items() if key not in {"use", "types"}}
    try:
        found = plugins.find(section.get("use", name), package=loading.PACKAGE, group=ENTRY_POINTS, base=Worker)
        options = plugins.fill(plugins.options_type(found), values, f"workers.{name}")
    except EventSinkError:  # said of the worker
        return None
    told = [_bare(getattr(options, key)) for key in _PLACES if isinstance(getattr(options, key, None), str)]
    return (found, *told) if any(told) else None


def _bare(text: str) -> str:
    """An address without user, password and the slash at its end; any other text as it is."""
    scheme, slashes, rest = text.partition("://")
    return f"{scheme.lower()}://{rest.rpartition('@')[2].rstrip('/')}" if slashes else text


def _door(settings: Settings) -> Iterator[tuple[str, str, str]]:
    collect, proxies = settings.collect, settings.browser.proxies
    if not _is_local(collect.host):
        remedy = (
            "Listen on 127.0.0.1 behind a proxy that speaks TLS; one on another machine belongs in browser.proxies."
        )
        yield "collect.host", "others reach this port without TLS: keys and events can be read on their way", remedy
    for network in proxies:
        if _bits(network) < _FEW_BITS:
            remedy = "Name the addresses of your proxies alone: whoever is believed may say any address as his."
            yield "browser.proxies", "nearly everybody is believed to be a proxy", remedy
            break
    if not proxies:
        remedy = (
            "Name the proxy, if there is one: without it all visitors have the address of the proxy, and share a limit."
        )
        yield "browser.proxies", "no proxy is believed", remedy
    if settings.alerts.notify and not settings.alerts.link and _is_local(collect.host):
        remedy = "Set alerts.link to the address at which people reach this sink."
        yield (
            "alerts.link",
            "links in notices lead to 127.0.0.1, which is another machine for those who get them",
            remedy,
        )


def _limits(settings: Settings) -> Iterator[tuple[str, str, str]]:
    collect = settings.collect
    if collect.max_body > collect.max_inflated:
        remedy = "Make collect.max_inflated at least as large: a body is judged by both."
        yield "collect.max_body", "it is larger than collect.max_inflated, and never reached", remedy
    if collect.max_event > collect.max_inflated:
        remedy = "Make collect.max_inflated larger: an event of that size does not fit into a body."
        yield "collect.max_event", "it is larger than collect.max_inflated", remedy
    if collect.memory < 2 * collect.max_inflated:
        remedy = "Make collect.memory at least twice collect.max_inflated: one key may have half of it."
        yield "collect.memory", "it is too small for a body of collect.max_inflated", remedy


def _monitor(settings: Settings) -> Iterator[tuple[str, str, str]]:
    monitor = settings.monitor
    if settings.checks and settings.exchange.on_rabbitmq and not monitor.url:
        remedy = (
            "Set monitor.url and monitor.key for `eventsink monitor`: with RabbitMQ, no other process runs the checks."
        )
        yield "monitor.url", "there are checks, and no address to which their results go", remedy
    if monitor.url and not monitor.key:
        remedy = "`eventsink keys create --scope ingest --scope read` makes a key for monitor.key."
        yield "monitor.key", "the monitor has no key for the sink of monitor.url", remedy
    if settings.checks and not settings.alerts.notify and not settings.alerts.routes:
        remedy = "Set alerts.notify, as in docs/alerts.md."
        yield "alerts.notify", "there are checks, and nobody is told when they are down", remedy


def _in_the_clear(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Secrets that go over a network as they are."""
    if settings.exchange.url.startswith("amqp://") and not all(map(_is_local, _hosts(settings.exchange.url))):
        remedy = "Use amqps:// (docs/rabbitmq.md), unless that network is yours alone."
        yield "exchange.url", "password and events go to RabbitMQ without TLS", remedy
    for name, section in settings.workers.items():
        url = str(section.get("url", ""))
        secret = any(section.get(key) for key in ("password", "token", "api_key", "api_secret"))
        if secret and url.startswith("http://") and not all(map(_is_local, _hosts(url))):
            remedy = "Use https://, unless that network is yours alone."
            yield f"workers.{name}.url", "a secret goes there without TLS", remedy


def _hosts(url: str) -> list[str]:
    return [host for host, _ in places(url)]


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bits(network: str) -> int:
    try:
        return ipaddress.ip_network(network, strict=False).prefixlen
    except ValueError:  # said of the setting
        return 128
