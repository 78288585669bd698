"""Bounds on what a client may send: bytes, bytes of all together, and events per second."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from eventsink.collect.problems import Problem

__all__ = ["Budget", "RateLimit", "Share", "check_length", "read_body"]

PATIENCE = 30.0  # seconds without a byte of a body that is not complete
SLOWEST = 100_000  # bytes a second of a body, once it has been on its way for `PATIENCE`
REFUSED = 10  # events that were refused for the rate alone cost as much as one
FREE = 64 << 10  # bytes of a body that nobody has to wait for

Receive = Callable[[], Awaitable[dict[str, Any]]]


def check_length(headers: Mapping[bytes, bytes], most: int) -> None:
    """Refuse a body that is too large before a client that asks for it is invited to send it (RFC 9110 §10.1.1).

    Raises:
        Problem: 413.
    """
    announced = headers.get(b"content-length", b"")
    if b"expect" in headers and announced.isdigit() and int(announced) > most:
        raise _too_large(most)


async def read_body(receive: Receive, most: int, announced: bytes, share: "Share") -> bytes:
    """The body of an ASGI request.

    Args:
        most: bytes that it may have.
        announced: the Content-Length, if there is one: a body that is all there needs no further message.
        share: of the memory for bodies, taken for one that does not come at once.

    Raises:
        Problem: 413 when it is larger than `most` bytes; 400 when the client went away in the middle; 408 when it sent
            nothing for `PATIENCE` seconds, or much too slowly; 503 when too many large ones are on their way.
    """
    message = await _next(receive, PATIENCE)
    body: bytes = message.get("body", b"")
    if announced and len(body) <= most and announced == b"%d" % len(body):
        return body
    parts, size, begun = [], 0, time.monotonic()
    while message["type"] == "http.request":
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        if size > FREE and not share.bytes:
            await share.take(min(int(announced), most) if announced.isdigit() else most)
        message = await _next(receive, min(PATIENCE, begun + PATIENCE + size / SLOWEST - time.monotonic()))
    raise Problem(400, "The connection ended before the body was complete.")


class Budget:
    """Memory for large bodies, which all of them share.

    Args:
        bytes: in all; one key has half of them at most, so that it cannot keep out others.
    """

    def __init__(self, bytes: int) -> None:  # noqa: A002
        self._free = bytes
        self._most = bytes // 2
        self._held: dict[str, int] = {}
        self._waiting: deque[tuple[str, int, asyncio.Future[None]]] = deque()

    def share(self, key_id: str) -> "Share":
        """Nothing of it yet, to be entered as a context."""
        return Share(self, key_id)

    async def take(self, key_id: str, size: int) -> int:
        """Wait for some bytes. Returns how many there are, which is never more than one key may have.

        Raises:
            Problem: 503 when others have them for too long.
        """
        size = min(size, self._most)
        if self._may_take(key_id, size) and not any(turn[0] == key_id for turn in self._waiting):
            self._hand_out(key_id, size)
            return size
        turn = (key_id, size, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(PATIENCE / 3):
                await turn[2]
        except BaseException as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn[2].done() and not turn[2].cancelled():  # it came in the same moment
                self.give(key_id, size)
            if isinstance(error, TimeoutError):
                raise Problem(
                    503, "Too many large bodies are on their way: send this again.", headers={"retry-after": "5"}
                ) from None
            raise
        return size

    def give(self, key_id: str, size: int) -> None:
        """Give bytes back."""
        self._free += size
        self._held[key_id] -= size
        if not self._held[key_id]:
            del self._held[key_id]
        for turn in list(self._waiting):  # one key that has enough holds up no other
            if not turn[2].done() and self._may_take(*turn[:2]):
                self._waiting.remove(turn)
                self._hand_out(*turn[:2])
                turn[2].set_result(None)

    def _may_take(self, key_id: str, size: int) -> bool:
        return size <= self._free and self._held.get(key_id, 0) + size <= self._most

    def _hand_out(self, key_id: str, size: int) -> None:
        self._free -= size
        self._held[key_id] = self._held.get(key_id, 0) + size


class Share:
    """What one request has of a budget; given back at the end of the context.

    Args:
        budget: that it is of.
        key_id: who asks.
    """

    def __init__(self, budget: Budget, key_id: str) -> None:
        self._budget = budget
        self._key_id = key_id
        self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.fit(0)

    async def take(self, size: int) -> None:
        """Have as many bytes.

        Raises:
            Problem: 503 when others have them for too long.
        """
        if size > self.bytes:
            self.fit(0)  # who holds some and waits for more would wait for ever for another who does
            self.bytes = await self._budget.take(self._key_id, size)

    def fit(self, size: int) -> None:
        """Have no more than that."""
        if size < self.bytes:
            self._budget.give(self._key_id, self.bytes - size)
            self.bytes = size


def _too_large(most: int) -> Problem:
    return Problem(413, f"The body is larger than {most} bytes (collect.max_body): send it in parts.")


async def _next(receive: Receive, patience: float) -> dict[str, Any]:
    try:
        async with asyncio.timeout(patience):
            return await receive()
    except TimeoutError:
        raise Problem(
            408,
            f"The body came too slowly: nothing for {PATIENCE:g} seconds, or less than {SLOWEST // 1000} kB a second."
            " Send it again.",
            headers={"connection": "close"},
        ) from None


class RateLimit:
    """A token bucket a key: refilled at the allowed rate, holding some seconds' worth at most.

    Args:
        default: events per second for keys that have no rate of their own; 0 for no limit.
        burst: how many seconds' worth.
        who: begin of the sentence that says how many there may be.
    """

    def __init__(
        self,
        default: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        burst: float = 2.0,
        who: str = "This key may send",
    ) -> None:
        self._who = who
        self._default = default
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def forget(self, key_id: str) -> None:
        """Begin anew with a key."""
        self._buckets.pop(key_id, None)

    def spend(self, key_id: str, rate: float, events: int) -> None:
        """Take tokens for events. A request larger than the bucket passes when it is full, and is paid off later.

        Of no events, it is refused while something is to be paid off.

        Raises:
            Problem: 429 with Retry-After.
        """
        rate = rate or self._default
        if not rate:
            return
        now = self._clock()
        most = max(self._burst * rate, 1.0)
        tokens, then = self._buckets.get(key_id, (most, now))
        tokens = min(most, tokens + (now - then) * rate)
        if tokens < min(events, most):
            tokens -= events // REFUSED  # they were read to be refused: as long as that is paid off, no more are read
            wait = (min(events, most) - tokens) / rate
            self._buckets[key_id] = (tokens, now)
            raise Problem(
                429,
                f"{self._who} {rate:g} events a second: send these again in {int(wait) + 1} seconds.",
                headers={"retry-after": str(int(wait) + 1)},
            )
        self._buckets[key_id] = (tokens - events, now)
