"""What a request may cost is bounded by its bytes: in time, in how long others stand still, in what it leaves behind.

Each shape is posted at a size and at four times that size, through the whole front door on a real exchange.
"""

import asyncio
import ctypes
import gc
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eventsink.collect.app import App
from eventsink.collect.desk import Desk
from eventsink.collect.metrics import Metrics
from eventsink.exchange.embedded import EmbeddedExchange
from eventsink.keyring import Keyring
from eventsink.keys import KeyFile
from eventsink.settings import load
from tests.hostile.measure import ATTEMPTS, calm_collector, heart, is_bounded
from tests.hostile.shapes import SHAPES, Shape

# How parameters are declared may change with Litestar 3, and is no matter of these tests.
pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning")


@dataclass
class Cost:
    """What one request took."""

    status: int
    answer: dict[str, Any]
    cpu: float
    stall: float


class Door:
    """A front door without a socket."""

    def __init__(self, app: App, key: str) -> None:
        self._app = app
        self._key = key

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> Cost:
        """Post a body, in pieces as they come from a network."""
        named = {"x-api-key": self._key, "content-length": str(len(body)), "content-type": "application/json"} | headers
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        }
        pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not pieces:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        gc.collect()
        async with heart() as stalls:
            begun = time.process_time()
            await self._app(scope, receive, send)
            cpu = time.process_time() - begun
        content = b"".join(message.get("body", b"") for message in sent)
        return Cost(sent[0]["status"], json.loads(content), cpu, max(stalls))


@asynccontextmanager
async def _open(folder: Path) -> AsyncIterator[Door]:
    exchange = await EmbeddedExchange.open(folder / "exchange.db")
    keys = Keyring(KeyFile(folder / "keys.db"))
    key = keys.create_ephemeral(("ingest", "admin", "read"), name="a hostile one")
    try:
        yield Door(App(Desk(load(data=str(folder)), exchange, keys, None, Metrics())), key.key)
    finally:
        await keys.close()
        await exchange.close()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_the_cost_of_a_request_is_bounded_by_its_bytes(tmp_path: Path, shape: Shape) -> None:
    small, large = shape.make(shape.size), shape.make(4 * shape.size)
    seen = []
    with calm_collector():
        for attempt in range(ATTEMPTS):
            async with _open(tmp_path / str(attempt)) as door:
                await door.post("/v1/events", b'{"type":"lab.warm"}', {})
                less = await door.post("/v1/events", small, shape.headers)
                more = await door.post("/v1/events", large, shape.headers)
            assert less.status in (202, 400, 413, 415, 422), less.answer
            assert more.status in (202, 400, 413, 415, 422), more.answer
            stall = max(less.stall, more.stall)
            seen.append(f"{less.cpu:.3f} s, {more.cpu:.3f} s, stall {1000 * stall:.0f} ms")
            if is_bounded(less.cpu, more.cpu, stall):
                return
    pytest.fail(f"{shape.name}: {seen}")


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.soak)])
async def test_what_hostile_requests_took_is_given_back(tmp_path: Path, every: int) -> None:
    shapes = SHAPES[::every]
    async with _open(tmp_path) as door:
        await _post_all(door, shapes)  # what is loaded once, and kept of what is asked for often
        before = _resident()
        seen = []
        for _ in range(3):  # the C library finds free pages by chance
            await _post_all(door, shapes)
            seen.append(_resident())
            if seen[-1] <= 1.1 * before:
                return
    pytest.fail(f"of {before} bytes there are {seen}")


async def _post_all(door: Door, shapes: Sequence[Shape]) -> None:
    for shape in shapes:
        await door.post("/v1/events", shape.make(4 * shape.size), shape.headers)
    await asyncio.sleep(0.1)


def _resident() -> int:
    """Bytes of memory of this process, without what the C library keeps for the next time."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
