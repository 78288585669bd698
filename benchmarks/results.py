"""What was measured: one row a benchmark, as a table for people and as JSON for programs."""

import os
import platform
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

__all__ = ["Result", "show", "write"]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value.

    Args:
        baseline: what it is compared with, in the same unit and the same run; None where nothing is.
        ratio: value to baseline.
        aim: what we wanted, as text.
        limit: what limits it.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    aim: str = ""
    limit: str = ""


def show(results: list[Result]) -> None:
    """Print the table, and what limits each value."""
    console = Console(width=max(Console().width, 118))
    table = Table(title=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    table.add_column("benchmark")
    for heading in ("value", "unit", "baseline", "ratio", "aim"):
        table.add_column(heading, justify="right" if heading in ("value", "baseline", "ratio") else "left")
    for row in results:
        baseline = (
            "" if row.baseline is None else f"{row.baseline:,.3g}" if row.baseline < 10 else f"{row.baseline:,.0f}"
        )
        value = f"{row.value:,.2f}" if row.value < 100 else f"{row.value:,.0f}"
        table.add_row(row.name, value, row.unit, baseline, "" if row.ratio is None else f"{row.ratio:.2f}", row.aim)
    console.print(table)
    for row in results:
        if row.limit:
            console.print(f"[bold]{row.name}[/bold]: {row.limit}", highlight=False)


def write(results: list[Result], path: Path) -> None:
    """Write the rows as a JSON list."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
