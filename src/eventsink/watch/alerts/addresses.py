"""The addresses of the settings, and the labels that stand for them: an address may be a secret as a whole."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from eventsink.settings import Alerts

__all__ = ["addresses", "labels", "places", "scheme"]

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,31})://")
_SHORT, _LONG = 4, 8  # digits of the hash: too few to try out what a weak password was


def scheme(address: str) -> str:
    """The part of an address that may be shown; empty where there is none."""
    found = _SCHEME.match(address)
    return found[1].lower() if found else ""


def addresses(alerts: Alerts) -> Iterator[tuple[str, str]]:
    """Each address, and what the setting is called that has it."""
    for number, address in enumerate(alerts.notify):
        yield f"alerts.notify[{number}]", address
    for name, route in alerts.routes.items():
        for number, address in enumerate(route.notify):
            yield f"alerts.routes.{name}.notify[{number}]", address


def places(alerts: Alerts) -> Mapping[str, list[str]]:
    """In which settings each address stands, as `alerts.notify[0]`, by its label."""
    named = list(addresses(alerts))
    known = labels(address for _, address in named)
    found: dict[str, list[str]] = {}
    for setting, address in named:
        found.setdefault(known[address], []).append(setting)
    return found


def labels(found: Iterable[str]) -> Mapping[str, str]:
    """A label for each address, as `mailto-3f2a`: the same at every start, and another for every address."""
    known = dict.fromkeys(found)
    short = {address: _label(address, _SHORT) for address in known}
    taken = list(short.values())
    return {address: label if taken.count(label) == 1 else _label(address, _LONG) for address, label in short.items()}


def _label(address: str, digits: int) -> str:
    if scheme(address) == "console":
        return "console"
    return f"{scheme(address) or 'address'}-{hashlib.sha256(address.strip().encode()).hexdigest()[:digits]}"
