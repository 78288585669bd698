"""The files that pages load: our own, and those that packages bring along, so that pages work without the internet."""

import importlib.util
from pathlib import Path

from eventsink.errors import PluginError

__all__ = ["find"]

_OURS = Path(__file__).with_name("static")
_BROUGHT_ALONG = {
    "plotly.js": ("plotly", "package_data/plotly.min.js"),
    "swagger-ui.css": ("swagger_ui_bundle", "vendor/swagger-ui-*/swagger-ui.css"),
    "swagger-ui-bundle.js": ("swagger_ui_bundle", "vendor/swagger-ui-*/swagger-ui-bundle.js"),
}


def find(name: str) -> Path | None:
    """The file of that name; None when there is none.

    Names are compared with what there is, never joined to a path: none leads out of our folder.

    Raises:
        PluginError: the package that brings it along is not installed.
    """
    if name in _BROUGHT_ALONG:
        return _inside(*_BROUGHT_ALONG[name])
    return next((path for path in _OURS.iterdir() if path.name == name and path.is_file()), None)


def _inside(package: str, pattern: str) -> Path:
    """A file of a package, found without importing the package, which takes long."""
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted(Path(place).glob(pattern)):
            return found
    raise PluginError(f"{package} is not installed: pip install 'clowder-eventsink[server]'.")
