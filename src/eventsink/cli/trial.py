"""`eventsink try`: a worker delivers three sample events, or a check runs once, for those who write one."""

import asyncio
import traceback
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from eventsink import logs, plugins
from eventsink.catalogue import matches, nearest
from eventsink.causes import why
from eventsink.cli.check_trial import try_check
from eventsink.cli.options import Form, Format, configured, new_app
from eventsink.cli.screen import new_table, note, output, plain, print_json
from eventsink.deliver import loading
from eventsink.deliver.dead_letters import sentence
from eventsink.deliver.worker import Worker
from eventsink.errors import PluginError, Refused, TryLater
from eventsink.event import Event, new_ids
from eventsink.redact import hidden, hide_secrets
from eventsink.settings import Settings
from eventsink.watch import loading as checks
from eventsink.watch.check import Check

app = new_app()


_COUNTS = ("none of the sample events", "one sample event", "two sample events", "three sample events")


class Outcome(msgspec.Struct, frozen=True):
    """What came of a trial: `delivered`, `try later`, `refused`, `failed` or, if that was wanted, `shown`; and why.

    Args:
        sent: what is sent for each event, of a worker that can tell; secrets are hidden.
    """

    outcome: str
    reason: str = ""
    traceback: str = ""
    sent: Sequence[Mapping[str, Any]] = ()


