"""Bounds on what a client may send: bytes, and events per second."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from eventsink.collect.problems import Problem

__all__ = ["RateLimit", "check_length", "read_body"]

PATIENCE = 30.0  # seconds without a byte of a body that is not complete

Receive = Callable[[], Awaitable[dict[str, Any]]]


def check_length(headers: Mapping[bytes, bytes], most: int) -> None:
    """Refuse a body that is too large before a client that asks for it is invited to send it (RFC 9110 §10.1.1).

    Raises:
        Problem: 413.
    """
    announced = headers.get(b"content-length", b"")
    if b"expect" in headers and announced.isdigit() and int(announced) > most:
        raise _too_large(most)


async def read_body(receive: Receive, most: int, announced: bytes = b"") -> bytes:
    """The body of an ASGI request.

    Args:
        most: bytes that it may have.
        announced: the Content-Length, if there is one: a body that is all there needs no further message.

    Raises:
        Problem: 413 when it is larger than `most` bytes; 400 when the client went away in the middle; 408 when it sent
            nothing for `PATIENCE` seconds.
    """
    message = await _next(receive)
    body: bytes = message.get("body", b"")
    if announced and len(body) <= most and announced == b"%d" % len(body):
        return body
    parts, size = [], 0
    while message["type"] == "http.request":
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await _next(receive)
    raise Problem(400, "The connection ended before the body was complete.")


def _too_large(most: int) -> Problem:
    return Problem(413, f"The body is larger than {most} bytes (collect.max_body): send it in parts.")


async def _next(receive: Receive) -> dict[str, Any]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await receive()
    except TimeoutError:
        raise Problem(
            408, f"Nothing of the body came for {PATIENCE:g} seconds: send it again.", headers={"connection": "close"}
        ) from None


class RateLimit:
    """A token bucket a key: refilled at the allowed rate, holding two seconds' worth at most.

    Args:
        default: events per second for keys that have no rate of their own; 0 for no limit.
    """

    def __init__(self, default: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._default = default
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def spend(self, key_id: str, rate: float, events: int) -> None:
        """Take tokens for events. A request larger than the bucket passes when it is full, and is paid off later.

        Raises:
            Problem: 429 with Retry-After.
        """
        rate = rate or self._default
        if not rate:
            return
        now = self._clock()
        most = max(2 * rate, 1.0)
        tokens, then = self._buckets.get(key_id, (most, now))
        tokens = min(most, tokens + (now - then) * rate)
        if tokens < min(events, most):
            wait = (min(events, most) - tokens) / rate
            self._buckets[key_id] = (tokens, now)
            raise Problem(
                429,
                f"This key may send {rate:g} events a second: send these again in {int(wait) + 1} seconds.",
                headers={"retry-after": str(int(wait) + 1)},
            )
        self._buckets[key_id] = (tokens - events, now)
