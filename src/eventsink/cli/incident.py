"""`eventsink incident`: what users are told of an incident, on the status page."""

from typing import Annotated, Any

import typer
from rich.text import Text

from eventsink.cli.options import Form, Format, new_app, talks
from eventsink.cli.screen import new_table, note, output, plain, print_json, say
from eventsink.cli.times import clock
from eventsink.client.sink import Sink

app = new_app("Tell users of an incident on the status page: open it, write what is new, close it.")

Number = Annotated[int, typer.Argument(help="As `incident list` shows it.", metavar="ID", min=0)]


@app.command("open")
@talks
def open_(
    sink: Sink,
    title: Annotated[str, typer.Argument(help='In a few words, as "Uploads are slow".', metavar="TITLE")],
    message: Annotated[str, typer.Argument(help="What is known.", metavar="[TEXT]")] = "",
    check: Annotated[list[str] | None, typer.Option(help="A check that it is about; again for more.")] = None,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Open an incident."""
    made = sink.post("/v1/incidents", {"title": title, "checks": check or [], "message": message})
    _tell(made, format, "is open")
    if not made.get("is_public", True):
        note("Nobody sees it: none of these checks is on the status page (`public = true` in its section).", "yellow")


@app.command()
@talks
def update(
    sink: Sink,
    number: Number,
    message: Annotated[str, typer.Argument(help="What is new.", metavar="TEXT")],
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Write what is new of an incident."""
    _tell(sink.post(f"/v1/incidents/{number}", {"message": message}), format, "is written on")


@app.command()
@talks
def close(
    sink: Sink,
    number: Number,
    message: Annotated[str, typer.Argument(help="What it was.", metavar="[TEXT]")] = "",
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Close an incident that is over."""
    _tell(sink.post(f"/v1/incidents/{number}", {"message": message, "close": True}), format, "is closed")


@app.command("list")
@talks
def list_(sink: Sink, format: Format = Form.table) -> None:  # noqa: A002
    """List the incidents of 90 days, and all that are open."""
    found = sink.get("/v1/incidents")["incidents"]
    if format is Form.json:
        for one in found:
            print_json(one)
        return
    if not found:
        say('No incident was written of: `eventsink incident open "…"` opens one.')
        return
    table = new_table("Id", "Title", "Checks", "Opened (UTC)", "Closed (UTC)", "Last", right=("Id",))
    for one in found:
        closed = clock(one["closed"]) if one["closed"] else Text("open", style="yellow")
        last = one["updates"][-1]["text"] if one["updates"] else ""
        checks = plain(", ".join(one["checks"]))
        table.add_row(str(one["id"]), plain(one["title"]), checks, clock(one["opened"]), closed, plain(last))
    output().print(table)


def _tell(incident: dict[str, Any], format: Form, what: str) -> None:  # noqa: A002
    if format is Form.json:
        print_json(incident)
        return
    say(f"Incident {incident['id']} {what}: {incident['title']}")