@app.command()
@configured
def try_(
    settings: Settings,
    worker: Annotated[str, typer.Argument(help="Name of a worker or check, or a .py file.", metavar="PATH|NAME")],
    options: Annotated[
        list[str] | None,
        typer.Option(help="Its options, over those of the settings. Can be repeated.", metavar="NAME=VALUE"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what a worker would send, if it can tell that, and send nothing.")
    ] = False,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Have a worker deliver three sample events, or a check run once, and say what came of it.

    It is opened and closed as the sink does it: try a .py file as it is written. Of a service of analytics it is shown,
    field by field, what is sent for each event.
    """
    name = Path(worker).stem if worker.endswith(".py") else worker
    if _is_check(settings, worker):
        try_check(settings, name, _named(worker), _values(options or []), as_json=format is Form.json)
        return
    section = {"use": _named(worker), **settings.workers.get(name, {}), **_values(options or [])}
    logs.configure()  # what a worker logs is no output
    made = loading.load(name, section)
    wanted = loading.types(name, section) or made.types
    events = [event for event in samples() if matches(event.type, wanted)]
    sent, failed = _preview(made, wanted)
    said = "" if sent else f"{name} cannot tell what it would send{failed}."
    outcome = Outcome("shown", said) if dry_run else asyncio.run(_deliver(made, events))
    if format is Form.json:
        print_json(msgspec.structs.replace(outcome, sent=sent))
    else:
        _print_sent(sent)
        _print(name, outcome, _COUNTS[len(events)])
    if outcome.outcome not in {"delivered", "shown"}:
        raise typer.Exit(1)


def _is_check(settings: Settings, worker: str) -> bool:
    """Whether a check is meant: a file says it by what it holds, and of one name the worker comes first.

    Raises:
        PluginError: there is neither a worker nor a check of this name.
    """
    if worker.endswith(".py"):
        return plugins.holds(_named(worker), Check)
    all_workers, all_checks = {*settings.workers, *loading.known()}, {*settings.checks, *checks.known()}
    if worker in all_workers or worker in all_checks or ":" in worker:
        return worker not in all_workers and worker in all_checks
    close = nearest(worker, [*all_workers, *all_checks])
    hint = f"Did you mean {close!r}?" if close else f"Known are {', '.join(sorted(all_workers | all_checks))}."
    raise PluginError(f"There is neither a worker nor a check {worker!r}. {hint}")


def samples() -> list[Event]:
    """Three events of different kinds: an upload, a download by nobody we know, and a check that went wrong."""
    now = datetime.now(UTC)
    file: dict[str, Any] = {"dataset_id": "64c0000000000000000000d1", "bytes": 1_834_211}
    about: list[tuple[str, str | None, str | None, dict[str, Any]]] = [
        (
            "storage.file_uploaded",
            "files/64b0000000000000000000f1",
            "64a0000000000000000000a1",
            {"file_id": "64b0000000000000000000f1", "file_name": "plot-07 été.png", "mime_type": "image/png", **file},
        ),
        (
            "traffic.resource_downloaded",
            "files/64b0000000000000000000f1",
            None,
            {"resource_type": "file", "resource_id": "64b0000000000000000000f1", **file, "http_status": 200},
        ),
        (
            "health.ping_update",
            None,
            None,
            {"target": "clowder.example.org", "up": False, "region": "urbana", "sent": 10, "loss_percent": 100.0},
        ),
    ]
    return [
        Event(id=id_, source="try", type=type_, time=now, received=now, data=data, subject=subject, user=user)
        for id_, (type_, subject, user, data) in zip(new_ids(len(about), now), about, strict=True)
    ]


def page_view() -> Event:
    """One more, of which a service of analytics is told most: somebody looks at a page in a browser."""
    now = datetime.now(UTC)
    page = "https://clowder.example.org/datasets/64c0000000000000000000d1"
    browser = {"browser": "Firefox", "browser_version": "143.0", "os": "Windows", "os_version": "11"}
    data: dict[str, Any] = {
        "url": f"{page}?utm_source=mail&key=r1ek3rs",
        "referrer": "https://search.example.com/?q=somebody",
        "title": "Data of somebody",
        "resource_type": "dataset",
        "resource_id": "64c0000000000000000000d1",
        "user_name": "Some Body",
        "screen": "1920x1080",
        "session": "f3a1",
        "visitor": "9d2c41",
        "language": "en-US",
        "country": "US",
        "device": "desktop",
        **browser,
    }
    (id_,) = new_ids(1, now)
    user = "64a0000000000000000000a1"
    return Event(id=id_, source="try", type="traffic.page_view", time=now, received=now, data=data, user=user)


def _preview(worker: Worker[Any], wanted: Sequence[str]) -> tuple[list[Mapping[str, Any]], str]:
    """What would be sent for the samples, by a worker that can tell that; or why it cannot."""
    events = [*samples(), page_view()]
    try:
        told = iter(worker.preview([event for event in events if matches(event.type, wanted)]))
        found = [
            next(told)
            if matches(event.type, wanted)
            else {"event": event.type, "not_sent": "it is not among the types"}
            for event in events
        ]
    except StopIteration:  # it has told nothing
        return [], ""
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it
        return [], f": {sentence(error).rstrip('.')}"
    return [hidden(each) for each in found], ""


def _print_sent(sent: Sequence[Mapping[str, Any]]) -> None:
    """What is sent as a table: a line a field."""
    if not sent:
        return
    table = new_table("event", "field", "value")
    for each in sent:
        rows = [*_flat({name: value for name, value in each.items() if name != "event"})]
        for number, (name, value) in enumerate(rows):
            table.add_row("" if number else plain(each.get("event", "")), plain(name), plain(value))
    output().print(table)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each value of a tree with the way to it, as `fields.event_properties.bytes`."""
    if isinstance(value, Mapping):
        for part, item in value.items():
            yield from _flat(item, f"{name}.{part}" if name else str(part))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _flat(item, f"{name}[{number}]")
    else:
        yield name, value


def _named(worker: str) -> str:
    """A worker as the command line names it: a file that is there is meant, whoever wrote it."""
    return str(Path(worker).absolute()) if worker.endswith(".py") and Path(worker).is_file() else worker


async def _deliver(worker: Worker[Any], events: Sequence[Event]) -> Outcome:
    try:
        await _as_the_sink_does(worker, events)
    except TryLater as error:
        return Outcome("try later", hide_secrets(error.reason))
    except Refused as error:
        return Outcome("refused", hide_secrets(error.reason))
    except TimeoutError:
        return Outcome("try later", f"No answer within {worker.timeout:g} seconds.")
    except Exception as error:  # noqa: BLE001 - a bug of the worker, which its author wants to see
        return Outcome("failed", hide_secrets(why(error)), hide_secrets(traceback.format_exc()))
    return Outcome("delivered")


async def _as_the_sink_does(worker: Worker[Any], events: Sequence[Event]) -> None:
    try:
        async with asyncio.timeout(worker.timeout):
            await worker.open()
            await worker.deliver(events)
    finally:
        await worker.close()


def _print(name: str, outcome: Outcome, count: str) -> None:
    if outcome.traceback:
        note(outcome.traceback.rstrip())
    meaning = {
        "delivered": ("green", f"{name} delivered {count}."),
        "shown": ("green", outcome.reason or f"{name} has sent nothing."),
        "try later": (
            "yellow",
            f"{name} says try later: {outcome.reason} The sink would keep the events and try again.",
        ),
        "refused": ("red", f"{name} refused the events: {outcome.reason} The sink would make them dead letters."),
        "failed": ("red", f"{name} failed by a bug: {outcome.reason}. The sink would try three times, then give up."),
    }
    style, text = meaning[outcome.outcome]
    typer.secho(plain(text), fg=style, err=outcome.outcome not in {"delivered", "shown"})


def _values(options: list[str]) -> dict[str, Any]:
    """`name=value` of each; a value that is a JSON array or object is read as one."""
    values: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{option!r} is no option: write it as name=value.", param_hint="--options")
        values[name.strip()] = _value(name, value)
    return values


def _value(name: str, text: str) -> Any:
    if not text.startswith(("[", "{")):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"The value of {name} is not JSON: {error}.", param_hint="--options") from None
