"""Numbers with their units, as people read them."""

import itertools
from datetime import datetime
from typing import Any, Literal

__all__ = ["NUMBERS", "Unit", "in_words"]

Unit = Literal["text", "count", "bytes", "ms", "s", "percent", "days", "month", "time", "flag"]
NUMBERS: frozenset[str] = frozenset({"count", "bytes", "ms", "s", "percent", "days"})

_BYTES = ("bytes", "kB", "MB", "GB", "TB", "PB")
_LENGTHS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000))


def in_words(value: Any, unit: str) -> str:
    """A value with its unit: 1,234; 1.83 MB; 2 h 5 min; 99.950 %."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _number(value, unit) if isinstance(value, (int, float)) else str(value)


def _number(value: float, unit: str) -> str:
    if unit == "bytes":
        return _size(value)
    if unit in ("ms", "s"):
        return _length(value * (1000 if unit == "s" else 1))
    if unit == "percent":
        return f"{value:.3f} %" if value < 99.9995 or value >= 100 else f"{int(value * 1e6) / 1e6:.6f} %"
    return f"{value:,}"


def _size(number: float) -> str:
    power = 0
    while abs(number) >= 999.5 and power < len(_BYTES) - 1:
        number /= 1000
        power += 1
    return f"{number:,.0f} bytes" if power == 0 else f"{number:,.3g} {_BYTES[power]}"


def _length(milliseconds: float) -> str:
    for (unit, length), (less, short) in itertools.pairwise(_LENGTHS):
        if abs(milliseconds) >= length:
            rest = int(milliseconds % length // short)
            return f"{int(milliseconds // length):,} {unit}" + (f" {rest} {less}" if rest else "")
    return f"{milliseconds / 1000:.3g} s" if abs(milliseconds) >= 1000 else f"{milliseconds:.3g} ms"
