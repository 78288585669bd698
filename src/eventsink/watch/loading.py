"""From a section of the settings to a check: its class found, its options checked and filled."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from eventsink import plugins
from eventsink.errors import PluginError, SettingsError
from eventsink.watch.alerts.rule import split
from eventsink.watch.check import ENTRY_POINTS, Check, Site

__all__ = ["Planned", "known", "load"]

PACKAGE = "eventsink.watch.checks"
EVERY = 60.0
SHORTEST, LONGEST = 1.0, 86_400.0  # seconds from one run to the next


class Planned(msgspec.Struct, frozen=True):
    """A check that is to be run.

    Args:
        name: of its section.
        kind: of what it measures.
        every: seconds from one run to the next.
        timeout: seconds that one run may take.
    """

    name: str
    kind: str
    check: Check[Any]
    every: float
    timeout: float


def known() -> list[str]:
    """The kinds of checks that are installed."""
    return plugins.names(PACKAGE, ENTRY_POINTS)


def load(name: str, section: Mapping[str, Any], site: Site | None = None, folder: Path | None = None) -> Planned:
    """The check of a section of the settings.

    Args:
        site: where it runs; name, times and folder are filled in here.
        folder: in which each check may have one of its own; None where nothing is kept.

    Raises:
        PluginError: there is no such kind.
        SettingsError: an option is missing, unknown or wrong; the message names it.
    """
    (values, _), where = split(section), f"checks.{name}"
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or not kind:
        raise SettingsError(f"{where}.kind is missing: known are {', '.join(known())}.")
    try:
        found = plugins.find(kind, package=PACKAGE, group=ENTRY_POINTS, base=Check, what="check")
    except PluginError as error:
        raise PluginError(f"{where}.kind: {error}") from error
    every = _seconds(values.pop("every", EVERY), f"{where}.every", SHORTEST, LONGEST)
    given = values.pop("timeout", None)
    timeout = _seconds(found.timeout if given is None else given, f"{where}.timeout", 0.1, LONGEST)
    options = plugins.fill(plugins.options_type(found), values, where)
    own = folder / quote(name, safe="") if folder else None
    placed = msgspec.structs.replace(site or Site(), name=name, timeout=timeout, every=every, folder=own)
    return Planned(name, Path(kind).stem if kind.endswith(".py") else kind, found(options, placed), every, timeout)


def _seconds(value: Any, where: str, least: float, most: float) -> float:
    try:
        seconds = msgspec.convert(value, float, strict=False)
    except msgspec.ValidationError:
        seconds = -1.0
    if not least <= seconds <= most:
        raise SettingsError(f"{where} must be seconds, from {least:g} to {most:,.0f}.")
    return seconds
