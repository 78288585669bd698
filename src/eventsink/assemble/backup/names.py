"""Which files of a data directory a backup has, by their names in it."""

import re
from pathlib import Path

from eventsink.settings import Settings

__all__ = ["BACKED_UP", "DATABASE", "MONTH", "STORED", "TEXT", "named_places"]

# Spools first: what is in one when it is copied may be published a moment later, and is then in both, never in neither.
DATABASE = re.compile(
    r"(spool-\d+(-\d+)?|aside-[^/\x00-\x1f\x7f]+|jobs-spool|monitor-spool|exchange|accounts|keys|alerts|jobs)\.db"
)
TEXT = re.compile(r"(names|monitor-states)\.json")
MONTH = re.compile(r"events-\d{4}-\d{2}\.duckdb")
STORED = re.compile(rf"{MONTH.pattern}(\.wal(\.[a-z]+)?)?")
BACKED_UP = re.compile(rf"{DATABASE.pattern}|{TEXT.pattern}|store/(uptime\.db|{STORED.pattern})")


def named_places(settings: Settings) -> dict[str, Path]:
    """The files of which the settings may say where they are, by their names in a backup."""
    places = {"keys.db": settings.keys_path}
    if not settings.exchange.on_rabbitmq:
        places["exchange.db"] = settings.exchange_path
    return places
