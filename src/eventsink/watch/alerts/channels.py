"""From the addresses of the settings to channels: a wrong one is found at the start, and named by its place alone."""

import difflib
from collections.abc import Mapping

from eventsink.errors import SettingsError
from eventsink.settings import Alerts
from eventsink.watch.alerts import through_apprise
from eventsink.watch.alerts.addresses import addresses, labels, scheme
from eventsink.watch.alerts.channel import Channel
from eventsink.watch.alerts.console import Console
from eventsink.watch.alerts.through_apprise import ThroughApprise
from eventsink.watch.alerts.webhook import Webhook

__all__ = ["open_channels"]

_WEB = ("http", "https")


def open_channels(alerts: Alerts) -> Mapping[str, Channel]:
    """A channel for each address of the settings, by its label.

    Raises:
        SettingsError: an address cannot be used; the sentence has its place and scheme, and nothing else of it.
        PluginError: Apprise is needed, and not installed.
    """
    named = list(addresses(alerts))
    known = labels(address for _, address in named)
    places: dict[str, str] = {}
    for setting, address in named:
        places.setdefault(address, setting)
    return {known[address]: _open(known[address], address, setting) for address, setting in places.items()}


def _open(label: str, address: str, setting: str) -> Channel:
    kind = scheme(address)
    if not kind:
        raise SettingsError(
            f"{setting} has no scheme: give mailto://…, slack://…, https://… of a webhook, or console:// for the log."
        )
    if kind == "console":
        if address.strip().lower().rstrip("/") != "console:":
            raise SettingsError(f"{setting} must be console:// alone: nothing comes after it.")
        return Console(label)
    if kind in _WEB:
        return _of_web(label, address, setting)
    try:
        return ThroughApprise(label, address)
    except ValueError:
        raise SettingsError(_sentence(address, kind, setting)) from None


def _of_web(label: str, address: str, setting: str) -> Channel:
    """A plain webhook, unless it is the address of a service that wants a message of its own form."""
    if through_apprise.installed():
        try:
            return ThroughApprise(label, address)
        except ValueError:  # it is of no service that Apprise knows
            pass
    try:
        return Webhook(label, address)
    except ValueError:
        raise SettingsError(
            f"{setting} is no {scheme(address)}:// address of a webhook: its host or port is wrong."
        ) from None


def _sentence(address: str, kind: str, setting: str) -> str:
    known = through_apprise.schemes()
    if kind in known:
        return f"{setting}: {through_apprise.flaw(address)}"
    close = difflib.get_close_matches(kind, [*known, "console", *_WEB], n=1, cutoff=0.7)
    hint = f"Did you mean {close[0]}://?" if close else "The schemes are listed at https://appriseit.com/services/."
    return f"{setting} has the scheme {kind}://, which is not known. {hint}"
