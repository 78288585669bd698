"""`eventsink status-page`: the status page as files, for a web server that is not this machine."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from eventsink.cli.options import new_app, talks
from eventsink.cli.screen import note, plain, say
from eventsink.cli.status_files import last_page, write_page
from eventsink.client.sink import Sink
from eventsink.errors import EventSinkError
from eventsink.look.status.contract import StatusPage

WITHIN = 10.0  # seconds

app = new_app()


@app.command()
@talks
def status_page(
    sink: Sink,
    out: Annotated[Path, typer.Option("--out", help="Folder for the files; it is made.", metavar="DIR")],
    every: Annotated[
        float | None, typer.Option(min=1, help="Write them again and again, until Ctrl-C.", metavar="SECONDS")
    ] = None,
) -> None:
    """Write the status page of a running sink: index.html, status.json, feed.atom and a badge for each check.

    While the sink does not answer, the page says so and since when, and shows how things were last. Exit code 1 when it
    does not, unless --every is given.
    """
    with sink.twin(WITHIN) as asking:
        if every is not None:
            _go_on(asking, out, every)
        if trouble := _write(asking, out, None):
            note(trouble, "red")
            raise typer.Exit(1)
    say(f"Written to {out}.")


def _go_on(sink: Sink, out: Path, every: float) -> NoReturn:
    say(f"Written to {out} every {every:g} seconds, until Ctrl-C.")
    told = ""
    while True:
        due = time.monotonic() + every
        trouble = _try_to_write(sink, out, every)
        if trouble != told:
            note(trouble or "Written again.", "red" if trouble else "")
            told = trouble
        time.sleep(max(0.0, due - time.monotonic()))


def _try_to_write(sink: Sink, out: Path, every: float) -> str:
    """The same, whatever goes wrong: what is wrong with a disk now may be well the next time."""
    try:
        return _write(sink, out, every)
    except EventSinkError as error:
        return plain(error)


def _write(sink: Sink, out: Path, every: float | None) -> str:
    """Write all files; gives why the sink could not be asked, or nothing.

    Raises:
        EventSinkError: the files cannot be written.
    """
    try:
        page = _ask(sink)
    except EventSinkError as error:
        known = last_page(out)
        if known is None:
            return f"{plain(error)} Nothing was written: {plain(out)} has no page of before."
        since = known.unreachable_since or datetime.now(UTC)
        write_page(out, msgspec.structs.replace(known, unreachable_since=since), every=every)
        return f"{plain(error)} The page says so."
    write_page(out, page, every=every)
    return ""


def _ask(sink: Sink) -> StatusPage:
    found = sink.get("/status.json")
    try:
        return msgspec.convert(found, StatusPage)
    except msgspec.ValidationError:
        raise EventSinkError(
            f"What answers at {sink.where} has no status page: name an event sink of this version with --url."
        ) from None
