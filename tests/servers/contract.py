"""A server that judges by the contract of a service of somebody else, and misbehaves when it is told to."""

import asyncio
import json
import threading
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import web

from tests.servers.process import free_ports

__all__ = ["Answer", "Clock", "ContractServer", "Received", "unpacked", "utc_now"]

Clock = Callable[[], datetime]

_HTML_400 = b"<html><head><title>400 Bad Request</title></head><body><h1>400 Bad Request</h1></body></html>\n"
_MOST = 1 << 28  # bytes of a body that are read: far more than any of the services takes


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def unpacked(body: bytes, most: int) -> bytes:
    """What a gzip body holds, or its begin where that is more than `most` bytes.

    Raises:
        ValueError: it is no gzip, or not all of it.
    """
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(body, most + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(plain) <= most and not stream.eof:
        raise ValueError("its end is missing")
    return plain


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    method: str
    target: str  # path and query, as they stood in the request line
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    remote: str = "127.0.0.1"

    @property
    def plain(self) -> bytes:
        """The body without compression."""
        return unpacked(self.body, _MOST) if self.headers.get("content-encoding") == "gzip" else self.body

    @property
    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.plain)

    def holds(self, secret: str) -> bool:
        """Whether a text is anywhere in it: in its address, a header or the body, as it is or as JSON spells it."""
        texts = [self.target, *self.headers, *self.headers.values(), self.plain.decode("utf-8", "replace")]
        spellings = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        return any(spelling in text for text in texts for spelling in spellings)


@dataclass(frozen=True)
class Answer:
    """What is answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, content: Any, **headers: str) -> Self:
        """An answer of JSON."""
        return cls(status, json.dumps(content).encode(), {"content-type": "application/json", **headers})


@dataclass(frozen=True)
class _Mood:
    """What is done with one request in the place of the answer that it deserves: an answer, or none and a cut."""

    answer: Answer | None
    after_storing: bool


class ContractServer(ABC):
    """Listens on a loopback port of its own, the same one each time, in a thread of its own.

    Args:
        now: its clock.
    """

    def __init__(self, now: Clock = utc_now) -> None:
        self.now = now
        self.requests: list[Received] = []
        """All that came, also what was refused or cut off."""
        self.connections: set[Any] = set()
        """The addresses of those who connected and asked: as many as there were connections."""
        (self._port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self._port}"
        self._moods: deque[_Mood] = deque()
        self._delay = 0.0
        self._broken: list[Exception] = []

    @abstractmethod
    def judge(self, received: Received) -> Answer:
        """Take a request as the service would: note what it would have stored, and answer what it would."""

    @abstractmethod
    def failure(self, status: int) -> Answer:
        """What the service says with a status that is no answer to what was asked."""

    def fail_next(
        self,
        status: int,
        times: int = 1,
        *,
        retry_after: float | str | None = None,
        body: Any = None,
        after_storing: bool = False,
    ) -> None:
        """Answer the next requests with a status.

        Args:
            retry_after: the header of that name.
            body: as it is (bytes, text), or what to say as JSON; None is what the service says.
            after_storing: what was asked is done nevertheless, as a 500, 502 or 504 may have it.
        """
        answer = self.failure(status) if body is None else _saying(status, body)
        if retry_after is not None:
            answer = Answer(status, answer.body, {**answer.headers, "retry-after": str(retry_after)})
        self._moods.extend([_Mood(answer, after_storing)] * times)

    def html_400_next(self, times: int = 1) -> None:
        """Answer the next requests with 400 and a page, as was seen of Amplitude for what it cannot read."""
        answer = Answer(400, _HTML_400, {"content-type": "text/html; charset=utf-8"})
        self._moods.extend([_Mood(answer, after_storing=False)] * times)

    def cut_next(self, times: int = 1, *, after_storing: bool) -> None:
        """Close the connection in the place of an answer, when the whole request was read."""
        self._moods.extend([_Mood(None, after_storing)] * times)

    def delay(self, seconds: float) -> None:
        """Answer so much later from now on; what is asked is done before: who does not wait will not know."""
        self._delay = seconds

    def clear(self) -> None:
        """Behave well again."""
        self._moods.clear()
        self._delay = 0.0

    def holds(self, secret: str) -> bool:
        """Whether a text was anywhere in what came."""
        return any(received.holds(secret) for received in self.requests)

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Listen while in the context. Afterwards connections are refused, and it may listen again.

        Raises:
            Exception: what went wrong in the judge itself: no test may pass on that.
        """
        started: Future[asyncio.AbstractEventLoop] = Future()
        stop = asyncio.Event()
        thread = threading.Thread(target=asyncio.run, args=(self._listen(started, stop),))
        thread.start()
        try:
            loop = started.result()
            try:
                yield self
            finally:
                loop.call_soon_threadsafe(stop.set)
        finally:
            thread.join()
        if self._broken:
            raise self._broken[0]

    async def _listen(self, started: "Future[asyncio.AbstractEventLoop]", stop: asyncio.Event) -> None:
        app = web.Application(client_max_size=_MOST)
        app.router.add_route("*", "/{path:.*}", self._meet)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, auto_decompress=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            started.set_result(asyncio.get_running_loop())
            await stop.wait()
        except OSError as error:
            started.set_exception(error)
        finally:
            await runner.cleanup()

    async def _meet(self, request: web.Request) -> web.StreamResponse:
        received = Received(
            method=request.method,
            target=request.raw_path,
            path=request.path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
            at=self.now(),
            remote=request.remote or "",
        )
        self.requests.append(received)
        if request.transport is not None:
            self.connections.add(request.transport.get_extra_info("peername"))
        mood = self._moods.popleft() if self._moods else None
        answer = self._judge(received) if mood is None or mood.after_storing else None
        await asyncio.sleep(self._delay)
        chosen = answer if mood is None else mood.answer
        if chosen is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()  # nobody hears it
        return web.Response(status=chosen.status, body=chosen.body, headers=chosen.headers)

    def _judge(self, received: Received) -> Answer:
        try:
            return self.judge(received)
        except Exception as error:  # noqa: BLE001 - the test that runs is told at its end
            self._broken.append(error)
            return Answer(500)


def _saying(status: int, body: Any) -> Answer:
    if isinstance(body, bytes | str):
        return Answer(status, body.encode() if isinstance(body, str) else body)
    return Answer.of(status, body)
