"""Data that cannot be written as JSON, made so that it can: circles, half characters, keys and objects of any kind.

It loses what cannot be kept, and nothing else; a program that reports an event never hears of it.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any

import msgspec

__all__ = ["mend", "plain_time", "text"]

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

    def mend(self, value: Any, depth: int, within: frozenset[int]) -> Any:
        """One value; of one that fails when it is looked at, its text."""
        self._left -= 1
        try:
            return self._mend(value, depth, within)
        except Exception:  # noqa: BLE001 - the fault of the object
            return text(value)

    def _mend(self, value: Any, depth: int, within: frozenset[int]) -> Any:  # noqa: PLR0911 - a kind each
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):  # a kind of its own is none that is known, as one of numpy
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, str):
            return _whole(value)
        if depth >= DEEPEST or id(value) in within or self._left < 0:
            return CUT
        deeper = within | {id(value)}
        if isinstance(value, Mapping):
            items = list(islice(value.items(), self._left + 1))
            return {_name(key): self.mend(item, depth + 1, deeper) for key, item in items}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.mend(item, depth + 1, deeper) for item in list(islice(value, self._left + 1))]
        fields = _fields(value)
        return _leaf(value) if fields is None else self.mend(fields, depth + 1, deeper)


def _fields(value: object) -> dict[str, Any] | None:
    """The fields of a dataclass or a model of pydantic; None of anything else."""
    try:
        names = getattr(type(value), "__dataclass_fields__", None) or getattr(type(value), "model_fields", None)
        return {name: getattr(value, name) for name in names} if isinstance(names, dict) else None
    except Exception:  # noqa: BLE001 - the fault of the object
        return None


def _whole(text: str) -> str:
    """A text without halves of characters, which no encoding has."""
    return text.encode("utf-8", "replace").decode()


def _name(key: object) -> str:
    return _whole(key) if isinstance(key, str) else text(key)


def _leaf(value: object) -> Any:
    """What msgspec can write (a time, a UUID, …); a number of numpy and its like; or the text of it."""
    try:
        return msgspec.Raw(_encode(value))
    except Exception:  # noqa: BLE001 - whatever it is, it cannot be written as it is
        return value.isoformat() if isinstance(value, date) else _number(value)


def _number(value: object) -> Any:
    try:
        item = value.item() if hasattr(value, "item") and hasattr(value, "dtype") else None
    except Exception:  # noqa: BLE001 - the fault of the object
        item = None
    if isinstance(item, float) and not math.isfinite(item):
        return None
    return item if isinstance(item, bool | int | float | str) else text(value)


def text(value: object) -> str:
    """The text of anything, without halves of characters; of what has none, its kind."""
    try:
        return _whole(str(value))[:LONGEST]
    except Exception:  # noqa: BLE001 - it is the fault of the object, and its kind is all there is to say
        return f"<{type(value).__name__}>"


def plain_time(when: object) -> datetime | float | str:
    """A time of a kind that is derived from a known one, as of numpy and pandas."""
    if isinstance(when, datetime):
        return when.isoformat()
    if isinstance(when, float | int) and not isinstance(when, bool):
        return float(when) if isinstance(when, float) else int(when)
    return text(when)
