"""Puts the rooms together: which exchange, which workers, which front door, in one process; and takes them down."""

import asyncio
import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from rich.console import Console

from eventsink import demo as demo_life
from eventsink import logs
from eventsink.collect.app import App
from eventsink.collect.desk import Desk
from eventsink.collect.metrics import Metrics
from eventsink.deliver import loading
from eventsink.deliver.runner import Runner
from eventsink.deliver.worker import Worker
from eventsink.deliver.workers.store import Options as StoreOptions
from eventsink.deliver.workers.store import StoreWorker
from eventsink.errors import EventSinkError, SettingsError
from eventsink.exchange.embedded import EmbeddedExchange
from eventsink.keys import KeyFile, NewKey
from eventsink.look.pages import pages
from eventsink.settings import Settings
from eventsink.store import Store

__all__ = ["up"]

_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not listened on
DRAIN = 20.0  # seconds that workers have to finish the batch in hand

_log = structlog.get_logger(__name__)


def up(settings: Settings, *, demo: bool = False) -> None:
    """Run everything in this process on the embedded exchange, until SIGTERM or SIGINT.

    Args:
        settings: all of them.
        demo: first play a month of Clowder life, then go on with a trickle.

    Raises:
        EventSinkError: it cannot start; a sentence says why.
    """
    logs.configure()
    uvloop.run(_up(settings, demo=demo))


def _calm_collector() -> None:
    """Have the garbage collector look less often, and never again at what start-up made.

    Events are many small objects without cycles; with its defaults the collector took a quarter of the time under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _up(settings: Settings, *, demo: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    workers = {name: loading.load(name, section) for name, section in settings.workers.items() if name != "store"}
    _make_private(settings.directory)
    async with contextlib.AsyncExitStack() as stack:
        exchange = await EmbeddedExchange.open(settings.exchange_path, settings.exchange.max_bytes)
        stack.push_async_callback(exchange.close)
        keys = KeyFile(settings.keys_path)
        stack.callback(keys.close)
        store_worker = await _store_worker(settings)
        stack.push_async_callback(store_worker.close)
        metrics = Metrics()
        runners = await _runners({"store": store_worker, **workers}, exchange, metrics)
        desk = Desk(settings, exchange, keys, store_worker.store, metrics, lambda: {r.name: r.state for r in runners})
        app = App(desk, pages(desk.settings))
        first = _first_keys(keys)
        running = [asyncio.create_task(runner.run(), name=runner.name) for runner in runners]
        stack.push_async_callback(_drain, runners, running)
        url = await stack.enter_async_context(_serving(app, settings))
        local = keys.create_ephemeral(("admin", "ingest", "read"), name="this machine, while running")
        visitor = keys.create_ephemeral(("read",), name="dashboard link, while running")
        stack.enter_context(_announced(settings.directory / "running.json", url, local))
        console = Console(highlight=False, soft_wrap=True)
        data = "" if settings.data == Settings().data else f" --data {settings.data}"
        _banner(console, _where(settings, url, visitor, desk), first, _curl(url, first), data)
        _calm_collector()
        if demo:
            playing = asyncio.create_task(_play(exchange, stop))
            stack.callback(playing.cancel)
        await stop.wait()
        _log.info("up.stopping")
    gc.unfreeze()  # so that libraries find their objects gone when the interpreter ends


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The data directory {directory} cannot be made: {error.strerror}.") from error


async def _store_worker(settings: Settings) -> StoreWorker:
    options = StoreOptions(str(settings.store_path), settings.store.memory, settings.store.keep_months)
    worker = StoreWorker(options)
    worker.store = await Store.open(settings.store_path, memory=options.memory, keep_months=options.keep_months)
    return worker


async def _runners(workers: dict[str, Worker[Any]], exchange: EmbeddedExchange, metrics: Metrics) -> list[Runner]:
    runners = [Runner(name, worker, await exchange.queue(name), metrics) for name, worker in workers.items()]
    for name, account in (await exchange.accounts()).items():
        if name not in workers and account.waiting:
            _log.warning("up.queue_without_worker", queue=name, waiting=account.waiting)
    return runners


async def _drain(runners: list[Runner], running: list["asyncio.Task[None]"]) -> None:
    for runner in runners:
        runner.stop()
    _, late = await asyncio.wait(running, timeout=DRAIN)
    for task in late:
        _log.warning("up.worker_cut_off", worker=task.get_name())
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, Exception):
            _log.error("up.worker_ended", exc_info=outcome)


@contextlib.asynccontextmanager
async def _serving(app: App, settings: Settings) -> AsyncIterator[str]:
    """Serve the application while in the context; gives its address."""
    host, port = settings.collect.host, _free_port(settings.collect.host, settings.collect.port)
    server = Server(
        app, address=host, port=port, interface=Interfaces.ASGI, backlog=1024, log_enabled=False, websockets=False
    )
    serving = asyncio.create_task(server.serve())
    try:
        await _answering(host, port, serving)
        yield f"http://{'127.0.0.1' if host in _EVERYWHERE else host}:{port}"
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait([serving], timeout=5)


def _free_port(host: str, port: int) -> int:
    """The port to listen on; says so when it is taken, before anything else is started."""
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Give another --port, or end what uses it."
        ) from error


async def _answering(host: str, port: int, serving: "asyncio.Task[None]") -> None:
    while True:
        if serving.done():
            raise EventSinkError(f"The HTTP server did not start on {host}:{port}: {serving.exception()}.")
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return


@contextlib.contextmanager
def _announced(path: Path, url: str, key: NewKey) -> Any:
    """A file that lets the commands of this user on this machine find the running sink, without asking for a key."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"url": url, "key": key.key, "pid": os.getpid()}, file)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _first_keys(keys: KeyFile) -> list[NewKey]:
    if keys.list():
        return []
    return [keys.create(("admin",), name="first admin key"), keys.create(("ingest",), name="first ingest key")]


