"""The HTTP server in our process: where it listens, and how the commands of this machine find it."""

import asyncio
import contextlib
import json
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from eventsink.collect.app import App
from eventsink.errors import EventSinkError, SettingsError
from eventsink.keys import NewKey
from eventsink.settings import Settings

__all__ = ["announced", "serving"]

HEADERS = 64 << 10  # bytes that one connection may have us keep before its request is whole
SILENT = 15.0  # seconds that a connection may say nothing, or not all of its headers
MOST_CONNECTIONS = 4096
BACKLOG = 1024  # that wait to be accepted
FILES = 512  # that the rest of the process may open

_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not listened on


@contextlib.asynccontextmanager
async def serving(app: App, settings: Settings) -> AsyncIterator[str]:
    """Serve the application while in the context; gives its address."""
    host, port = settings.collect.host, _free_port(settings.collect.host, settings.collect.port)
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,  # who may choose is waited for until he has chosen
        http1_settings=HTTP1Settings(header_read_timeout=int(1000 * SILENT), max_buffer_size=HEADERS),
        backlog=BACKLOG,
        backpressure=_most_connections(),
        log_enabled=False,
        websockets=False,
    )
    serving = asyncio.create_task(server.serve())
    try:
        await _answering(host, port, serving)
        yield f"http://{'127.0.0.1' if host in _EVERYWHERE else host}:{port}"
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait([serving], timeout=5)


def _most_connections() -> int:
    """How many connections are served at once: some files are kept for the data.

    The system's own bound on open files is low for historical reasons, and may be raised by every process.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(min(MOST_CONNECTIONS, soft - FILES), 64)


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
def announced(path: Path, url: str, key: NewKey) -> Iterator[None]:
    """A file that lets the commands of this user on this machine find the running sink, without asking for a key."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"url": url, "key": key.key, "pid": os.getpid()}, file)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
