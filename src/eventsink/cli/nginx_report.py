"""What `eventsink nginx` prints of each interval, as it becomes known."""

import csv
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from eventsink.cli.screen import count, flush, output, print_json, say, size

__all__ = ["Report", "Reporter"]

# Of the table: the name of a column, its width, and the number in it.
_COLUMNS = (
    ("Requests", 10, "requests"), ("Robots", 9, "robots"), ("Clients", 9, "clients"), ("Conn.", 9, "connections"),
    ("Sent", 12, "bytes"), ("2xx", 10, "status_2xx"), ("3xx", 9, "status_3xx"), ("4xx", 9, "status_4xx"),
    ("5xx", 8, "status_5xx"), ("p50 ms", 8, "p50_ms"), ("p95 ms", 8, "p95_ms"), ("p99 ms", 8, "p99_ms"),
)  # fmt: skip
_FIELDS = (
    "interval_s", "requests", "robots", "clients", "connections", "bytes", "status_1xx", "status_2xx", "status_3xx",
    "status_4xx", "status_5xx", "p50_ms", "p95_ms", "p99_ms", "unreadable",
)  # fmt: skip


class Report(StrEnum):
    """How numbers are printed."""

    table = "table"
    json = "json"
    csv = "csv"


class Reporter:
    """Prints intervals, the oldest first, and then their sum.

    Args:
        every: length of an interval, seconds.
    """

    def __init__(self, form: Report, every: int) -> None:
        self._form, self._every = form, every
        self._columns: list[tuple[str, int, str]] = []
        self._csv = csv.writer(sys.stdout, lineterminator="\n")
        self._begun = False

    def interval(self, start: int, numbers: dict[str, Any]) -> None:
        """Print one interval."""
        time = datetime.fromtimestamp(start, UTC)
        row = {"time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "interval_s": self._every, **numbers}
        if self._form is Report.json:
            print_json(row)
        elif self._form is Report.csv:
            self._csv_row(row)
        else:
            self._line(f"{time:%Y-%m-%d %H:%M:%S}", numbers)
        self._begun = True

    def total(self, numbers: dict[str, Any]) -> None:
        """Print the sum of all; distinct clients are counted anew, for many come again. CSV has none."""
        if self._form is Report.json:
            print_json({"total": numbers})
        elif self._form is Report.table and self._begun:
            self._line("Total", numbers)
        flush()

    def _csv_row(self, row: dict[str, Any]) -> None:
        if not self._begun:
            self._csv.writerow(("time", *_FIELDS))
        self._csv.writerow([row["time"], *(row.get(name, "") for name in _FIELDS)])

    def _line(self, title: str, numbers: dict[str, Any]) -> None:
        if not self._begun:
            self._columns = [column for column in _COLUMNS if column[2] in numbers]
            heads = "".join(name.rjust(width) for name, width, _ in self._columns)
            output().print(f"{'Time (UTC)':19}{heads}", style="bold", soft_wrap=True)
        cells = ((numbers.get(name), name, width) for _, width, name in self._columns)
        say(f"{title:19}" + "".join(_cell(value, name).rjust(width) for value, name, width in cells))


def _cell(value: float | None, name: str) -> str:
    if value is None:
        return "-"
    return size(value) if name == "bytes" else count(value)
