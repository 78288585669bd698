"""The certificate of every server that the settings name with https:// or amqps://: valid, and for how long."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple

from eventsink.causes import why, why_unreachable
from eventsink.cli.doctoring.web import places
from eventsink.cli.finding import Finding
from eventsink.settings import Settings
from eventsink.watch.certificates import context, days_left, failure, flaw

__all__ = ["certificates"]

WITHIN = 5.0  # seconds of a handshake
PORTS = {"https": 443, "amqps": 5671}


class _Place(NamedTuple):
    """A server, and the setting that names it."""

    setting: str
    host: str
    port: int


def certificates(settings: Settings, sink: str) -> Iterator[Finding]:
    """A finding for each server.

    Args:
        sink: address of the sink.
    """
    seen: set[tuple[str, int]] = set()
    for place in _places(settings, sink):
        if (place.host, place.port) not in seen:
            seen.add((place.host, place.port))
            yield _look(place, settings.alerts.certificate_days)


def _look(place: _Place, least: float) -> Finding:
    check = f"certificate of {place.host}:{place.port}"
    try:
        days = _days(place, verify=True)
    except ssl.SSLCertVerificationError as error:
        found, remedy = _wrong(place, flaw(error))
        return Finding(check, False, found, remedy)
    except (OSError, UnicodeError) as error:  # a name with two dots in a row is none
        found = (
            failure(error)
            if isinstance(error, ssl.SSLError)
            else f"it cannot be looked at: {why_unreachable(error) or why(error)}"
        )
        return Finding(check, False, found, f"See {place.setting}: is TLS spoken at this port?")
    if days is None:
        return Finding(check, True, "it is valid; when it ends cannot be read")
    remedy = "" if days >= least else "Renew it before it ends: then nothing goes there any more."
    return Finding(check, True, f"it is valid for {days:.0f} more days ({place.setting})", remedy)


def _wrong(place: _Place, said: str) -> tuple[str, str]:
    """What is wrong with a certificate that is not believed, and the remedy."""
    days = None
    with contextlib.suppress(OSError):
        days = _days(place, verify=False)
    if days is not None and days < 0:
        return f"it has ended {-days:.0f} days ago ({place.setting})", "Renew it."
    return said, f"Give the server one that is right, or this machine its authority (SSL_CERT_FILE): {place.setting}."


def _days(place: _Place, *, verify: bool) -> float | None:
    with (
        socket.create_connection((place.host, place.port), timeout=WITHIN) as plain,
        context(verify=verify).wrap_socket(plain, server_hostname=place.host) as secure,
    ):
        der = secure.getpeercert(binary_form=True)
        return days_left(der) if der else None


def _places(settings: Settings, sink: str) -> Iterator[_Place]:
    given = [
        ("exchange.url", settings.exchange.url),
        ("exchange.management", settings.exchange.management),
        ("extractors.url", settings.extractors.url if settings.extractors else ""),
        ("extractors.management", settings.extractors.management if settings.extractors else ""),
        ("monitor.url", settings.monitor.url),
        ("reports.clowder_url", settings.reports.clowder_url),
        ("telemetry.traces", settings.telemetry.traces),
        ("grafana.url", settings.grafana.url),
        ("--url", sink),
    ]
    for name, section in settings.workers.items():
        given += [(f"workers.{name}.{key}", text) for key, text in section.items() if isinstance(text, str)]
    for setting, url in given:
        scheme = url.partition("://")[0].lower()
        if scheme in PORTS:
            yield from (_Place(setting, host, port or PORTS[scheme]) for host, port in places(url))
