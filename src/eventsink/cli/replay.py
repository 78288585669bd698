"""`eventsink replay`: stored events to a worker once more."""

from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eventsink.cli.options import Form, Format, Since, Until, new_app, talks
from eventsink.cli.screen import count, errors, note, print_json, say
from eventsink.client.sink import Sink
from eventsink.errors import EventSinkError

PAGE = 10_000

app = new_app()


@app.command()
@talks
def replay(
    sink: Sink,
    to: Annotated[str, typer.Option(help="The worker that is to deliver them.", metavar="WORKER")],
    since: Since = None,
    until: Until = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many there are.")] = False,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Deliver stored events to a worker again.

    Harmless where the destination keeps one of each id, as the store, InfluxDB and MongoDB do.
    """
    question = {"to": to, "since": since, "until": until, "after": 0, "limit": PAGE, "dry_run": dry_run}
    question = {name: value for name, value in question.items() if value is not None}
    replayed, total = (0, int(sink.post("/v1/replay", question)["total"])) if dry_run else _run(sink, question)
    if format is Form.json:
        print_json({"to": to, "replayed": replayed, "total": total, "dry_run": dry_run})
    elif dry_run:
        say(f"{count(total)} events would be delivered to {to} again.")
    else:
        say(f"{count(replayed)} events wait for {to} again: see `eventsink status`.")


def _run(sink: Sink, question: dict[str, Any]) -> tuple[int, int]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    done, total = 0, 0
    screen = errors()
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(f"Replay to {question['to']}", total=None)
        try:
            while True:
                answer = sink.post("/v1/replay", question)
                done, total = done + answer["replayed"], answer["total"]
                progress.update(task, completed=done, total=total)
                if answer["next"] is None:
                    return done, total
                question["after"] = answer["next"]
        except EventSinkError:
            progress.stop()
            if done:
                note(
                    f"Broken off after {count(done)} of {count(total)} events, which will be delivered.", style="yellow"
                )
            raise
        except KeyboardInterrupt:
            progress.stop()
            note(f"Interrupted after {count(done)} of {count(total)} events, which will be delivered.", style="yellow")
            raise typer.Exit(1) from None
