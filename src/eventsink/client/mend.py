"""Data that cannot be written as JSON, made so that it can: circles, half characters, keys and objects of any kind.

It loses what cannot be kept, and nothing else; a program that reports an event never hears of it.
"""

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["mend"]

DEEPEST = 20  # levels
LONGEST = 1000  # letters of what only its text is kept of
CUT = "…"


def mend(value: Any, depth: int = 0, within: frozenset[int] = frozenset()) -> Any:  # noqa: PLR0911 - a kind each
    """The same value of kinds that JSON has."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return _whole(value)
    if depth >= DEEPEST or id(value) in within:
        return CUT
    deeper = within | {id(value)}
    if isinstance(value, Mapping):
        return {_whole(str(key)): mend(item, depth + 1, deeper) for key, item in list(value.items())}
    if isinstance(value, list | tuple | set | frozenset):
        return [mend(item, depth + 1, deeper) for item in list(value)]
    return _text(value)


def _whole(text: str) -> str:
    """A text without halves of characters, which no encoding has."""
    return text.encode("utf-8", "replace").decode()


def _text(value: object) -> str:
    try:
        return _whole(str(value))[:LONGEST]
    except Exception:  # noqa: BLE001 - it is the fault of the object, and its kind is all there is to say
        return f"<{type(value).__name__}>"
