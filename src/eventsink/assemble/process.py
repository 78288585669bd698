"""One process: what runs in it, from its start to its end."""

import asyncio
import contextlib
import dataclasses
import gc
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
import uvloop

from eventsink import logs
from eventsink.assemble import banner, data_directory
from eventsink.assemble.alerting import alerting, check_alerts
from eventsink.assemble.checking import check_places
from eventsink.assemble.exchanges import Opened, destinations, open_exchange
from eventsink.assemble.extracting import announcing, extracting
from eventsink.assemble.forgetting import forgetting
from eventsink.assemble.monitoring import monitoring, online, planned, posting
from eventsink.assemble.own_state import canaries_of, watching_monitor, watching_workers
from eventsink.assemble.playing import play
from eventsink.assemble.public import said_by
from eventsink.assemble.serving import announced, serving
from eventsink.assemble.telling import ANSWER_WITHIN, telling
from eventsink.assemble.tracing import tracing
from eventsink.client.sink import Sink
from eventsink.collect.app import App
from eventsink.collect.desk import Desk
from eventsink.collect.metrics import DeliveryMetrics, Metrics
from eventsink.deliver import loading
from eventsink.deliver.runner import Runner
from eventsink.deliver.worker import Worker
from eventsink.deliver.workers.store import Options as StoreOptions
from eventsink.deliver.workers.store import StoreWorker
from eventsink.errors import SettingsError
from eventsink.exchange.canary import Canary, latest
from eventsink.exchange.contract import Exchange
from eventsink.keyring import Keyring
from eventsink.keys import KeyFile
from eventsink.look.counter import CounterReports
from eventsink.look.counter.chosen import check_counter
from eventsink.look.numbers.configured import numbers_desk
from eventsink.look.pages import pages
from eventsink.look.status.routes import status_routes
from eventsink.settings import Settings
from eventsink.store.machine import memory_for_store, threads_for_store
from eventsink.store.uptime import UptimeBook
from eventsink.traces import Traces
from eventsink.watch.alerts.desk import AlertDesk
from eventsink.watch.loading import Planned

if TYPE_CHECKING:
    from eventsink.extractors import Extractors

__all__ = ["api", "monitor", "serve", "up", "work"]

DRAIN = 20.0  # seconds that workers have to finish the batch in hand
# Containers that are made before the youngest of them are looked at, and how often before the older ones are: a look at
# some million values of one large request takes a tenth of a second in which nobody else has a turn.
COLLECT_AFTER = (50_000, 200, 100)
UMASK = 0o077  # what names people is for this user alone: also files that libraries make beside ours

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Parts:
    """What a process has.

    Args:
        door: the HTTP API.
        store: the store with its worker, the pages, and the accounts of all workers.
        workers: the destinations that it delivers to.
        checks: whether it runs the checks.
    """

    door: bool = False
    store: bool = False
    workers: Sequence[str] = ()
    checks: bool = False
    demo: bool = False

    @property
    def name(self) -> str:
        """Of such a process, as the command that starts it."""
        if not self.door:
            return "worker"
        return "up" if self.checks else "serve" if self.store else "api"


def up(settings: Settings, *, demo: bool = False) -> None:
    """Run everything in this process until SIGTERM or SIGINT: API, store, pages, all destinations and checks.

    Args:
        settings: all of them.
        demo: first play a month of Clowder life, then go on with a trickle.

    Raises:
        EventSinkError: it cannot start; a sentence says why.
    """
    _start(settings, _Parts(door=True, store=True, workers=[*settings.workers], checks=True, demo=demo))


def serve(settings: Settings) -> None:
    """Run API, store and pages, and keep the accounts of all workers, which run in processes of their own.

    Raises:
        EventSinkError: it cannot start; a sentence says why.
    """
    _start(settings, _Parts(door=True, store=True))


def api(settings: Settings) -> None:
    """Run the HTTP API alone. There may be any number of these.

    Raises:
        EventSinkError: it cannot start; a sentence says why.
    """
    _need_rabbitmq(settings, "An API of its own")
    _start(settings, _Parts(door=True))


def work(settings: Settings, names: Sequence[str]) -> None:
    """Deliver to destinations. There may be any number of these; those of one name share its queue.

    Raises:
        EventSinkError: it cannot start; a sentence says why.
    """
    _need_rabbitmq(settings, "A worker of its own")
    for name in names:
        if name == "store":
            raise SettingsError("The store is delivered to by `eventsink serve`, which alone may open its files.")
        if name not in settings.workers:
            known = ", ".join(settings.workers) or "none"
            raise SettingsError(f"There is no section [workers.{name}] in the settings; there is {known}.")
    _start(settings, _Parts(workers=list(dict.fromkeys(names))))


