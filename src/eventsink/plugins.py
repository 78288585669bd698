"""Finding a worker by its name: one of ours, a file, `package.module:Class`, or an entry point. No registry, no scan.

Only the chosen module is imported. A worker file holds exactly one `Worker` and one `Options`. What is named by a whole
path is meant; what a relative one finds in the current folder is run only if nobody else can have put it there.
"""

import importlib
import importlib.util
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from eventsink.catalogue import nearest
from eventsink.errors import PluginError
from eventsink.trust import doubt

__all__ = ["find", "names"]


def names(package: str, group: str) -> list[str]:
    """What can be named: the modules of our package, and the entry points of a group."""
    spec = importlib.util.find_spec(package)
    places = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    files = [file for place in places for file in (*place.glob("*.py"), *place.glob("*/__init__.py"))]
    ours = {file.parent.name if file.stem == "__init__" else file.stem for file in files} - {package.rpartition(".")[2]}
    return sorted(ours | {point.name for point in metadata.entry_points(group=group)})


def find(name: str, *, package: str, group: str, base: type) -> type[Any]:
    """The class that a name stands for: the one subclass of `base` in the module found.

    Raises:
        PluginError: a sentence saying what is missing, and what to install or mend.
    """
    if name.endswith(".py"):
        return _only_subclass(_load_file(Path(name)), base, name)
    module, colon, attribute = name.partition(":")
    if colon and module:
        found = getattr(_import(module, name), attribute, None)
        if isinstance(found, type) and issubclass(found, base):
            return found
        raise PluginError(f"{name}: {module} has no {base.__name__} called {attribute!r}.")
    if name.isidentifier() and importlib.util.find_spec(f"{package}.{name}") is not None:
        return _only_subclass(_import(f"{package}.{name}", name), base, name)
    for point in metadata.entry_points(group=group, name=name):
        return _only_subclass(_import(point.module, name), base, name)
    close = nearest(name, names(package, group))
    hint = f" Did you mean {close!r}?" if close else f" Known are {', '.join(names(package, group))}."
    raise PluginError(f"There is no worker {name!r}.{hint}")


def _import(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or str(error)
        ours = module.startswith("eventsink.")
        remedy = f": pip install 'clowder-eventsink[{name}]'." if ours else ", which is not there."
        raise PluginError(f"Worker {name} needs {missing}{remedy}") from error
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
