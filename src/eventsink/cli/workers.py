"""`eventsink workers`: the queues that there are, and an end to one that nobody needs."""

from typing import Annotated
from urllib.parse import quote

import typer

from eventsink.cli.options import Form, Format, new_app, talks
from eventsink.cli.screen import count, events, new_table, output, plain, print_json, say
from eventsink.client.sink import Sink
from eventsink.errors import EventSinkError
from eventsink.worker_state import brief

app = new_app("See which workers have queues, and forget one that nobody needs any more.")


@app.command("list")
@talks
def list_(sink: Sink, format: Format = Form.table) -> None:  # noqa: A002
    """List all workers that have a queue, also those that are in no settings any more."""
    workers = sink.get("/v1/status")["workers"]
    if format is Form.json:
        for name, account in workers.items():
            print_json({"worker": name} | account)
        return
    table = new_table("Worker", "Waiting", "Dead", "In the settings", "State", right=("Waiting", "Dead"))
    for name, account in workers.items():
        figures = count(account["waiting"]), count(account["dead"] - account["dropped"])
        table.add_row(plain(name), *figures, "yes" if account["configured"] else "no", brief(plain(account["state"])))
    output().print(table)


@app.command()
@talks
def forget(
    sink: Sink,
    name: Annotated[str, typer.Argument(help="The worker, as `workers list` shows it.", metavar="NAME")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Take away the queue of a worker, with the events that wait in it and its dead letters.

    What waits for a worker that nobody runs fills the disk. Other workers and the store keep their events.
    """
    account = sink.get("/v1/status")["workers"].get(name)
    if account is None:
        raise EventSinkError(f"There is no worker {plain(name)}: `eventsink workers list` shows all.")
    dead = account["dead"] - account["dropped"]
    if not yes:
        typer.confirm(
            f"{events(account['waiting'])} wait for {plain(name)} and {count(dead)} are dead. Forget?", abort=True
        )
    answer = sink.delete(f"/v1/workers/{quote(name, safe='')}")
    if format is Form.json:
        print_json(answer)
    else:
        say(f"{plain(name)} is forgotten, with {events(answer['waited'])} that waited for it.")
