"""The Clowder event sink: one place for user activity and system health.

Importing this package does no work and needs the standard library only; `SinkService`, which programs report events
with, is imported when it is first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventsink.client.service import SinkService

__all__ = ["SinkService", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "SinkService":
        return importlib.import_module("eventsink.client.service").SinkService
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
