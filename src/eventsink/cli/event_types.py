"""`eventsink types`: the catalogue."""

from typing import Annotated, Any

import typer

from eventsink import __version__
from eventsink.catalogue import CATALOGUE, nearest, schemas
from eventsink.cli.options import Form, Format, new_app, talks
from eventsink.cli.screen import new_table, note, output, plain, print_json
from eventsink.client.sink import Refusal, Sink, Unreachable
from eventsink.errors import EventSinkError

app = new_app()


@app.command()
@talks
def types(
    sink: Sink,
    name: Annotated[str | None, typer.Argument(help="A type, or a component as storage.")] = None,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Show the event types of the catalogue, or the fields of one.

    Where no sink answers, it is the catalogue of this installation.
    """
    chosen = _choose(_entries(sink), name)
    if format is Form.json:
        for entry in chosen:
            print_json(entry)
    elif name and len(chosen) == 1:
        _print_fields(chosen[0])
    else:
        _print_types(chosen)


def _entries(sink: Sink) -> list[dict[str, Any]]:
    try:
        return list(sink.get("/v1/types")["types"])
    except (Unreachable, Refusal):
        note(f"No sink was asked: this is the catalogue of this installation ({__version__}).", style="dim")
    described = schemas()
    return [{"type": e.name, "summary": e.summary, "schema": described[e.name]} for e in CATALOGUE.values()]


def _choose(entries: list[dict[str, Any]], name: str | None) -> list[dict[str, Any]]:
    """The type of this name, also of its second half alone; or all types of the component of this name; or all."""
    chosen = [entry for entry in entries if name in (entry["type"], entry["type"].partition(".")[2])]
    chosen = chosen or [entry for entry in entries if name is None or entry["type"].startswith(f"{name}.")]
    if not chosen:
        close = nearest(str(name), [entry["type"] for entry in entries])
        hint = f" Did you mean {close!r}?" if close else " See `eventsink types`."
        raise EventSinkError(f"The catalogue has no type {plain(name)!r}.{hint}")
    return chosen


def _print_types(entries: list[dict[str, Any]]) -> None:
    table = new_table("Type", "What happened")
    for entry in entries:
        table.add_row(plain(entry["type"]), plain(entry["summary"]))
    output().print(table)


def _print_fields(entry: dict[str, Any]) -> None:
    schema = entry["schema"]
    fields = next(iter(schema["$defs"].values())) if "$defs" in schema else schema
    table = new_table("Field", "Form", "Meaning")
    for name, field in fields["properties"].items():
        needed = " (required)" if name in fields.get("required", ()) else ""
        table.add_row(plain(name), plain(_form(field)) + needed, plain(field.get("description", "")))
    screen = output()
    screen.print(f"{plain(entry['type'])}: {plain(entry['summary'])}\n", style="bold")
    screen.print(table)


def _form(field: dict[str, Any]) -> str:
    forms = [form for form in field.get("anyOf", [field]) if form.get("type") != "null"]
    return " or ".join(
        ", ".join(map(str, form["enum"])) if "enum" in form else form.get("type", "any") for form in forms
    )
