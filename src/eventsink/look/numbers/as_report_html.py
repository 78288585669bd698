"""A report as one HTML file that needs no other: no script, no network, fit to be printed and mailed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from eventsink.look.numbers.report import Column, Table
from eventsink.look.numbers.report_answer import ReportAnswer
from eventsink.look.numbers.report_plot import bars
from eventsink.look.numbers.units import NUMBERS, Unit, in_words
from eventsink.look.status.words import line

__all__ = ["POLICY", "report_html"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
LONGEST = 200  # characters of a text in a cell


def report_html(answer: ReportAnswer) -> str:
    """The document."""
    title = line(answer.title)
    plots = "".join(bars(answer.table, plot) for plot in answer.table.plots)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}: {_period(answer)}</title>
<style>
{Path(__file__).with_name("report.css").read_text("utf-8")}</style>
</head>
<body>
<header><h1>{title}</h1><p>{_period(answer)}</p>{_filters(answer)}</header>
<main>
<p class="about">{line(answer.about, 2000)}</p>
{f'<section class="plots" aria-label="Plots">{plots}</section>' if plots else ""}
{_table(answer)}
{_footnotes(answer)}
</main>
<footer><p>{_made(answer)}</p></footer>
</body>
</html>
"""


# --- what it is of ---------------------------------------------------------------------------------------------------


def _period(answer: ReportAnswer) -> str:
    if answer.since is None or answer.until is None:
        return "Nothing yet"
    zone = ZoneInfo(answer.zone)
    begin, end = answer.since.astimezone(zone), answer.until.astimezone(zone)
    if answer.whole:
        return f"all time, up to {_clock(answer.until)} UTC"
    if not any((begin.hour, begin.minute, begin.second, end.hour, end.minute, end.second)):
        last = (answer.until - timedelta(microseconds=1)).astimezone(zone)
        return f"{_day(begin)} to {_day(last)} ({line(answer.zone)})"
    return f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} ({line(answer.zone)})"


def _day(time: datetime) -> str:
    return f"{time.day} {time:%B %Y}"


def _clock(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _filters(answer: ReportAnswer) -> str:
    items = "".join(
        f"<li>{line(name)}: <bdi>{line(', '.join(map(str, values)), 1000)}</bdi></li>"
        for name, values in sorted(answer.filters.items())
    )
    return f'<ul class="filters" aria-label="Filters">{items}</ul>' if items else ""


def _made(answer: ReportAnswer) -> str:
    by = f"Made by clowder-eventsink {line(answer.version)}"
    if answer.newest is None or answer.events is None:
        return f"{by}."
    return f"{by} of {answer.events:,} events of this time; the newest of them is of {_clock(answer.newest)} UTC."


# --- rows ------------------------------------------------------------------------------------------------------------


def _table(answer: ReportAnswer) -> str:
    table = answer.table
    if not table.rows:
        return '<p class="none">There is nothing in this time.</p>'
    shown = [number for number in range(len(table.columns)) if _says_something(table, number)]
    columns = tuple(table.columns[number] for number in shown)
    head = "".join(f'<th scope="col"{_side(column)}>{line(column.title)}</th>' for column in columns)
    body = "\n".join(f"<tr>{_row(columns, [row[number] for number in shown])}</tr>" for row in table.rows)
    foot = ""
    if table.totals is not None:
        first, *rest = zip(columns, [table.totals[number] for number in shown], strict=True)
        cells = "".join(_cell(column, value, "td", empty="") for column, value in rest)
        label = "Total" if first[1] is None else line(str(first[1]))
        foot = f'<tfoot><tr><th scope="row">{label}</th>{cells}</tr></tfoot>'
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{line(answer.title)}"><table>'
        f"<caption>{line(answer.title)}, {_period(answer)}</caption><thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>{foot}</table></div>"
    )


def _says_something(table: Table, number: int) -> bool:
    """Whether a column has anything in it: of Clowder's, no event carries some. The first one stays."""
    return number == 0 or any(row[number] not in (None, "") for row in table.rows)


def _row(columns: tuple[Column, ...], row: Sequence[Any]) -> str:
    return "".join(
        _cell(column, value, "th" if number == 0 else "td")
        for number, (column, value) in enumerate(zip(columns, row, strict=True))
    )


def _cell(column: Column, value: Any, tag: str, empty: str = "–") -> str:  # noqa: RUF001 - it is meant
    scope = ' scope="row"' if tag == "th" else ""
    if value is None:
        return f"<{tag}{scope}{_side(column)}>{empty}</{tag}>"
    words = line(in_words(value, column.unit), LONGEST)
    if isinstance(value, str):
        inner = f"<bdi>{words}</bdi>"
    elif column.unit in ("bytes", "ms", "s"):
        inner = f'<data value="{value}" title="{value:,} {_unit(column.unit)}">{words}</data>'
    else:
        inner = words
    return f"<{tag}{scope}{_side(column)}>{inner}</{tag}>"


def _unit(unit: Unit) -> str:
    return {"bytes": "bytes", "ms": "milliseconds", "s": "seconds"}.get(unit, "")


def _side(column: Column) -> str:
    if column.unit in NUMBERS:
        return ' class="n"'
    return ' class="t"' if column.unit in ("time", "month") else ""


def _footnotes(answer: ReportAnswer) -> str:
    table = answer.table
    empty = [column.name for number, column in enumerate(table.columns) if not _says_something(table, number)]
    left = (f"Columns in which nothing stands are left out: {', '.join(empty)}.",) if empty and table.rows else ()
    notes = "".join(f"<li>{line(note, 1000)}</li>" for note in (*table.footnotes, *left))
    return f'<section class="notes"><h2>Notes</h2><ol>{notes}</ol></section>' if notes else ""
