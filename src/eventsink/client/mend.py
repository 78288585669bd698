"""Data that cannot be written as JSON, made so that it can: circles, half characters, keys and objects of any kind.

It loses what cannot be kept, and nothing else; a program that reports an event never hears of it.
"""

import math
from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["mend"]

DEEPEST = 20  # levels
MOST = 20_000  # values; things that refer to one another all over would make more of them than there is time for
LONGEST = 1000  # letters of what only its text is kept of
CUT = "…"

_encode = msgspec.json.Encoder().encode


def mend(value: Any) -> Any:
    """The same value of kinds that JSON has. Containers are copied before anything of their items is called."""
    return _Mending().mend(value, 0, frozenset())


class _Mending:
    """One of them, which ends."""

    def __init__(self) -> None:
        self._left = MOST

    def mend(self, value: Any, depth: int, within: frozenset[int]) -> Any:  # noqa: PLR0911 - a kind each
        self._left -= 1
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, str):
            return _whole(value)
        if depth >= DEEPEST or id(value) in within or self._left < 0:
            return CUT
        deeper = within | {id(value)}
        if isinstance(value, Mapping):
            items = list(value.items())[: self._left + 1]
            return {_name(key): self.mend(item, depth + 1, deeper) for key, item in items}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.mend(item, depth + 1, deeper) for item in list(value)[: self._left + 1]]
        return _leaf(value)


def _whole(text: str) -> str:
    """A text without halves of characters, which no encoding has."""
    return text.encode("utf-8", "replace").decode()


def _name(key: object) -> str:
    return _whole(key) if isinstance(key, str) else _text(key)


def _leaf(value: object) -> Any:
    """What msgspec can write (a time, a UUID, …); a number of numpy and its like; or the text of it."""
    try:
        return msgspec.Raw(_encode(value))
    except Exception:  # noqa: BLE001 - whatever it is, it cannot be written as it is
        return _number(value)


def _number(value: object) -> Any:
    try:
        item = value.item() if hasattr(value, "item") and hasattr(value, "dtype") else None
    except Exception:  # noqa: BLE001 - the fault of the object
        item = None
    if isinstance(item, float) and not math.isfinite(item):
        return None
    return item if isinstance(item, bool | int | float | str) else _text(value)


def _text(value: object) -> str:
    try:
        return _whole(str(value))[:LONGEST]
    except Exception:  # noqa: BLE001 - it is the fault of the object, and its kind is all there is to say
        return f"<{type(value).__name__}>"
