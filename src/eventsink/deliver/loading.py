"""From the settings of a worker to the worker: its class found, its options checked and filled."""

import inspect
import re
import sys
from typing import Any

import msgspec

from eventsink import plugins
from eventsink.deliver.worker import ENTRY_POINTS, Worker
from eventsink.errors import PluginError, SettingsError

__all__ = ["known", "load", "options_type", "types"]

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
    worker = plugins.find(values.pop("use", name), package=PACKAGE, group=ENTRY_POINTS, base=Worker)
    loaded: Worker[Any] = worker(fill(options_type(worker), values, f"workers.{name}"))
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


def options_type(worker: type[Worker[Any]]) -> type[Any]:
    """The `Options` that stand beside a worker in its module.

    Raises:
        PluginError: there are none.
    """
    found = getattr(sys.modules[worker.__module__], "Options", None)
    if not inspect.isclass(found):
        raise PluginError(f"{worker.__module__} has no class Options (a frozen dataclass, empty if it needs none).")
    return found


def fill(options: type[Any], values: dict[str, Any], section: str) -> Any:
    """Options from plain values.

    Raises:
        SettingsError: with the name of the option.
    """
    names = list(getattr(options, "__dataclass_fields__", {}))
    unknown = [name for name in values if name not in names]
    if unknown:
        raise SettingsError(f"There is no setting {section}.{unknown[0]}: known are {', '.join(names) or 'none'}.")
    try:
        return msgspec.convert(values, options, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise SettingsError(f"{section}{'.' + where.rstrip('`') if where else ''}: {what}.") from None
