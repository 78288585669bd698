"""Our own version, and those of what we stand on; is another process of ours of another one?"""

import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from eventsink import __version__
from eventsink.cli.finding import Finding

__all__ = ["other_processes", "ours"]

_SHOWN = ("duckdb", "litestar", "granian", "msgspec", "pika", "pymongo", "aiohttp")


def ours() -> Finding:
    """What runs here, for whoever reads a report of it."""
    found = [f"{name} {version}" for name in _SHOWN if (version := _version(name))]
    python = f"Python {platform.python_version()}"
    return Finding("versions", True, ", ".join([f"eventsink {__version__}", python, *found]))


def other_processes(status: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the running sink is of our version; workers of another one stand in its status."""
    there = str(status.get("version", ""))
    if there and there != __version__:
        remedy = "Upgrade the older of the two, and restart it: the same settings may mean other things to them."
        yield Finding("version of the sink", True, f"it is {there}, and this command {__version__}", remedy)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
