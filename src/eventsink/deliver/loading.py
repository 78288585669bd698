"""From the settings of a worker to the worker: its class found, its options checked and filled."""

import re
from typing import Any

from eventsink import plugins
from eventsink.deliver.worker import ENTRY_POINTS, Worker
from eventsink.errors import EventSinkError, SettingsError

__all__ = ["asked", "known", "load", "types"]

PACKAGE = "eventsink.deliver.workers"
_PATTERN = re.compile(r"\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?")


def known() -> list[str]:
    """The names of all workers that are installed."""
    return plugins.names(PACKAGE, ENTRY_POINTS)


def load(name: str, section: dict[str, Any]) -> Worker[Any]:
    """The worker of a section of the settings. `use` in it names the worker when the section has a name of its own.

    `types` in it says which events it wants; see `types`.

    Raises:
        PluginError: no such worker.
        SettingsError: an option is missing, unknown or wrong; the message names it.
    """
    values = dict(section)
    if not isinstance(values.get("use", ""), str):
        raise SettingsError(f"workers.{name}.use must be the name or path of a worker.")
    values.pop("types", None)
    used = values.pop("use", name)
    worker = plugins.find(used, package=PACKAGE, group=ENTRY_POINTS, base=Worker)
    options = plugins.fill(plugins.options_type(worker), values, f"workers.{name}")
    try:
        loaded: Worker[Any] = worker(options)
    except SettingsError as error:  # a worker knows its own name alone
        raise SettingsError(str(error).replace(f"workers.{used}", f"workers.{name}")) from None
    return loaded


def types(name: str, section: dict[str, Any]) -> list[str]:
    """The types that a section asks for, as `["storage.*", "users.login"]`; none is all.

    Raises:
        SettingsError: they are no list of types.
    """
    found = section.get("types", [])
    found = found.split(",") if isinstance(found, str) else found
    wanted = [pattern.strip() for pattern in found if isinstance(pattern, str)] if isinstance(found, list) else []
    wrong = [pattern for pattern in wanted if not _PATTERN.fullmatch(pattern)]
    if not isinstance(found, list) or len(wanted) != len(found) or wrong:
        raise SettingsError(f'workers.{name}.types must be a list of types, as ["storage.*", "users.login"].')
    return wanted


def asked(name: str, section: dict[str, Any]) -> list[str]:
    """The types that a worker is given: those of its section, or those that it wants by itself; none is all.

    What is wrong with it is for the process to say that runs it: here, nothing more is known of it then.
    """
    try:
        return types(name, section) or [*load(name, section).types]
    except EventSinkError:
        return []
