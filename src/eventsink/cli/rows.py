"""Events as lines of a table of fixed columns, so that any number of them can be printed as they come."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from rich.cells import cell_len, set_cell_size

from eventsink.cli.screen import plain
from eventsink.cli.times import clock

__all__ = ["Columns", "in_words"]

NARROW = 100
# What tells a person most about an event, in this order; all else follows with its name.
_TELLING = (
    "file_name", "resource_name", "extractor", "status", "target", "queue", "method", "route", "url", "region",
    "message",
)  # fmt: skip


class Columns:
    """The columns of a table of events in a window of a given width."""

    def __init__(self, width: int) -> None:
        narrow = width < NARROW
        user = 9 if narrow else 14
        fields: dict[str, tuple[int, Callable[[Mapping[str, Any]], str]]] = {
            "Time (UTC)": (19, lambda event: clock(str(event["time"]))),
            "Type": (28, lambda event: str(event["type"])),
            "User": (user, lambda event: str(event.get("user") or "-")),
            "Data": (max(10, width - 19 - 28 - user - 6), lambda event: in_words(event.get("data") or {})),
        }
        self._fields = fields

    @property
    def header(self) -> str:
        """The names of the columns."""
        return "  ".join(set_cell_size(name, width) for name, (width, _) in self._fields.items()).rstrip()

    def row(self, event: msgspec.Raw) -> str:
        """One event as one line."""
        decoded = msgspec.json.decode(event)
        cells = (_fit(plain(read(decoded)), width) for width, read in self._fields.values())
        return "  ".join(cells).rstrip()


def in_words(data: Mapping[str, Any]) -> str:
    """The data of an event in few words."""
    first = [_value(data[name]) for name in _TELLING if name in data]
    if "up" in data:
        first.insert(1, "up" if data["up"] is True else "down")
    rest = [f"{name}={_value(value)}" for name, value in data.items() if name not in _TELLING and name != "up"]
    return " ".join(first + rest)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8", "replace")


def _fit(text: str, width: int) -> str:
    """Ids of 24 digits differ at their end, so what is too long loses its middle if it is one word, else its end."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if " " in text or not text.isascii():
        return set_cell_size(text, width - 1) + "…"
    half = (width - 1) // 2
    return f"{text[: width - 1 - half]}…{text[-half:]}"
