"""`eventsink doctor`: is everything well configured and reachable."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from eventsink.assemble import data_directory
from eventsink.assemble.exchanges import REMEDY
from eventsink.causes import why
from eventsink.cli.canary import examine_canary
from eventsink.cli.finding import Finding
from eventsink.cli.locate import connect
from eventsink.cli.options import Form, Format, Key, Url, configured, new_app
from eventsink.cli.screen import new_table, output, plain, print_json, size
from eventsink.cli.status import concerns
from eventsink.client.sink import Sink
from eventsink.deliver import loading
from eventsink.deliver.dead_letters import sentence
from eventsink.deliver.worker import Worker
from eventsink.errors import EventSinkError, SettingsError, TryLater
from eventsink.exchange.inherited import left_behind
from eventsink.redact import hide_secrets
from eventsink.settings import Settings
from eventsink.trust import doubt

ROOM = 1 << 30  # bytes that should be free on the disk
ANSWER_WITHIN = 10.0  # seconds that a destination has to answer

app = new_app()


@app.command()
@configured
def doctor(
    settings: Settings,
    format: Format = Form.table,  # noqa: A002
    url: Url = None,
    key: Key = None,
    fix: Annotated[bool, typer.Option("--fix", help="Set RabbitMQ's policies first, by its management API.")] = False,
) -> None:
    """Check that everything is well configured and reachable. Exit code 1 if anything is not."""
    if fix:
        _fix(settings)
    findings = list(examine(settings, url, key))
    if format is Form.json:
        for finding in findings:
            print_json(finding)
    else:
        _print_table(findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def examine(settings: Settings, url: str | None = None, key: str | None = None) -> Iterator[Finding]:
    """Everything that can be checked from here, one after the other."""
    if not settings.directory.is_absolute() and (reason := doubt(settings.directory)):
        remedy = f"If you trust it, name it with --data {settings.directory}."
        yield Finding("data directory", False, f"{settings.directory} is not looked at: {reason}", remedy)
        return
    yield _directory(settings.directory)
    yield _room(settings.directory)
    if settings.exchange.on_rabbitmq:
        yield from _rabbitmq(settings)
    else:
        yield _database("exchange", settings.exchange_path)
    yield _database("keys", settings.keys_path)
    yield _secrecy(settings.keys_path)
    yield _privacy(settings)
    for path, events in left_behind(settings.directory):
        yield Finding("spool left behind", False, f"{path}: {events:,} events wait, no process has them", REMEDY)
    yield _store(settings.store_path)
    if settings.extractors is not None:
        yield _extractors(settings.extractors_url, settings.extractors.reply_queue)
    for name, section in settings.workers.items():
        yield _worker(name, section)
    with connect(settings, url, key) as sink:
        yield from _sink(sink)


def _fix(settings: Settings) -> None:
    if not settings.exchange.on_rabbitmq:
        raise SettingsError("There is nothing to fix: --fix sets policies of RabbitMQ, and exchange.url names none.")
    from eventsink.amqp import Address, Management  # noqa: PLC0415 - needs RabbitMQ's client, which else is not needed
    from eventsink.exchange.rabbitmq import checkup  # noqa: PLC0415

    checkup.set_policies(Management(Address.parse(settings.exchange.url), settings.exchange.management))


def _rabbitmq(settings: Settings) -> Iterator[Finding]:
    from eventsink.amqp import Address, Management  # noqa: PLC0415 - needs RabbitMQ's client, which else is not needed
    from eventsink.exchange.rabbitmq import checkup  # noqa: PLC0415

    address = Address.parse(settings.exchange.url)
    workers = ["store", *settings.workers]
    points = asyncio.run(checkup.ask_broker(address, settings.exchange.name, workers))
    points += checkup.ask_management(Management(address, settings.exchange.management), workers)
    for point in points:
        yield Finding(point.what, point.well, point.found, point.remedy)


def _extractors(url: str, reply_queue: str) -> Finding:
    from eventsink.amqp import Address  # noqa: PLC0415 - needs RabbitMQ's client, which else is not needed
    from eventsink.exchange.rabbitmq import checkup  # noqa: PLC0415

    point = asyncio.run(checkup.ask_replies(Address.parse(url), reply_queue))
    return Finding(point.what, point.well, point.found, point.remedy)


def _directory(directory: Path) -> Finding:
    place = _existing(directory)
    if not os.access(place, os.W_OK | os.X_OK):
        remedy = f"Let this user write to it (chown, chmod), or name another directory with --data: {place}."
        return Finding("data directory", False, f"{place} cannot be written", remedy)
    found = str(directory) if place == directory else f"{directory} is made at the start"
    return Finding("data directory", True, found)


def _room(directory: Path) -> Finding:
    free = shutil.disk_usage(_existing(directory)).free
    remedy = "" if free >= ROOM else "Free some space: a full disk stops the sink from accepting events."
    return Finding("disk space", free >= ROOM, f"{size(free)} free", remedy)


def _database(name: str, path: Path) -> Finding:
    if not path.exists():
        return Finding(name, True, f"{path} is made at the start")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        remedy = f"Look at {path}: is it this user's file, and on a disk that is well? The next start sets it aside."
        return Finding(name, False, f"{path} cannot be read: {why(error)}", remedy)
    return Finding(name, True, f"{path}, {size(path.stat().st_size)}")


def _secrecy(path: Path) -> Finding:
    others = path.exists() and path.stat().st_mode & 0o077
    remedy = f"chmod 600 {path}" if others else ""
    return Finding("secrecy of keys", not others, "other users can read them" if others else "only this user", remedy)


def _privacy(settings: Settings) -> Finding:
    open_ = data_directory.open_to_others(settings)
    if not open_:
        return Finding("secrecy of data", True, "only this user")
    some = ", ".join(str(exposed.path) for exposed in open_[:3]) + (", …" if open_[3:] else "")
    return Finding("secrecy of data", False, f"others can get at {len(open_)}: {some}", open_[0].remedy)


def _store(path: Path) -> Finding:
    if not path.exists():
        return Finding("store", True, f"{path} is made at the start")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Finding("store", False, f"{path} cannot be written", "Let this user write to it (chown, chmod).")
    total = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return Finding("store", True, f"{path}, {size(total)}")


def _worker(name: str, section: dict[str, object]) -> Finding:
    try:
        worker = loading.load(name, section)
        loading.types(name, section)
    except EventSinkError as error:
        return Finding(f"worker {name}", False, str(error), f"Mend [workers.{name}] in the settings.")
    try:
        asyncio.run(_open_and_close(worker))
    except TryLater as error:
        return Finding(
            f"worker {name}",
            False,
            hide_secrets(error.reason),
            "Its events wait, and are delivered when this is mended.",
        )
    except Exception as error:  # noqa: BLE001 - a stranger's worker may fail in any way
        return Finding(f"worker {name}", False, sentence(error), f"Mend [workers.{name}], or the worker itself.")
    answers = "its destination answers" if worker.open_asks else "whether its destination answers shows the first event"
    return Finding(f"worker {name}", True, f"its options are right, and {answers}")


async def _open_and_close(worker: Worker[Any]) -> None:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await worker.open()
    except TimeoutError:
        raise TryLater(f"No answer within {ANSWER_WITHIN:g} seconds.") from None
    finally:
        await worker.close()


def _sink(sink: Sink) -> Iterator[Finding]:
    try:
        sink.get("/healthz")
        yield Finding("running sink", True, sink.where)
        sink.get("/readyz")
        yield Finding("ready for events", True, "yes")
    except EventSinkError as error:
        yield Finding("running sink", False, str(error), "Start one with `eventsink up`, or look at its log.")
        return
    try:
        status = sink.get("/v1/status")
    except EventSinkError as error:
        remedy = "Give a key with the scope read: `eventsink keys create --scope read` makes one."
        yield Finding("status", False, str(error), remedy)
        return
    needs = concerns(status)
    for need in needs:
        yield Finding("status", False, need, "See `eventsink status`.")
    if not needs:
        yield Finding("status", True, "no worker is paused, late or has dead letters")
    if status.get("store"):
        yield _answers(sink)
    yield from examine_canary(sink, status)


def _answers(sink: Sink) -> Finding:
    """Whether questions can be answered: one that no event meets goes through every file of the store."""
    try:
        sink.get("/v1/events", type="eventsink.doctor", limit=1)
    except EventSinkError as error:
        return Finding("questions", False, str(error), "The remedy stands in the sentence; the log has more.")
    return Finding("questions", True, "the store answers, from all its files")


def _existing(path: Path) -> Path:
    """The path, or the nearest directory above it that is there."""
    return path if path.exists() else _existing(path.absolute().parent)


def _print_table(findings: list[Finding]) -> None:
    table = new_table("Check", "", "Found", "What to do")
    for finding in findings:
        mark = Text("ok", style="green") if finding.ok else Text("no", style="bold red")
        table.add_row(finding.check, mark, plain(finding.found), plain(finding.remedy))
    output().print(table)
