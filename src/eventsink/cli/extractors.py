"""`eventsink extractors`: who of them is alive, their jobs, and what becomes of these."""

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from eventsink.cli.options import Form, Format, new_app, talks
from eventsink.cli.screen import count, new_table, note, one_line, output, plain, print_json, say
from eventsink.cli.tail import follow
from eventsink.cli.times import clock
from eventsink.client.sink import Sink

WIDE = 120  # columns of a terminal that shows everything

app = new_app("See who is alive, submit jobs, cancel them, and watch what becomes of them.")

JobId = Annotated[str, typer.Argument(help="Id of the job.", metavar="JOB")]
Extractor = Annotated[str | None, typer.Option("--extractor", help="Of this extractor alone.", metavar="NAME")]


class Kind(StrEnum):
    """What a job is about."""

    file = "file"
    dataset = "dataset"


@app.command("list")
@talks
def list_(
    sink: Sink,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """List extractors that are alive, and those that jobs wait for; with the lengths of their queues."""
    found = sink.get("/v1/extractors")
    if format is Form.json:
        for extractor in found["extractors"]:
            print_json(extractor)
        return
    if found["spooled"]:
        note(f"RabbitMQ is away: {count(found['spooled'])} jobs wait for it in the spool.", style="yellow")
    if not found["extractors"]:
        note("No extractor was heard yet: pyClowder sends a heartbeat at its start, and then every 5 minutes.")
        return
    right = ("Replicas", "Waiting", "Working", "Failed")
    wide = output().width >= WIDE
    table = new_table("Extractor", "Version", *right, "Last seen", *["Description"] * wide, right=right)
    _keep_whole(table)
    for one in found["extractors"]:
        figures = (_number(one[name]) for name in ("waiting", "working", "failed"))
        replicas = Text(str(one["replicas"]), style="" if one["replicas"] else "red")
        name = one["name"] if one["queue"] == one["name"] else f"{one['name']} ({one['queue']})"
        seen = clock(one["last_seen"]) if one["last_seen"] else "not lately"
        told = [one_line(one["description"])] * wide
        table.add_row(plain(name), plain(one["version"]), replicas, *figures, seen, *told)
    output().print(table)


@app.command()
@talks
def jobs(
    sink: Sink,
    extractor: Extractor = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.", metavar="NUMBER")] = 50,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """List jobs, the one heard of last first."""
    found = sink.get("/v1/extractors/jobs", extractor=extractor, limit=limit)["jobs"]
    if format is Form.json:
        for job in found:
            print_json(job)
    elif found:
        right = ("Tries", "Queued", "Ran")
        wide = output().width >= WIDE
        more = ["Last heard", "Message"] * wide
        table = new_table("Job", "Extractor", "Resource", "State", *right, *more, right=right)
        _keep_whole(table)
        for job in found:
            about = job["resource_name"] or job["resource_id"] or "-"
            times = (_span(job["queue_ms"]), _span(job["run_ms"]))
            state = Text(job["state"], style=_STYLES.get(job["state"], ""))
            texts = map(plain, (job["id"], job["extractor"], about))
            told = [Text(clock(job["seen"])), one_line(job["message"] or "")] * wide
            table.add_row(*texts, state, str(job["retries"] + 1), *times, *told)
        output().print(table)
    else:
        note("There are no jobs.")


@app.command()
@talks
def submit(
    sink: Sink,
    kind: Annotated[Kind, typer.Argument(help="What the job is about.")],
    extractor: Annotated[str, typer.Option(help="Name of the extractor, which is its queue.", metavar="NAME")],
    id: Annotated[str, typer.Option(help="Id of the file or dataset.", metavar="ID")],  # noqa: A002
    host: Annotated[str, typer.Option(help="Address of Clowder, as the extractor reaches it.", metavar="URL")],
    secret_key: Annotated[
        str, typer.Option(envvar="CLOWDER_KEY", help="API key of Clowder for the extractor.", metavar="KEY")
    ],
    filename: Annotated[str, typer.Option("--filename", "--name", help="Name of the resource.", metavar="F")] = "",
    dataset: Annotated[str, typer.Option(help="Dataset of the file.", metavar="ID")] = "",
    mime_type: Annotated[str | None, typer.Option(help="Media type of the file.", metavar="TYPE")] = None,
    parameters: Annotated[str | None, typer.Option(help="For the extractor: a JSON object.", metavar="JSON")] = None,
    user: Annotated[str | None, typer.Option(help="On whose behalf.", metavar="ID")] = None,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Submit a job on a file or a dataset to an extractor."""
    job = {
        "kind": kind.value,
        "extractor": extractor,
        "id": id,
        "host": host,
        "secret_key": secret_key,
        "name": filename,
        "dataset_id": dataset,
        "mime_type": mime_type,
        "parameters": _object(parameters),
        "user": user,
    }
    submitted = sink.post("/v1/extractors/jobs", {name: value for name, value in job.items() if value is not None})
    if format is Form.json:
        print_json(submitted)
    else:
        say(f"Job {submitted['id']} waits for {extractor}: see `eventsink extractors watch`.")


@app.command()
@talks
def cancel(
    sink: Sink,
    job: JobId,
    extractor: Annotated[
        str | None, typer.Option(help="Where it waits, for a job of somebody else.", metavar="NAME")
    ] = None,
) -> None:
    """Take a job out of its queue before an extractor has it. All other jobs stay as they are."""
    cancelled = sink.delete(f"/v1/extractors/jobs/{quote(job, safe='')}", extractor=extractor)
    say(f"Job {cancelled['id']} is cancelled.")


@app.command()
@talks
def resubmit(
    sink: Sink,
    extractor: Annotated[str, typer.Argument(help="Name of the extractor.", metavar="NAME")],
    job: Annotated[str | None, typer.Option(help="This job alone.", metavar="JOB")] = None,
    all: Annotated[bool, typer.Option("--all", help="All jobs in its error queue.")] = False,  # noqa: A002
) -> None:
    """Put jobs that an extractor gave up back into its queue."""
    question = {"job_id": job, "all": all} if job else {"all": all}
    back = sink.post(f"/v1/extractors/{quote(extractor, safe='')}/resubmit", question)["resubmitted"]
    say(f"{count(len(back))} job{'' if len(back) == 1 else 's'} of {extractor} submitted again.")


@app.command()
@talks
def unread(
    sink: Sink,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Show what came to the reply queue and was no status, the latest first."""
    found = sink.get("/v1/extractors/unread")["unread"]
    if format is Form.json:
        for message in found:
            print_json(message)
    elif found:
        table = new_table("Time (UTC)", "Why", "Message")
        for message in found:
            table.add_row(clock(message["at"]), plain(message["reason"]), one_line(message["body"]))
        output().print(table)
    else:
        note("All that came was read.", style="green")


@app.command()
@talks
def watch(
    sink: Sink,
    extractor: Extractor = None,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Show what becomes of jobs as it happens, until Ctrl-C. JSON is one event a line."""
    try:
        for event in follow(sink, {"type": "extractions.extraction_event"}):
            found = msgspec.json.decode(event)
            if extractor and found["data"].get("extractor") != extractor:
                continue
            if format is Form.json:
                print_json(event)
            else:
                output().print(_line(found), soft_wrap=True)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


_STYLES = {"done": "green", "failed": "red", "retried": "yellow", "cancelled": "yellow", "working": "cyan"}


def _line(event: dict[str, Any]) -> Text:
    data = event["data"]
    times = [f"queued {_span(data['queue_ms'])}"] if data["status"] == "working" and data.get("queue_ms") else []
    times += [f"ran {_span(data['run_ms'])}"] if data.get("run_ms") is not None else []
    about = data.get("resource_name") or data.get("resource_id") or ""
    rest = [plain(part) for part in (about, *times, data.get("message") or "") if part]
    return Text.assemble(
        f"{clock(event['time'])}  {plain(data.get('job_id') or '-'):<24}  {plain(data.get('extractor') or '-'):<24}  ",
        (f"{data['status']:<9}", _STYLES.get(data["status"], "")),
        f"  {'  '.join(rest)}",
    )


def _keep_whole(table: Table) -> None:
    """Keep ids and names on one line, so that they can be copied; the last column takes what room is left."""
    for column in table.columns[:-1]:
        column.no_wrap = True


def _object(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"it is no JSON: {error}.", param_hint="--parameters") from None
    if not isinstance(found, dict):
        raise typer.BadParameter("a JSON object is needed.", param_hint="--parameters")
    return found


def _number(value: int | None) -> str:
    return "-" if value is None else count(value)


def _span(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
