"""The monitor in a process: what it runs, and how its results get to the sink."""

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import quote

import structlog

from eventsink.client.sink import Refusal, Sink
from eventsink.durable import Codec, Spooler, SpoolFile
from eventsink.errors import EventSinkError, ExchangeUnavailable, SettingsError
from eventsink.event import Event, decode_lines, encode
from eventsink.files import hold
from eventsink.settings import Settings
from eventsink.watch.check import Site
from eventsink.watch.loading import Planned, load
from eventsink.watch.monitor import Keep, Monitor
from eventsink.watch.online import Online
from eventsink.watch.result import Place
from eventsink.watch.states import States

__all__ = ["Posted", "monitoring", "online", "place", "planned", "posting"]

CONNECTIONS = 4
ANSWER_WITHIN = 10.0  # seconds, which the end of the process waits at most
TELL_EVERY = 20.0  # seconds

_log = structlog.get_logger(__name__)


def place(settings: Settings) -> Place:
    """Where the monitor of this machine stands."""
    name = settings.monitor.name or socket.gethostname()
    return Place(settings.monitor.region or name, name)


def planned(settings: Settings, url: str = "", key: str = "", *, keeps: bool = True) -> list[Planned]:
    """All checks of the settings.

    Args:
        url: of the sink, for checks that ask it; by default that of the settings.
        key: for that sink.
        keeps: whether they may keep files in the data directory.

    Raises:
        EventSinkError: one of them cannot be; a sentence names the setting.
    """
    site = Site(sink=url or settings.monitor.url, key=key or settings.monitor.key)
    folder = settings.checks_path if keeps else None
    return [load(name, section, site, folder) for name, section in settings.checks.items()]


def online(settings: Settings) -> Online:
    """Whether the network here is well.

    Raises:
        SettingsError: a reference is no host:port.
    """
    for index, reference in enumerate(settings.monitor.references):
        host, colon, port = reference.rpartition(":")
        if not (host and colon and port.isdecimal() and 0 < int(port) < 1 << 16):
            raise SettingsError(f"monitor.references[{index}] must be host:port, as 192.0.2.1:443.")
    return Online(settings.monitor.references)


@contextlib.asynccontextmanager
async def monitoring(settings: Settings, checks: Sequence[Planned], keep: Keep) -> AsyncIterator[Monitor]:
    """Run checks while in the context.

    Args:
        keep: makes events durable.

    Raises:
        DataDirectoryInUse: another process runs the checks of this data directory.
    """
    path = settings.monitor_states_path
    lock = hold(path.with_suffix(".lock"))  # two of one name would tell each change twice
    monitor = Monitor(checks, place(settings), keep, online(settings), States(path))
    running = asyncio.create_task(monitor.run(), name="monitor")
    try:
        yield monitor
    finally:
        running.cancel()
        for outcome in await asyncio.gather(running, return_exceptions=True):
            if isinstance(outcome, Exception):
                _log.error("monitor.ended", exc_info=outcome)
        os.close(lock)


class Posted:
    """Keeps events until the sink has them. It is what a monitor calls with its results.

    Args:
        spooler: that they wait in.
        post: that it posts with.
    """

    def __init__(self, spooler: Spooler[Event], post: "_Post") -> None:
        self._spooler = spooler
        self._post = post

    async def __call__(self, events: Sequence[Event]) -> None:
        """Make events durable here; they are posted by and by.

        Raises:
            ExchangeUnavailable: the disk takes nothing.
        """
        await self._spooler.publish(events)

    @property
    def waiting(self) -> int:
        """Events that the sink has not taken yet."""
        return self._spooler.file.events

    @property
    def trouble(self) -> str:
        """Why it takes none, as a sentence; empty if it does."""
        return self._post.trouble


@contextlib.asynccontextmanager
async def posting(settings: Settings) -> AsyncIterator[Posted]:
    """Post events to the sink of the settings; those that it does not take now wait on disk.

    Raises:
        SettingsError: no sink is named.
        DataDirectoryInUse: another monitor uses the data directory.
    """
    if not settings.monitor.url:
        raise SettingsError(
            'monitor.url is missing: give the address of the sink, as url = "https://sink.example.org" in [monitor].'
            " `eventsink up` runs checks without one."
        )
    post = _Post(Sink(settings.monitor.url, settings.monitor.key or None, timeout=ANSWER_WITHIN))
    file = SpoolFile(settings.monitor_spool_path, Codec(_pack, _unpack))
    if file.events:
        _log.info("monitor.waiting_results", events=file.events)
    spooler = Spooler(post, file, settings.monitor.max_bytes, first=True)  # no check waits for the sink
    presence = _Presence(settings, post, lambda: file.events)
    telling = asyncio.create_task(presence.tell(), name="monitor-presence")
    try:
        yield Posted(spooler, post)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        await presence.end()
        await spooler.finish()
        await file.close()
        post.close()


