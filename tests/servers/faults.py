"""Servers that misbehave on purpose, over TCP and TLS, and an authority that signs certificates that are wrong."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

from tests.processes import run

__all__ = ["Authority", "Behaviour", "answer", "dribble", "flood", "reset", "say", "serving", "stall", "then"]

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
CONFIG = """
[ca]
default_ca = ours
[ours]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
copy_extensions = copy
x509_extensions = leaf
[policy]
commonName = supplied
[leaf]
basicConstraints = critical,CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class Authority:
    """Signs certificates in a folder, with the openssl program.

    Args:
        folder: empty; `ca.pem` in it is what must be trusted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / "ca.pem"
        (folder / "index.txt").touch()
        (folder / "ca.cnf").write_text(CONFIG)
        uses = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._openssl("req", "-x509", *CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Tests", *uses)

    def context(self, *names: str, days: float = 90, begin: float = -365, signed: bool = True) -> ssl.SSLContext:
        """What a server needs whose certificate is for some names.

        Args:
            names: as `DNS:localhost` and `IP:127.0.0.1`.
            days: from now to its end.
            begin: days from now to its begin.
            signed: by this authority, and not by itself.
        """
        names_of_it = ("-subj", "/CN=server", "-addext", f"subjectAltName={','.join(names)}")
        if signed:
            self._openssl("req", "-new", *CURVE, "-keyout", "leaf.key", "-out", "leaf.csr", *names_of_it)
            signer = ("-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", "leaf.csr")
            span = ("-startdate", _time(begin), "-enddate", _time(days))
            self._openssl("ca", "-batch", "-notext", *signer, "-out", "leaf.pem", *span)
        else:
            files = ("-keyout", "leaf.key", "-out", "leaf.pem", "-days", str(int(days)))
            self._openssl("req", "-x509", *CURVE, *files, *names_of_it)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "leaf.pem", self._folder / "leaf.key")
        return context

    def _openssl(self, *words: str) -> None:
        run(["openssl", *words], cwd=self._folder, check=True, capture_output=True)


def _time(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


@asynccontextmanager
async def serving(
    behave: Behaviour, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[int]:
    """A server at a port, which behaves so at every connection until the context ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # at the end of the context
                await behave(reader, writer)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(meet, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports that were aborted close their sockets


async def ask(reader: asyncio.StreamReader) -> bytes:
    """The request, up to the empty line."""
    return await reader.readuntil(b"\r\n\r\n")


def answer(
    body: bytes = b"", status: str = "200 OK", *headers: str, length: int | None = None, wait: float = 0
) -> Behaviour:
    """Answers a request as it should, with `length` in place of the true one, after seconds."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return say("\r\n".join(lines).encode() + body, wait=wait)


def say(*pieces: bytes, wait: float = 0, pause: float = 0) -> Behaviour:
    """Waits, sends pieces with pauses between them, and hangs up."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ask(reader)
        await asyncio.sleep(wait)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


def dribble(head: bytes, piece: bytes = b"x", pause: float = 0.1) -> Behaviour:
    """Sends a head, and then a little now and again, for ever."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ask(reader)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


def flood(head: bytes, piece: bytes) -> Behaviour:
    """Sends a head, and then as much as is taken, for ever."""
    return dribble(head, piece, pause=0)


def then(*behaviours: Behaviour) -> Behaviour:
    """Behaves so at the first connection, so at the second, and as the last at all others."""
    left = list(behaviours)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(reader, writer)

    return behave


def reset(after: bytes | None = None, *, listen: bool = True) -> Behaviour:
    """Sends something, and resets the connection.

    Args:
        after: what is sent before.
        listen: to the first bytes that come.
    """

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if listen:
            await reader.read(1)
        if after is not None:
            writer.write(after)
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return behave


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes what comes, and never says a word."""
    while await reader.read(65536):
        pass
