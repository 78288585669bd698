"""That it is we who answer where we listen."""

import asyncio
import contextlib
import socket

import pytest

from eventsink.assemble import serving
from eventsink.client.sink import Sink
from eventsink.errors import EventSinkError
from eventsink.settings import load


def _speaks_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


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


async def test_a_stranger_who_says_nothing_is_no_start_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "STARTS_WITHIN", 0.3)
    monkeypatch.setattr(serving, "ANSWERS_WITHIN", 0.1)
    stranger = socket.create_server(("127.0.0.1", 0))  # the system accepts for it
    port = stranger.getsockname()[1]
    task = asyncio.create_task(asyncio.sleep(60))
    try:
        with pytest.raises(EventSinkError, match=f"did not answer on 127.0.0.1:{port} within .* another --port"):
            async with asyncio.timeout(30):
                await serving._answering("127.0.0.1", port, task, serving._Known(None))
    finally:
        task.cancel()
        stranger.close()


@pytest.mark.skipif(not _speaks_ipv6(), reason="this machine has no address of IPv6")
@pytest.mark.parametrize("host", ["::1", "::"])
async def test_it_listens_on_ipv6(host: str) -> None:
    async def app(_scope, _receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"well":true}'})

    async with serving.serving(app, load(None, {}, collect={"host": host, "port": 0})) as url:
        with Sink(url, timeout=10.0) as sink:
            assert await asyncio.to_thread(sink.get, "/") == {"well": True}