class _Post:
    """Posts batches, a few at once."""

    def __init__(self, sink: Sink) -> None:
        # Threads of its own: what hangs in those of the loop, as a disk, must not keep results from the sink.
        self.threads = ThreadPoolExecutor(CONNECTIONS + 1, "posting")
        self._sinks: asyncio.LifoQueue[Sink] = asyncio.LifoQueue()
        self._all = [sink, *(sink.twin() for _ in range(CONNECTIONS - 1))]
        for each in self._all:
            self._sinks.put_nowait(each)
        self.trouble = ""
        """Why the sink took nothing the last time; empty if it did."""

    async def __call__(self, events: Sequence[Event]) -> None:
        """Have the sink accept events.

        Raises:
            ExchangeUnavailable: it does not now.
        """
        sink = await self._sinks.get()
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self.threads, _ask, sink, _pack(events))
            self.trouble = ""
        except ExchangeUnavailable as error:
            self.trouble = str(error)
            raise
        finally:
            self._sinks.put_nowait(sink)
        for refused in answer.get("rejected", ()):
            _log.error("monitor.result_refused", reason=refused.get("message"), index=refused.get("index"))

    def twin(self) -> Sink:
        """Another connection to the same sink, with little patience."""
        return self._all[0].twin(timeout=5.0)

    def close(self) -> None:
        for sink in self._all:
            sink.close()
        self.threads.shutdown(wait=False)


class _Presence:
    """Tells the sink now and then that this monitor runs, and hears whether another one of its name does."""

    def __init__(self, settings: Settings, post: _Post, waiting: Callable[[], int]) -> None:
        where = place(settings)
        self._sink, self._threads = post.twin(), post.threads
        self._path = f"/v1/monitors/{quote(where.monitor, safe='')}"
        self._report = {"instance": uuid.uuid4().hex, "region": where.region, "checks": len(settings.checks)}
        self._waiting = waiting
        self._name = where.monitor
        self._rival = False

    async def tell(self) -> None:
        """Tell it until cancelled. Where the sink does not answer, who posts results says so."""
        while True:
            with contextlib.suppress(EventSinkError):
                report = {**self._report, "waiting": self._waiting()}
                answer = await self._run(partial(self._sink.post, self._path, report))
                rival = bool(answer.get("rival"))
                if rival and not self._rival:
                    remedy = "Give one of the two another monitor.name, or stop it."
                    _log.error("monitor.two_of_a_name", name=self._name, remedy=remedy)
                self._rival = rival
            await asyncio.sleep(TELL_EVERY)

    async def end(self) -> None:
        """Say goodbye, if the sink listens."""
        with contextlib.suppress(EventSinkError):
            await self._run(partial(self._sink.delete, self._path, instance=self._report["instance"]))
        self._sink.close()

    async def _run(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _ask(sink: Sink, lines: bytes) -> dict[str, Any]:
    """Post lines; gives the answer of a sink.

    Raises:
        ExchangeUnavailable: it does not take them now, or what answers there is no sink.
    """
    try:
        answer = sink.post_lines(lines)
    except Refusal as error:
        if error.status in {401, 403}:
            raise ExchangeUnavailable(
                f"{sink.where} refuses monitor.key ({error.status}): `eventsink keys create --scope ingest --scope"
                " read` makes one there. Results wait here meanwhile."
            ) from error
        # Only what a sink has looked at and found broken is never taken: all else may be a proxy, or a wrong address.
        if error.status != 422 or not error.problem.get("rejected"):
            raise ExchangeUnavailable(str(error)) from error
        return dict(error.problem)
    except EventSinkError as error:
        raise ExchangeUnavailable(str(error)) from error
    if not isinstance(answer.get("accepted"), int):
        raise ExchangeUnavailable(f"What answers at {sink.where} is no event sink: see monitor.url.")
    return answer


def _pack(events: Sequence[Event]) -> bytes:
    return b"\n".join([encode(event) for event in events])


def _unpack(packed: bytes) -> list[Event]:
    return decode_lines(packed.split(b"\n"))
