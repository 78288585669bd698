"""`eventsink sql`: a question in SQL to the store of a running sink."""

import csv
import io
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from eventsink.cli.options import Since, Until, new_app, talks
from eventsink.cli.screen import as_json, count, new_table, note, output, plain, print_json, say
from eventsink.client.sink import Sink
from eventsink.errors import EventSinkError
from eventsink.look.numbers.as_csv import defused

ROWS = 1000  # of a table; more nobody reads
MOST_ROWS = 100_000  # that the API gives at once
PATIENCE = 3600.0  # seconds: how long a query may take is a setting of the sink
LONGEST = 1 << 20  # characters that are read of standard input; the sink takes fewer

app = new_app()


class Form(StrEnum):
    """How rows are printed."""

    table = "table"
    csv = "csv"
    json = "json"


@app.command()
@talks
def sql(
    sink: Sink,
    query: Annotated[
        str | None, typer.Argument(help="One SELECT; - reads it from standard input.", metavar="QUERY")
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_ROWS, help="Rows at most.  [default: 1000 in a table, else 100000]", metavar="N"),
    ] = None,
    tables: Annotated[bool, typer.Option("--tables", help="Show the tables and their columns.")] = False,
    format: Annotated[Form, typer.Option("--format", help="A table, CSV, or a JSON object a line.")] = Form.table,  # noqa: A002
) -> None:
    """Ask the store in SQL (DuckDB's). Nothing can be changed. Without a query, its tables are shown."""
    if query is None or tables:
        _print_tables(sink.get("/v1/sql")["tables"], format)
        return
    text = sys.stdin.read(LONGEST) if query == "-" else query
    limit = limit or (ROWS if format is Form.table else MOST_ROWS)
    with sink.twin(timeout=PATIENCE) as other:
        found = other.post("/v1/sql", {"query": text, "since": since, "until": until, "limit": limit})
    names = [str(column["name"]) for column in found["columns"]]
    _PRINT[format](names, found["columns"], found["rows"])
    if found["cut"]:
        note(f"These are the first {count(len(found['rows']))} rows: there are more. See --limit.", "yellow")


def _print_tables(tables: list[dict[str, Any]], form: Form) -> None:
    if form is Form.json:
        for table in tables:
            print_json(table)
        return
    rows = [[table["name"], column["name"], column["type"]] for table in tables for column in table["columns"]]
    columns = [{"name": name, "type": ""} for name in ("Table", "Column", "Type")]
    _PRINT[form]([column["name"] for column in columns], columns, rows)


def _print_table(names: list[str], columns: list[dict[str, Any]], rows: list[list[Any]]) -> None:
    numbers = ("INT", "DECIMAL", "DOUBLE", "FLOAT")
    screen = new_table()
    for name, column in zip(names, columns, strict=True):
        right = any(word in column["type"] for word in numbers) and "[" not in column["type"]
        screen.add_column(plain(name), justify="right" if right else "left", overflow="fold")
    for row in rows:
        screen.add_row(*(plain(_text(value)) for value in row))
    output().print(screen)
    say("1 row." if len(rows) == 1 else f"{count(len(rows))} rows.")


def _print_csv(names: list[str], _: list[dict[str, Any]], rows: list[list[Any]]) -> None:
    shown = plain if sys.stdout.isatty() else str
    for row in ([defused(name) for name in names], *([_harmless(value) for value in row] for row in rows)):
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow([shown(cell) for cell in row])
        sys.stdout.write(line.getvalue())


def _print_json(names: list[str], _: list[dict[str, Any]], rows: list[list[Any]]) -> None:
    if len(set(names)) < len(names):
        raise EventSinkError("Two columns have one name, which a JSON object cannot hold: name them with AS.")
    for row in rows:
        print_json(dict(zip(names, row, strict=True)))


_PRINT = {Form.table: _print_table, Form.csv: _print_csv, Form.json: _print_json}


def _text(value: Any) -> str:
    """A value as a person reads it: nothing is nothing, and what has parts is JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else as_json(value)


def _harmless(value: Any) -> str:
    """A value for a spreadsheet, which runs no formula that somebody sent as an event; numbers stay numbers."""
    return defused(value) if isinstance(value, str) else _text(value)
