"""The measure of the front door: the same server with a handler that does nothing but read and answer."""

import asyncio
import sys
from typing import Any

import uvloop
from granian.server.embed import Server

_HEADERS = [(b"content-type", b"application/json")]


async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Read one message, answer 202."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 202, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b'{"accepted":1,"rejected":[]}'})


async def serve(port: int) -> None:
    """Serve until killed."""
    server = Server(
        answer, address="127.0.0.1", port=port, interface="asgi", backlog=1024, log_enabled=False, websockets=False
    )
    await asyncio.ensure_future(server.serve())


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
