"""`eventsink send`: events from files, standard input or the command line."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer

from eventsink.cli.options import Form, Format, new_app, talks
from eventsink.cli.progress import View
from eventsink.cli.screen import count, events, new_table, output, plain, print_json, say
from eventsink.client.batch import Course
from eventsink.client.delivery import Delivery, Patience
from eventsink.client.identity import fresh_names, names_by_place
from eventsink.client.journal import Journal, Known, state_directory
from eventsink.client.run import Run
from eventsink.client.sink import Sink
from eventsink.client.source import Source, Unreadable
from eventsink.client.sources import given_source, open_source
from eventsink.client.tally import Group, Tally
from eventsink.errors import EventSinkError
from eventsink.event import new_ids

MOST_SHOWN = 20  # reasons in the table; JSON has all

app = new_app()


@app.command()
@talks
def send(
    sink: Sink,
    files: Annotated[
        list[str] | None, typer.Argument(help="Files, also .gz; - is standard input.", metavar="FILE")
    ] = None,
    type: Annotated[str | None, typer.Option(help="Send one event of this type.", metavar="TYPE")] = None,  # noqa: A002
    json: Annotated[str | None, typer.Option(help="Its data.", metavar="JSON")] = None,
    user: Annotated[str | None, typer.Option(help="Its user.", metavar="ID")] = None,
    subject: Annotated[str | None, typer.Option(help="What it is about.", metavar="KIND/ID")] = None,
    time: Annotated[str | None, typer.Option(help="When it happened.  [default: now]", metavar="TIME")] = None,
    again: Annotated[bool, typer.Option("--again", help="Send files again that were sent before.")] = False,
    rejected: Annotated[
        Path | None, typer.Option(help="Append the lines that are not accepted to this file.", metavar="FILE")
    ] = None,
    retry_for: Annotated[
        float, typer.Option(min=0, help="How long to try again while the sink is away.", metavar="SECONDS")
    ] = 60.0,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Send events: JSON objects, arrays, or one event a line, in any dialect that the sink reads.

    A file whose sending was interrupted goes on where it ended when the same command is given again, and what was on
    its way is not doubled. A file that grows is sent from where it ended. Lines without an id get one that follows
    from the file and the place in it. A file that begins with an array is read as a whole.

    Exit code 1 if anything was not accepted.
    """
    event = _event(type, json, {"user": user, "subject": subject, "time": time})
    if bool(files) == bool(event):
        raise typer.BadParameter("Give files, or - for standard input, or one event by --type and --json.")
    sources = [partial(open_source, path) for path in files or []] or [partial(given_source, event, "the event")]
    with (
        _open(rejected) as trash,
        View(_total(files or [])) as view,
        Delivery(sink, Patience(retry_for, view.waiting)) as delivery,
    ):
        run = Run(delivery, view, trash)
        trouble = _send_all(run, sources, lambda source: _course(source, sink.url, view, again=again))
    _print(run.tally, trouble, view.seconds, format)
    if trouble or run.tally.rejected:
        raise typer.Exit(1)


def _send_all(
    run: Run, sources: Iterable[Callable[[], Source]], course_of: Callable[[Source], Course | None]
) -> list[str]:
    """Send all sources. Returns what went wrong, in sentences."""
    trouble = []
    try:
        for open_next in sources:
            try:
                if course := course_of(open_next()):
                    run.send(course)
            except Unreadable as error:
                trouble.append(str(error))
        run.finish()
    except EventSinkError as error:
        run.stop()
        trouble.append(str(error))
    except KeyboardInterrupt:
        run.stop()
        trouble.append("Interrupted.")
    return trouble + run.unfinished()


