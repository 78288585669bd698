"""What commands print: tables for people, lines of JSON for programs. Errors and notes go to standard error."""

import os
import sys
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = [
    "count",
    "errors",
    "events",
    "flush",
    "new_table",
    "note",
    "one_line",
    "output",
    "plain",
    "print_json",
    "size",
]

WIDE = 160  # of output that goes into a file or a pipe


def output() -> Console:
    """Standard output."""
    return _console(stderr=False)


def errors() -> Console:
    """Standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    screen = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
    return Console(stderr=stderr, width=None if screen else WIDE, highlight=False, markup=False, emoji=False)


def note(text: str, style: str = "") -> None:
    """Say something on standard error, beside the output."""
    errors().print(text, style=style, soft_wrap=True)


def new_table(*columns: str, right: tuple[str, ...] = (), title: str | None = None) -> Table:
    """A table without lines; the columns named in `right` hold numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    line = bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)
    sys.stdout.write(line.decode("utf-8", "replace") + "\n")


def flush() -> None:
    """Hand over what was printed now: a pipe or a file gets it at once, not when some kilobytes have come together."""
    sys.stdout.flush()


def count(number: float) -> str:
    """A number as people read it: 1,234,567."""
    return f"{number:,.0f}"


def events(number: int) -> str:
    """How many events: `1 event`, `1,234 events`."""
    return f"{count(number)} event{'' if number == 1 else 's'}"


def plain(text: object) -> str:
    """A text that others wrote, without what would command the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in str(text))


def one_line(text: object) -> Text:
    """A text that others wrote as a cell of a table: cut to the width of its column, however long it is."""
    return Text(plain(text), no_wrap=True, overflow="ellipsis")


def size(number: float) -> str:
    """A number of bytes in its largest unit."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
