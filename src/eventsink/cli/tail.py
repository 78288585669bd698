"""`eventsink tail`: events as they come."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from eventsink.cli.options import Form, Format, new_app, talks
from eventsink.cli.rows import Columns
from eventsink.cli.screen import flush, note, output, print_json, say
from eventsink.client.sink import Refusal, Sink, Unreachable

EVERY = 0.5  # seconds between two looks
PAGE = 1000

app = new_app()


@app.command()
@talks
def tail(
    sink: Sink,
    type: Annotated[str | None, typer.Option(help="Events of this type alone.", metavar="TYPE")] = None,  # noqa: A002
    user: Annotated[str | None, typer.Option(help="Events of this user alone.", metavar="ID")] = None,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Show events as they are stored, until Ctrl-C. JSON is one event a line."""
    columns = Columns(output().width)
    try:
        for event in follow(sink, {"type": type, "user": user}):
            if format is Form.json:
                print_json(event)
            else:
                say(columns.row(event))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def follow(sink: Sink, query: dict[str, Any]) -> Iterator[msgspec.Raw]:
    """Events as they are stored from now on, for ever, as JSON."""
    newest = sink.get("/v1/events", limit=1, order="desc")["events"]
    after = newest[0]["seq"] if newest else 0
    note(f"Following {sink.where}; Ctrl-C ends.", style="dim")
    while True:
        page = _look(sink, after, query)
        for event in page:
            after = max(after, msgspec.json.decode(event)["seq"])
            yield event
        flush()
        if not page:
            time.sleep(EVERY)


def _look(sink: Sink, after: int, query: dict[str, Any]) -> list[msgspec.Raw]:
    """The next page. A sink that is away for a while, as in a restart, is waited for."""
    away = False
    while True:
        try:
            page = next(sink.pages("/v1/events", "events", after=after, order="asc", limit=PAGE, **query))
        except (Unreachable, Refusal) as error:
            if isinstance(error, Refusal) and error.status < 500:
                raise
            if not away:
                note(f"{error} Waiting for it.", style="yellow")
            away = True
            time.sleep(2 * EVERY)
        else:
            if away:
                note("It is back.", style="green")
            return page
