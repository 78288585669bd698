"""That it is we who answer where we listen."""

import asyncio

import pytest

from eventsink.assemble import serving
from eventsink.errors import EventSinkError


async def test_a_stranger_who_answers_where_we_would_listen_is_no_start() -> None:
    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    stranger = await asyncio.start_server(lie, "127.0.0.1", 0)
    port = stranger.sockets[0].getsockname()[1]
    task = asyncio.create_task(asyncio.sleep(60))
    try:
        with pytest.raises(EventSinkError, match="Another program answers"):
            await serving._answering("127.0.0.1", port, task, serving._Known(None))
    finally:
        task.cancel()
        stranger.close()
