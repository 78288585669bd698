"""`eventsink export`: the events of a running sink as files, one a month."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.progress import BarColumn, Progress, TextColumn

from eventsink.causes import why
from eventsink.cli.options import Since, Until, new_app, talks
from eventsink.cli.screen import count, errors, events, plain, say, size
from eventsink.client.sink import Sink, Unreachable
from eventsink.errors import EventSinkError
from eventsink.event import parse_time

PAGE = 10_000  # most that the API gives at once
READ_AT_ONCE = 1 << 20  # bytes
PATIENCE = 3600.0  # seconds in which the sink makes a file

app = new_app()


class Form(StrEnum):
    """What the files are."""

    parquet = "parquet"
    ndjson = "ndjson"


@app.command()
@talks
def export(
    sink: Sink,
    out: Annotated[Path, typer.Option("--out", help="Folder for the files; it is made.", metavar="DIR")],
    since: Since = None,
    until: Until = None,
    type: Annotated[  # noqa: A002
        str | None, typer.Option(help="Events of this type alone; storage.* for all that begin so.", metavar="TYPE")
    ] = None,
    format: Annotated[Form, typer.Option("--format", help="Parquet, or an event of JSON a line.")] = Form.parquet,  # noqa: A002
) -> None:
    """Write all events into files, one for each month (UTC). Files of an earlier export are replaced, each at once."""
    months = _months(sink, since, until)
    write = _parquet if format is Form.parquet else _ndjson
    total = files = 0
    with _in_words(out):
        out.mkdir(parents=True, exist_ok=True)
    with _bar(len(months)) as step:
        for month, begin, end in months:
            target = out / f"events-{month}.{format.value}"
            asked = {"since": begin, "until": end, "type": type}
            with _in_words(out):
                written = _replaced(target, partial(write, sink, step, asked))
            total, files = total + written, files + bool(written)
            step(month, 1, 0)
            if written:
                say(f"{plain(target)}  {events(written)}, {size(target.stat().st_size)}")
    say(
        f"{events(total)} in {count(files)} file{'' if files == 1 else 's'}."
        if files
        else "No event is stored that fits."
    )


def _months(sink: Sink, since: str | None, until: str | None) -> list[tuple[str, str, str | None]]:
    """The months that have events, each with its begin and end within the time that is asked for."""
    series = sink.get("/v1/summary", since=since, until=until, interval="month")["series"]
    found = []
    for begin in sorted({parse_time(point["time"]) for point in series}):
        first = max(begin, parse_time(since)) if since else begin
        last = [time for time in (_next(begin), parse_time(until) if until else None) if time]
        found.append((f"{begin.year:04}-{begin.month:02}", _written(first), _written(min(last)) if last else None))
    return found


def _next(month: datetime) -> datetime | None:
    """When the next month begins; None after the last one that there is."""
    if (month.year, month.month) == (9999, 12):
        return None
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def _written(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


# --- one file --------------------------------------------------------------------------------------------------------


def _replaced(target: Path, write: Callable[[BinaryIO], int]) -> int:
    """Write a file beside, and put it in its place when it is whole; one without events is not put there."""
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            written = write(file)
            file.flush()
            os.fsync(file.fileno())
        if written:
            part.replace(target)
        return written
    finally:
        part.unlink(missing_ok=True)


Step = Callable[[str, int, int], None]  # told a month, months that are done, and bytes that came
Query = Mapping[str, Any]


def _parquet(sink: Sink, step: Step, query: Query, file: BinaryIO) -> int:
    with sink.twin(timeout=PATIENCE) as other, other.download("/v1/export", **query) as answer:
        length, read = int(answer.getheader("content-length") or 0), 0
        while part := answer.read(READ_AT_ONCE):
            _write(file, part)
            read += len(part)
            step("", 0, len(part))
        if read < length:
            raise Unreachable(f"The export of {sink.where} broke off after {size(read)} of {size(length)}: try again.")
        return int(answer.getheader("x-events") or 0)


def _ndjson(sink: Sink, step: Step, query: Query, file: BinaryIO) -> int:
    written = 0
    for page in sink.pages("/v1/events", "events", order="asc", cursor="after", limit=PAGE, **query):
        lines = b"".join(bytes(event) + b"\n" for event in page)
        _write(file, lines)
        written += len(page)
        step("", 0, len(lines))
    return written


class _NotWritten(EventSinkError):
    """A file of an export cannot be written."""


def _write(file: BinaryIO, content: bytes) -> None:
    try:
        file.write(content)
    except OSError as error:  # not one of the connection
        raise _NotWritten(f"{plain(file.name)} cannot be written: {why(error)}. Nothing of it is left.") from error


@contextlib.contextmanager
def _in_words(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _NotWritten(f"{plain(out)} cannot be written to: {why(error)}.") from error


@contextlib.contextmanager
def _bar(months: int) -> Iterator[Step]:
    """A bar on standard error, where that is a terminal: months done, and bytes."""
    screen = errors()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[bytes]}"),
    )
    bar = Progress(*columns, console=screen, transient=True, expand=True, disable=not screen.is_terminal)
    task, read = bar.add_task("export", total=months, bytes=""), 0

    def step(month: str, done: int, more: int) -> None:
        nonlocal read
        read += more
        bar.update(task, advance=done, bytes=size(read), description=month or None)

    with bar:
        yield step
