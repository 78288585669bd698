"""What commands print: tables for people, lines of JSON for programs. Errors and notes go to standard error."""

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from eventsink.redact import visible

__all__ = [
    "as_json",
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
    "say",
    "size",
]

WIDE = 160  # of output that goes into a file or a pipe
_NOT_ASCII = re.compile(r"[^ -~]")


class _Console(Console):
    """A console that no text commands, whoever wrote it and whichever command prints it."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """What is printed, piece by piece; all that can be printed goes through here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=_on_lines(segment.text))


def output() -> Console:
    """Standard output."""
    return _console(stderr=False)


def errors() -> Console:
    """Standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    screen = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
    return _Console(stderr=stderr, width=None if screen else WIDE, highlight=False, markup=False, emoji=False)


def note(text: str, style: str = "") -> None:
    """Say something on standard error, beside the output."""
    errors().print(text, style=style, soft_wrap=True)


def new_table(*columns: str, right: tuple[str, ...] = (), title: str | None = None) -> Table:
    """A table without lines; the columns named in `right` hold numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def say(text: str) -> None:
    """Print one line, however long; what others wrote may be in it."""
    sys.stdout.write(plain(text) + "\n")
    flush()


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    sys.stdout.write(as_json(value) + "\n")


def as_json(value: Any) -> str:
    """A value as JSON that commands no terminal: what cannot be seen is escaped, which for programs is the same."""
    text = (bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)).decode("utf-8", "replace")
    return text if text.isprintable() else _NOT_ASCII.sub(_escaped, text)


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
    """A text that others wrote, on one line and without what would command the terminal."""
    return visible(str(text))


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


def _on_lines(text: str) -> str:
    return text if text.isprintable() else "\n".join(plain(line) for line in text.split("\n"))


def _escaped(found: re.Match[str]) -> str:
    """A letter within JSON, escaped unless it can be seen; of two halves where JSON has no other way (RFC 8259, 7)."""
    letter = found[0]
    if letter.isprintable():
        return letter
    halves = letter.encode("utf-16-be").hex()
    return "".join(f"\\u{halves[place : place + 4]}" for place in range(0, len(halves), 4))
