"""`eventsink events`: what is stored."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
import typer

from eventsink.cli.options import Form, Format, Since, Until, new_app, talks
from eventsink.cli.rows import Columns
from eventsink.cli.screen import note, output, print_json, say
from eventsink.client.sink import Sink

PAGE = 10_000  # most that the API gives at once

app = new_app()


@app.command()
@talks
def events(
    sink: Sink,
    since: Since = None,
    until: Until = None,
    type: Annotated[str | None, typer.Option(help="Events of this type alone.", metavar="TYPE")] = None,  # noqa: A002
    user: Annotated[str | None, typer.Option(help="Events of this user alone.", metavar="ID")] = None,
    limit: Annotated[int, typer.Option(min=0, help="The newest so many, 0 for all.", metavar="NUMBER")] = 50,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Show stored events, the newest last. JSON is one event a line."""
    query = {"since": since, "until": until, "type": type, "user": user}
    found = _newest(sink, query, limit) if limit else _all(sink, query)
    if format is Form.json:
        for event in found:
            print_json(event)
    else:
        _print_table(found)


def _all(sink: Sink, query: dict[str, Any]) -> Iterator[msgspec.Raw]:
    for page in sink.pages("/v1/events", "events", order="asc", limit=PAGE, **query):
        yield from page


def _newest(sink: Sink, query: dict[str, Any], limit: int) -> list[msgspec.Raw]:
    found: list[msgspec.Raw] = []
    size = min(limit, PAGE)
    for page in sink.pages("/v1/events", "events", cursor="before", order="desc", limit=size, **query):
        found += page
        if len(found) >= limit:
            break
    return found[:limit][::-1]


def _print_table(found: Iterable[msgspec.Raw]) -> None:
    screen, empty = output(), True
    columns = Columns(screen.width)
    for event in found:
        if empty:
            screen.print(columns.header, style="bold", soft_wrap=True)
            empty = False
        say(columns.row(event))
    if empty:
        note("No event is stored that fits.")
