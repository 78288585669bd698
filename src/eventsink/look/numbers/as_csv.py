"""Rows as CSV that no spreadsheet takes for anything but text and numbers."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["defused", "to_csv"]

# What spreadsheets take for the begin of a formula, also after space (OWASP: CSV injection).
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


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """CSV as RFC 4180 has it: texts in quotes, numbers without, lines end with CR and LF, UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    out.write(",".join(columns) + "\r\n")
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode("utf-8", "surrogatepass")


def defused(text: str) -> str:
    """A text that no spreadsheet runs: an apostrophe stands before what would begin a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _cell(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return defused(value) if isinstance(value, str) else value