def monitor(settings: Settings) -> None:
    """Run the checks, and post what they find to the sink that the settings name.

    Raises:
        EventSinkError: it cannot start; a sentence says why.
    """
    if not settings.checks:
        raise SettingsError("There is no check: `eventsink init-checks https://clowder.example.org` writes some.")
    check_places(settings)  # what is wrong is said before anything is made
    checks = planned(settings)
    online(settings)
    logs.configure()
    before = os.umask(UMASK)
    try:
        uvloop.run(_watch(settings, checks))
    finally:
        os.umask(before)


async def _watch(settings: Settings, checks: Sequence[Planned]) -> None:
    stop = _stop_on_signals()
    data_directory.prepare(settings)
    async with (
        posting(settings) as posted,
        monitoring(settings, checks, posted) as monitor,
        watching_monitor(settings.telemetry, posted, monitor),
    ):
        await stop.wait()
        _log.info("process.stopping")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _need_rabbitmq(settings: Settings, what: str) -> None:
    if not settings.exchange.on_rabbitmq:
        raise SettingsError(
            f"{what} needs RabbitMQ: set exchange.url to amqp://user:password@host/vhost. Without it `eventsink up`"
            " runs everything in one process."
        )


def _start(settings: Settings, parts: _Parts) -> None:
    logs.configure()
    before = os.umask(UMASK)
    try:
        uvloop.run(_run(settings, parts))
    finally:
        os.umask(before)


def _check(settings: Settings, parts: _Parts) -> None:
    """Find what is wrong in the settings before anything is made: it stops the start."""
    check_places(settings)
    if parts.checks:
        planned(settings)
        online(settings)
    if parts.store:
        check_alerts(settings)
        check_counter(settings.counter)


async def _run(settings: Settings, parts: _Parts) -> None:
    stop = _stop_on_signals()
    _check(settings, parts)
    sections = {name: settings.workers[name] for name in parts.workers if name != "store"}
    workers = {name: loading.load(name, section) for name, section in sections.items()}
    types = {name: loading.types(name, section) for name, section in sections.items()}
    if parts.door:
        data_directory.prepare(settings)
    async with contextlib.AsyncExitStack() as stack:
        opened = await open_exchange(settings, keeper=parts.store, spool=parts.door)
        stack.push_async_callback(opened.exchange.close)
        store = await _open_store(settings, stack) if parts.store else None
        metrics = Metrics(settings.telemetry.every) if parts.door else DeliveryMetrics()
        traces = await stack.enter_async_context(tracing(settings.telemetry, parts.name))
        all_workers: dict[str, Worker[Any]] = {"store": store, **workers} if store else workers
        runners = await _runners(all_workers, types, opened.exchange, metrics, traces)
        if not settings.exchange.on_rabbitmq:
            await _warn_of_orphans(opened.exchange, [runner.name for runner in runners])
        opened.announce(lambda: {runner.name: runner.state for runner in runners}, lambda: canaries_of(runners))
        extractors = await stack.enter_async_context(extracting(settings, opened.exchange)) if parts.store else None
        uptime = UptimeBook(store.store) if store and store.store else None
        known = _Known(opened, store, runners, extractors, uptime, traces)
        if store and store.store and uptime:
            watching = alerting(settings, opened, store.store, uptime, known.states)
            known = dataclasses.replace(known, alerts=await stack.enter_async_context(watching))
        door = await _prepare_door(settings, known, metrics, stack) if isinstance(metrics, Metrics) else None
        running = [asyncio.create_task(runner.run(), name=runner.name) for runner in runners]
        stack.push_async_callback(_drain, runners, running)
        if uptime:  # after the drain is announced: it ends before the store is closed
            await stack.enter_async_context(_keeping(uptime))
        await stack.enter_async_context(announcing(settings, [runner.name for runner in runners]))
        if door:
            local = await stack.enter_async_context(door(main=parts.store))
            if parts.checks and (settings.checks or settings.monitor_states_path.exists()):
                checks = planned(settings, local.url, local.key)
                await stack.enter_async_context(monitoring(settings, checks, opened.exchange.publish))
            if parts.demo:
                playing = asyncio.create_task(play(opened.exchange, stop))
                stack.callback(playing.cancel)
        else:
            await stack.enter_async_context(watching_workers(settings.telemetry, opened.exchange, runners, metrics))
            _log.info("worker.running", workers=[*workers], exchange=opened.where)
        _calm_collector()
        await stop.wait()
        _log.info("process.stopping")
    _leave(store)
    gc.unfreeze()  # so that libraries find their objects gone when the interpreter ends


def _leave(store: StoreWorker | None) -> None:
    """End at once where a query of somebody does not: all is written, and its thread would be waited for for ever."""
    if store and store.stuck:
        logging.shutdown()
        os._exit(0)


