"""The clock of this machine, against those of the servers that we talk to."""

import http.client
from collections.abc import Iterator
from typing import Any

from eventsink.cli.doctoring.web import ask, places
from eventsink.cli.finding import Finding
from eventsink.mistakes import is_address
from eventsink.settings import Settings

__all__ = ["clocks"]

# Two machines with NTP differ by milliseconds. By half a minute, the minutes of checks and of people do not meet.
NOTED, TOO_FAR = 2.0, 30.0  # seconds


def clocks(settings: Settings, sink: str) -> Iterator[Finding]:
    """One finding where all agree, else one for each server that does not; nothing where none says a time.

    Args:
        sink: address of the sink.
    """
    agree: list[str] = []
    for name, url in _servers(settings, sink):
        try:
            ahead = ask(url, verify=False).ahead
        except (OSError, http.client.HTTPException, ValueError):  # others say that it does not answer
            continue
        if ahead is None:
            continue
        if abs(ahead) <= NOTED:
            agree.append(name)
            continue
        side = "behind" if ahead > 0 else "ahead of"
        found = f"this machine's is {abs(ahead):,.0f} seconds {side} that of {name}"
        remedy = "Set both by NTP (chrony, systemd-timesyncd): times of events are those of the machines."
        yield Finding("clock", abs(ahead) <= TOO_FAR, found, remedy)
    if agree:
        yield Finding("clock", True, f"as that of {', '.join(agree)}")


def _servers(settings: Settings, sink: str) -> Iterator[tuple[str, str]]:
    """Who is asked, and where: each place once."""
    seen: set[tuple[str, int | None]] = set()
    for name, url in _named(settings, sink):
        if is_address(url) and (place := places(url)[0]) not in seen:
            seen.add(place)
            yield name, url


def _named(settings: Settings, sink: str) -> Iterator[tuple[str, str]]:
    yield "the sink", sink
    if settings.exchange.on_rabbitmq:
        yield "RabbitMQ", settings.exchange.management or _management(settings.exchange.url)
    for name, section in settings.workers.items():
        yield f"the destination of {name}", _address(section)
    yield "the sink of monitor.url", settings.monitor.url
    yield "Grafana", settings.grafana.url


def _management(url: str) -> str:
    host = next((host for host, _ in places(url)), "")
    return f"http://[{host}]:15672" if ":" in host else f"http://{host}:15672"


def _address(section: dict[str, Any]) -> str:
    return next((str(section[name]) for name in ("url", "endpoint") if isinstance(section.get(name), str)), "")