def _banner(console: Console, where: dict[str, str], first: list[NewKey], curl: str, data: str) -> None:
    """What runs where, and what to do next."""
    console.print("\n[bold]Clowder event sink[/bold]\n")
    for name, place in where.items():
        console.print(f"  {name:<11} {place}", markup=False)
    console.print()
    for key in first:
        console.print(f"  {'/'.join(key.scopes) + ' key':<11} {key.key}", markup=False)
    command = _command()
    if first:
        console.print(f"\nThe keys are shown this once. `{command} keys create{data}` makes others.", markup=False)
    console.print(f"Send an event, then see it with `{command} events{data}`:\n", markup=False)
    console.print(f"  {curl}\n", markup=False)
    console.file.flush()


def _where(settings: Settings, url: str, visitor: NewKey, desk: Desk) -> dict[str, str]:
    return {
        "address": url,
        "dashboard": f"{url}/#key={visitor.key}",
        "API": f"{url}/docs",
        "data": str(settings.directory.resolve()),
        "exchange": f"embedded, {settings.exchange_path}",
        "workers": ", ".join(desk.states()),
    }


def _curl(url: str, first: list[NewKey]) -> str:
    secret = next((key.key for key in first if "ingest" in key.scopes), "$EVENTSINK_KEY")
    body = '{"type": "users.login", "user": "alice", "data": {"method": "userpass"}}'
    return f"""curl {url}/v1/events -H "X-API-Key: {secret}" -H 'Content-Type: application/json' -d '{body}'"""


def _command() -> str:
    """How this user calls the command: by its name if the shell finds it, else by its path."""
    if shutil.which("eventsink"):
        return "eventsink"
    path = Path(sys.argv[0])
    near = path.is_relative_to(Path.cwd()) if path.is_absolute() else True
    return str(path.relative_to(Path.cwd()) if near and path.is_absolute() else path)


async def _play(exchange: EmbeddedExchange, stop: asyncio.Event) -> None:
    """The demonstration: a month at once, then a trickle."""
    count = 0
    for batch in demo_life.month(seed=1, end=datetime.now(UTC)):
        await exchange.publish(batch)
        count += len(batch)
        await asyncio.sleep(0)
    _log.info("demo.played", events=count)
    for event in demo_life.live(seed=1):
        await exchange.publish([event])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)