@dataclass(frozen=True)
class _Known:
    """What the front door shows."""

    opened: Opened
    store: StoreWorker | None
    runners: list[Runner]
    extractors: "Extractors | None"
    uptime: UptimeBook | None
    traces: Traces | None
    alerts: AlertDesk | None = None

    def states(self) -> dict[str, str]:
        """What each worker is doing, by name."""
        return {**self.opened.states(), **{runner.name: runner.state for runner in self.runners}}

    def canaries(self) -> dict[str, Canary]:
        """The last canary that each worker has delivered, by name."""
        return latest(self.opened.canaries(), canaries_of(self.runners))


@dataclass(frozen=True)
class _Local:
    """Where the front door is, and a key for this process itself."""

    url: str
    key: str


async def _prepare_door(
    settings: Settings, known: _Known, metrics: Metrics, stack: contextlib.AsyncExitStack
) -> Callable[..., contextlib.AbstractAsyncContextManager[_Local]]:
    """The front door, to be opened once the workers run."""
    file = KeyFile(settings.keys_path)
    keys = Keyring(file)
    stack.push_async_callback(keys.close)

    store = known.store.store if known.store else None
    desk = Desk(
        settings,
        known.opened.exchange,
        keys,
        store,
        metrics,
        known.states,
        known.canaries,
        {"store": [], **{name: loading.asked(name, section) for name, section in settings.workers.items()}},
        lambda: [*known.opened.concerns(), *keys.concerns()],
        extractors=known.extractors,
        uptime=known.uptime,
        alerts=known.alerts,
        counter=CounterReports(store, settings.counter) if store else None,
        numbers=numbers_desk(settings, store) if store else None,
        destinations=destinations(settings),
        traces=known.traces,
    )
    stack.push_async_callback(desk.outlook.close)
    await stack.enter_async_context(forgetting(settings.directory))
    said = said_by(settings, known.alerts.book) if known.alerts else None
    status = status_routes(known.uptime, said) if known.uptime and said else ()
    app = App(desk, pages(settings, status) if store else ())

    @contextlib.asynccontextmanager
    async def door(*, main: bool) -> AsyncIterator[_Local]:
        async with serving(app, settings) as url:
            local = keys.create_ephemeral(("admin", "ingest", "read"), name="this machine, while running")
            visitor = keys.create_ephemeral(("read",), name="dashboard link, while running") if main else None
            place = banner.Place(url, known.opened.where, [runner.name for runner in known.runners], visitor)
            with announced(settings.directory / "running.json", url, local) if main else contextlib.nullcontext():
                await asyncio.to_thread(
                    banner.show, settings, place, file
                )  # not before it listens: keys of a start that fails nobody would see
                every = settings.telemetry.every if main else 0.0
                async with telling(every, Sink(url, local.key, timeout=ANSWER_WITHIN), metrics):
                    yield _Local(url, local.key)

    return door


@contextlib.asynccontextmanager
async def _keeping(uptime: UptimeBook) -> AsyncIterator[None]:
    task = asyncio.create_task(uptime.keep(), name="uptime")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await uptime.close()


def _calm_collector() -> None:
    """Have the garbage collector look less often, and never again at what start-up made.

    Events are many small objects without cycles; with its defaults the collector took a quarter of the time under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def _open_store(settings: Settings, stack: contextlib.AsyncExitStack) -> StoreWorker:
    memory = memory_for_store(settings.store.memory)
    threads = threads_for_store(settings.store.threads, memory)
    options = StoreOptions(str(settings.store_path), memory, settings.store.keep_months, threads)
    worker = StoreWorker(options)
    await worker.open_store()
    stack.push_async_callback(worker.close)
    return worker


async def _runners(
    workers: dict[str, Worker[Any]],
    types: dict[str, list[str]],
    exchange: Exchange,
    metrics: DeliveryMetrics,
    traces: Traces | None,
) -> list[Runner]:
    runners = []
    for name, worker in workers.items():
        wanted = types.get(name, [])
        queue = await exchange.queue(name, wanted)
        runners.append(Runner(name, worker, queue, metrics, types=wanted, traces=traces))
    return runners


async def _warn_of_orphans(exchange: Exchange, names: Sequence[str]) -> None:
    for name, account in (await exchange.accounts()).items():
        if name not in names and account.waiting:
            _log.warning("up.queue_without_worker", queue=name, waiting=account.waiting)


async def _drain(runners: list[Runner], running: list["asyncio.Task[None]"]) -> None:
    for runner in runners:
        runner.stop()
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=DRAIN)
    for task in late:
        _log.warning("process.worker_cut_off", worker=task.get_name())
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, Exception):
            _log.error("process.worker_ended", exc_info=outcome)
