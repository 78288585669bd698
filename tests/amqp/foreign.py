"""Programs of others at the broker, with pika's own blocking client; and peers that are no broker at all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

__all__ = ["channel", "get_all", "peer", "properties", "publish"]


@contextlib.contextmanager
def channel(url: str) -> Iterator[BlockingChannel]:
    """A channel of somebody else."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


def properties(**named: Any) -> pika.BasicProperties:
    """Properties of AMQP."""
    return pika.BasicProperties(**named)


def publish(url: str, *bodies: bytes, exchange: str = "clowder.metrics", key: str = "", **named: Any) -> None:
    """Publish messages as somebody else does, with no more properties than are named."""
    with channel(url) as foreign:
        for body in bodies:
            foreign.basic_publish(exchange, key, body, properties(**named) if named else None)


def get_all(url: str, queue: str) -> list[tuple[Any, Any, bytes]]:
    """All that waits in a queue, which is empty afterwards: method, properties and body of each."""
    found = []
    with channel(url) as foreign:
        while (got := foreign.basic_get(queue, auto_ack=True))[0] is not None:
            found.append(got)
    return found


@contextlib.asynccontextmanager
async def peer(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server on a port of this machine that answers as it is told."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError):
            await answer(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
