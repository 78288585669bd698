"""Rows as CSV that no spreadsheet takes for anything but text, numbers and times."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from unicodedata import category

__all__ = ["defused", "stamped", "to_csv"]

# What spreadsheets take for the begin of a formula, also after what is not seen (OWASP: CSV injection).
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    *"\uff1d\uff0b\uff0d\uff20",
)  # the last four are their full-width twins


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, quoted: bool = False) -> bytes:
    """CSV as RFC 4180 has it: texts in quotes, lines end with CR and LF, UTF-8.

    Numbers, times, and what is not there stand without quotes, as Clowder has them.

    Args:
        quoted: put all in quotes, the names of columns as well.
    """
    put = _quote if quoted else _bare
    lines = [",".join(_quote(name) if quoted else name for name in columns)]
    lines += [",".join(_cell(value, put) for value in row) for row in rows]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogatepass")


def defused(text: str) -> str:
    """A text that no spreadsheet runs: an apostrophe stands before what would begin a formula."""
    seen = text
    while seen and seen[0] not in _FORMULA and (seen[0].isspace() or category(seen[0]) in ("Cf", "Cc")):
        seen = seen[1:]
    return f"'{text}" if seen.startswith(_FORMULA) else text


def stamped(time: datetime) -> str:
    """A moment of UTC as Clowder writes it: 2021-08-03T14:13:20.104Z."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def _cell(value: Any, put: Any) -> str:
    if isinstance(value, str):
        return _quote(defused(value))
    if value is None:
        return str(put(""))
    if isinstance(value, bool):
        return str(put("true" if value else "false"))
    return str(put(stamped(value) if isinstance(value, datetime) else str(value)))


def _quote(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _bare(text: str) -> str:
    return text