def _course(source: Source, url: str, view: View, *, again: bool) -> Course | None:
    """How a source is to be sent; None if it was already."""
    if source.file is None:
        return Course(source, None, fresh_names())
    journal = Journal(source, source.file, url, again=again, home=state_directory())
    name, entry = plain(source.name), journal.entry
    if journal.known is Known.wholly and not again:
        refused = f", but {count(entry.refused)} were not accepted" if entry.refused else ""
        view.tell(f"{name} was sent to this sink already{refused}: nothing to do. --again sends it again.")
        source.close()
        return None
    if journal.known is Known.changed:
        view.tell(f"{name} has changed since it was sent: its events without an id are taken for new ones.", "yellow")
    elif journal.start.number:
        why = "has grown since it was sent" if journal.known is Known.grown else "was sent in part"
        view.tell(f"{name} {why}: going on after {source.unit} {count(journal.start.number)}.")
    try:
        journal.begin(datetime.now(UTC))
    except OSError as error:
        view.tell(f"How far {name} is sent cannot be noted: {error.strerror}: {error.filename}.", "yellow")
    return Course(source, journal, names_by_place(entry.token), journal.start, journal.time_of)


def _event(type_: str | None, data: str | None, attributes: dict[str, str | None]) -> bytes:
    """The event that the options describe, with an id, so that trying again does not double it; empty if none does."""
    if type_ is None:
        if data is not None or any(attributes.values()):
            raise typer.BadParameter("An event needs a --type: see `eventsink types`.")
        return b""
    try:
        content = msgspec.json.decode(data or "{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"It is no JSON object: {error}.", param_hint="--json") from None
    given = {name: value for name, value in attributes.items() if value is not None}
    return msgspec.json.encode({"id": new_ids(1, datetime.now(UTC))[0], "type": type_, **given, "data": content})


@contextlib.contextmanager
def _open(rejected: Path | None) -> Iterator[BinaryIO | None]:
    if rejected is None:
        yield None
        return
    try:
        file = rejected.open("ab")
    except OSError as error:
        raise EventSinkError(f"{rejected} cannot be written: {error.strerror}.") from None
    with file:
        yield file


def _total(paths: list[str]) -> int | None:
    """Bytes of all files; None if one of them is a stream."""
    found = [status for path in paths if path != "-" and (status := _status(path))]
    streams = "-" in paths or not all(stat.S_ISREG(status.st_mode) for status in found)
    return None if streams or not found else sum(status.st_size for status in found)


def _status(path: str) -> os.stat_result | None:
    with contextlib.suppress(OSError):  # whoever opens it says why
        return Path(path).stat()
    return None


def _print(tally: Tally, trouble: list[str], seconds: float, form: Form) -> None:
    if form is Form.json:
        print_json({**tally.as_json(), "trouble": trouble, "seconds": round(seconds, 3)})
        return
    rate = f", {count(tally.accepted / seconds)} a second" if tally.accepted > 1000 and seconds else ""
    refused = f", {count(tally.rejected)} not accepted" if tally.rejected else ""
    say(f"{events(tally.accepted)} accepted{refused} in {seconds:.1f} s{rate}.")
    _print_groups("Not accepted", tally.rejections)
    _print_groups("Warnings", tally.warnings)
    for sentence in trouble:
        typer.secho(plain(sentence), fg="red", err=True)


def _print_groups(title: str, groups: list[Group]) -> None:
    if not groups:
        return
    table = new_table("Count", "First", "Pointer", "Reason", right=("Count",))
    for group in groups[:MOST_SHOWN]:
        table.add_row(count(group.count), plain(group.places[0]), plain(group.pointer), plain(_reason(group)))
    screen = output()
    screen.print(f"\n{title}", style="bold")
    screen.print(table)
    if len(groups) > MOST_SHOWN:
        screen.print(f"… and {len(groups) - MOST_SHOWN} other reasons: --format json shows all.")


def _reason(group: Group) -> str:
    if group.message.startswith("Expected") or not group.expected:
        return group.message
    got = f", got {group.got}" if group.got else ""
    return f"{group.message} Expected {group.expected}{got}."
