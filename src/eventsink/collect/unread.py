"""What is still to come of a body when its request is refused: read for a while and thrown away.

Many clients look for the answer only when they have sent everything; where the connection is closed on them, they say
that it broke, and not why they were refused.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["read_on"]

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

IN_BUFFERS = 64 << 10  # bytes that a client gets rid of though nobody reads them
PATIENCE = 10.0  # seconds
MOST_PARTS = 2000  # in which it comes: one that drips by the byte costs more than it is worth


def read_on(scope: dict[str, Any], receive: Receive, send: Send, most: int) -> tuple[Receive, Send]:
    """Receives and sends as before, and reads the rest of a large body before the answer is sent.

    A client that asks whether it may send (RFC 9110 §10.1.1) is not invited by that.

    Args:
        most: bytes that are thrown away.
    """
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    small = b"transfer-encoding" not in headers and length.isdigit() and int(length) <= IN_BUFFERS
    if small or b"expect" in headers:  # nearly always
        return receive, send
    rest = _Rest(receive, send, most)
    return rest.receive, rest.send


class _Rest:
    """The rest of one body."""

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive = receive
        self._send = send
        self._left = most
        self._more = True

    async def receive(self) -> dict[str, Any]:
        more, self._more = self._more, False  # should it be given up, as one that sends nothing, nobody waits again
        message = await self._receive()
        self._more = more and message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._throw_away()
            except TimeoutError:  # it is slow: it may see its connection closed
                pass
        await self._send(message)

    async def _throw_away(self) -> None:
        parts = 0
        while self._more and self._left > 0 and parts < MOST_PARTS:
            self._left -= len((await self.receive()).get("body", b""))
            parts += 1
