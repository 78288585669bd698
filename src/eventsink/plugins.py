"""Finding a worker or check by its name: one of ours, a file, `package.module:Class`, or an entry point.

There is no registry and no scan: only the chosen module is imported. A file holds exactly one of them and its
`Options`. What is named by a whole path is meant; what a relative one finds in the current folder is run only if nobody
else can have put it there.
"""

import importlib
import importlib.util
import inspect
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from eventsink.catalogue import nearest
from eventsink.errors import PluginError, SettingsError
from eventsink.mistakes import filled, unknown
from eventsink.trust import doubt

# What to install for a worker or check of ours; for those that are not here, the server.
_EXTRAS = {
    "amplitude": "analytics",
    "google_analytics": "analytics",
    "influxdb": "influxdb",
    "mongodb": "mongodb",
    "rabbitmq": "rabbitmq",
}

__all__ = ["fill", "find", "holds", "names", "options_type"]


def names(package: str, group: str) -> list[str]:
    """What can be named: the modules of our package, and the entry points of a group."""
    spec = importlib.util.find_spec(package)
    places = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    files = [file for place in places for file in (*place.glob("*.py"), *place.glob("*/__init__.py"))]
    ours = {file.parent.name if file.stem == "__init__" else file.stem for file in files} - {package.rpartition(".")[2]}
    return sorted(ours | {point.name for point in metadata.entry_points(group=group)})


def find(name: str, *, package: str, group: str, base: type, what: str = "worker") -> type[Any]:
    """The class that a name stands for: the one subclass of `base` in the module found.

    Args:
        what: it is, for a person.

    Raises:
        PluginError: a sentence saying what is missing, and what to install or mend.
    """
    if name.endswith(".py"):
        return _only_subclass(_load_file(Path(name)), base, name)
    module, colon, attribute = name.partition(":")
    if colon and module:
        found = getattr(_import(module, name, what), attribute, None)
        if isinstance(found, type) and issubclass(found, base):
            return found
        raise PluginError(f"{name}: {module} has no {base.__name__} called {attribute!r}.")
    if name.isidentifier() and importlib.util.find_spec(f"{package}.{name}") is not None:
        return _only_subclass(_import(f"{package}.{name}", name, what), base, name)
    for point in metadata.entry_points(group=group, name=name):
        return _only_subclass(_import(point.module, name, what), base, name)
    close = nearest(name, names(package, group))
    hint = f" Did you mean {close!r}?" if close else f" Known are {', '.join(names(package, group))}."
    raise PluginError(f"There is no {what} {name!r}.{hint}")


def holds(path: str, base: type) -> bool:
    """Whether a file holds one of a kind: it says by its content whether it is a worker or a check.

    Raises:
        PluginError: it does not load.
    """
    module = _load_file(Path(path))
    return any(isinstance(item, type) and issubclass(item, base) and item is not base for item in vars(module).values())


def options_type(plugin: type[Any]) -> type[Any]:
    """The `Options` that stand beside a worker or check in its module.

    Raises:
        PluginError: there are none.
    """
    found = getattr(sys.modules[plugin.__module__], "Options", None)
    if not inspect.isclass(found):
        raise PluginError(f"{plugin.__module__} has no class Options (a frozen dataclass, empty if it needs none).")
    return found


def fill(options: type[Any], values: dict[str, Any], section: str) -> Any:
    """Options from plain values.

    Raises:
        SettingsError: with the name of the option.
    """
    known = list(getattr(options, "__dataclass_fields__", {}))
    strange = [name for name in values if name not in known]
    if strange:
        raise SettingsError(unknown(strange[0], known, section))
    try:
        return filled(values, options, section)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _import(module: str, name: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or str(error)
        ours = module.startswith("eventsink.")
        remedy = (
            f": pip install 'clowder-eventsink[{_EXTRAS.get(name, 'server')}]'." if ours else ", which is not there."
        )
        raise PluginError(f"{what.capitalize()} {name} needs {missing}{remedy}") from error
    except (Exception, SystemExit) as error:  # as in _load_file
        raise PluginError(f"{module} does not load: {type(error).__name__}: {error}.") from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise PluginError(f"There is no file {path}.")
    if not path.is_absolute() and (reason := doubt(path)):
        raise PluginError(f"{path} is not run: {reason}. If you trust it, name it with its whole path.")
    spec = importlib.util.spec_from_file_location(f"eventsink_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a stranger's file may fail in any way; it must not take us along
        raise PluginError(f"{path} does not load: {type(error).__name__}: {error}.") from error
    return module


def _only_subclass(module: ModuleType, base: type, name: str) -> type[Any]:
    found = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, base) and item is not base and item.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise PluginError(f"{name} must hold exactly one {base.__name__}, and holds {len(found)}.")
    return found[0]
