"""`eventsink dead`: events that could not be delivered."""

from typing import Annotated, Any

import msgspec
import typer

from eventsink.cli.options import Form, Format, new_app, talks
from eventsink.cli.screen import count, errors, new_table, note, one_line, output, plain, print_json, say
from eventsink.cli.times import clock
from eventsink.client.sink import Sink

PAGE = 1000
PATIENCE = 3600.0  # seconds

app = new_app("Look at events that could not be delivered, and mend them.")

Worker = Annotated[str | None, typer.Option("--worker", help="Those of this worker alone.", metavar="NAME")]
Ids = Annotated[list[int] | None, typer.Argument(help="Their numbers, as `dead list` shows them.", metavar="ID")]
All = Annotated[bool, typer.Option("--all", help="Those of all workers.")]


@app.command("list")
@talks
def list_(
    sink: Sink,
    worker: Worker = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many, 0 for all.", metavar="NUMBER")] = 50,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """List dead letters, the oldest first."""
    found, more = _letters(sink, worker, limit)
    if format is Form.json:
        for letter in found:
            print_json(letter)
    elif found:
        _print_table([msgspec.json.decode(letter) for letter in found])
        note(f"There are more than {count(limit)}: --limit 0 shows all." if more else "")
    else:
        note("There are no dead letters.", style="green")


@app.command()
@talks
def show(
    sink: Sink,
    number: Annotated[int, typer.Argument(help="Its number.", metavar="ID")],
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Show one dead letter: why, how often it was tried, and the event."""
    letter = sink.get(f"/v1/dead/{number}")
    if format is Form.json:
        print_json(letter)
    else:
        _print_letter(letter)


@app.command()
@talks
def retry(sink: Sink, ids: Ids = None, worker: Worker = None, all: All = False) -> None:  # noqa: A002
    """Put dead letters back into the queues of their workers."""
    _tell(
        _mend(sink, "retry", _selection(ids, worker, everything=all))["retried"],
        "to be delivered again: see `eventsink status`",
    )


@app.command()
@talks
def drop(
    sink: Sink,
    ids: Ids = None,
    worker: Worker = None,
    all: All = False,  # noqa: A002
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Throw dead letters away, for good."""
    selection = _selection(ids, worker, everything=all)
    if not yes:
        typer.confirm(plain(f"Throw {_in_words(selection)} away for good?"), abort=True, err=True)
    _tell(_mend(sink, "drop", selection)["dropped"], "thrown away")


def _mend(sink: Sink, how: str, selection: dict[str, Any]) -> dict[str, Any]:
    """Of a million letters this takes minutes."""
    with sink.twin(PATIENCE) as patient, errors().status(f"{how} {_in_words(selection)} …"):
        return patient.post(f"/v1/dead/{how}", selection)


@app.command()
@talks
def export(sink: Sink, worker: Worker = None) -> None:
    """Print all dead letters, one JSON object a line; `body` in it is the event."""
    for page in sink.pages("/v1/dead", "dead", worker=worker, limit=PAGE):
        for letter in page:
            print_json(letter)


def _letters(sink: Sink, worker: str | None, limit: int) -> tuple[list[msgspec.Raw], bool]:
    """At most `limit` dead letters, and whether there are more."""
    found: list[msgspec.Raw] = []
    size = min(limit + 1, PAGE) if limit else PAGE
    for page in sink.pages("/v1/dead", "dead", worker=worker, limit=size):
        found += page
        if limit and len(found) > limit:
            return found[:limit], True
    return found, False


def _selection(ids: list[int] | None, worker: str | None, *, everything: bool) -> dict[str, Any]:
    given = [bool(ids), bool(worker), everything]
    if sum(given) != 1:
        raise typer.BadParameter("Say which dead letters: their numbers, or --worker NAME, or --all.")
    return {"ids": ids} if ids else {"worker": worker} if worker else {"all": True}


def _in_words(selection: dict[str, Any]) -> str:
    if "ids" in selection:
        numbers = selection["ids"]
        named = f"dead letter {', '.join(map(str, numbers))}"
        return named if len(numbers) <= 5 else f"{count(len(numbers))} dead letters"
    return f"all dead letters of {selection['worker']}" if "worker" in selection else "all dead letters"


def _tell(number: int, what: str) -> None:
    """Say how many there were; none is a failure, for the selection was wrong."""
    if not number:
        note("There is no such dead letter: see `eventsink dead list`.", style="red")
        raise typer.Exit(1)
    say(f"{count(number)} dead letter{'s' if number > 1 else ''} {what}.")


def _print_table(letters: list[dict[str, Any]]) -> None:
    table = new_table("Id", "Worker", "Type", "Reason", "Tries", "Last (UTC)", right=("Id", "Tries"))
    for letter in letters:
        event_type = letter.get("body", {}).get("type", "-")
        told = (one_line(letter["reason"]), str(letter["attempts"]), clock(letter["last_seen"]))
        table.add_row(str(letter["id"]), plain(letter["worker"]), plain(event_type), *told)
    output().print(table)


def _print_letter(letter: dict[str, Any]) -> None:
    table = new_table("", "")
    table.show_header = False
    for name in ("id", "worker", "reason", "attempts", "first_seen", "last_seen"):
        table.add_row(name.replace("_", " "), plain(letter[name]))
    screen = output()
    screen.print(table)
    body = msgspec.json.format(msgspec.json.encode(letter["body"]), indent=2).decode()
    for title, text in (("Event", body), ("Traceback", letter.get("traceback") or "")):
        if text:
            screen.print(f"\n{title}", style="bold")
            screen.print("\n".join(plain(line) for line in text.splitlines()), soft_wrap=True)
