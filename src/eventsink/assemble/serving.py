"""The HTTP server in our process: where it listens, and how the commands of this machine find it."""

import asyncio
import contextlib
import json
import os
import resource
import secrets
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from eventsink.assemble.listening import cannot_listen
from eventsink.collect.app import App
from eventsink.collect.intake_route import Receive, Send
from eventsink.errors import EventSinkError
from eventsink.keys import NewKey
from eventsink.settings import Settings

__all__ = ["announced", "serving"]

HEADERS = 64 << 10  # bytes that one connection may have us keep before its request is whole
STARTS_WITHIN = 60.0  # seconds; a machine may be busy
ANSWERS_WITHIN = 10.0  # seconds that one attempt to reach ourselves may take
UNREAD = 30.0  # seconds in which who is sent something takes none of it
SENT_AHEAD = 128 << 10  # bytes that the system keeps for one who does not read yet
SILENT = 15.0  # seconds that a connection may say nothing, or not all of its headers
MOST_CONNECTIONS = 4096
BACKLOG = 1024  # that wait to be accepted
FILES = 512  # that the rest of the process may open


@contextlib.asynccontextmanager
async def serving(app: App, settings: Settings) -> AsyncIterator[str]:
    """Serve the application while in the context; gives its address."""
    host, port = settings.collect.host, _free_port(settings.collect.host, settings.collect.port)
    door = _Known(app)
    server = Server(
        door,
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
        await _answering(host, port, serving, door)
        _bound_sending(port)
        yield msgspec.structs.replace(settings.collect, port=port).address
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
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise cannot_listen(error, host, port, of_port="--port", of_host="--host (collect.host)") from error


class _Known:
    """The application, which answers one question that nobody else can.

    Another user of this machine may have taken the port meanwhile, and would get keys and events.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.path, self.answer = f"/{secrets.token_hex(16)}", secrets.token_hex(16).encode()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        if scope["path"] != self.path:
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.answer})


async def _answering(host: str, port: int, serving: "asyncio.Task[None]", door: _Known) -> None:
    """Wait until it is this process that answers, for so long at most.

    Raises:
        EventSinkError: nothing answers there, or something else.
    """
    try:
        async with asyncio.timeout(STARTS_WITHIN):
            await _answers(host, port, serving, door)
    except TimeoutError:
        raise EventSinkError(
            f"The HTTP server did not answer on {host}:{port} within {STARTS_WITHIN:g} seconds. See what listens there"
            " (`ss -ltnp`) and end it, or give another --port."
        ) from None


async def _answers(host: str, port: int, serving: "asyncio.Task[None]", door: _Known) -> None:
    while True:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                found = await _asked(host, port, door.path)
        except (OSError, TimeoutError):
            found = None
        if serving.done():
            raise EventSinkError(f"The HTTP server did not start on {host}:{port}: {serving.exception()}.")
        if found is None:
            await asyncio.sleep(0.01)
        elif door.answer in found:
            return
        else:
            raise EventSinkError(f"Another program answers on {host}:{port}. Give another --port, or end it.")


async def _asked(host: str, port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return await reader.read(4096)
    finally:
        writer.close()


def _bound_sending(port: int) -> None:
    """Have the system close a connection on which nothing that was sent is taken for a while.

    The server has no time limit for that, and hands out no socket; those that it accepts are like the one that listens.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux alone has it
        return
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the descriptor of this very look is closed again
            if stat.S_ISSOCK(os.fstat(int(entry.name)).st_mode):
                with socket.socket(fileno=os.dup(int(entry.name))) as found:
                    if _listens_on(found, port):
                        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * UNREAD))
                        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_AHEAD)


def _listens_on(found: socket.socket, port: int) -> bool:
    if found.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) and found.getsockname()[1] == port


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
