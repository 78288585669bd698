"""What trackers send: requests a second through /v1/browser, each with its browser, country and visitor."""

import asyncio
import json
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.results import Result
from eventsink.keys import KeyFile
from tests.sink_process import SinkProcess

__all__ = ["BENCHMARKS"]

SITE = "https://clowder.example.org"
REQUESTS, CONNECTIONS, AGENTS = 6_000, 32, 50
RATES = {"EVENTSINK_BROWSER__RATE": "0", "EVENTSINK_BROWSER__VISITOR_RATE": "0"}


def browser_posts() -> list[Result]:
    """One page view a request, of 50 browsers at 6,000 addresses; beside the same events through /v1/events."""
    with tempfile.TemporaryDirectory() as folder:
        sink = SinkProcess(Path(folder) / "var", environment=RATES)
        sink.start()
        try:
            key = KeyFile(sink.data / "keys.db").create(["browser"], origins=[SITE]).key
            asyncio.run(_flood(sink.url, [_tracked(key, number) for number in range(500)]))  # reads rules and lists
            tracked = asyncio.run(_flood(sink.url, [_tracked(key, number) for number in range(REQUESTS)]))
            plain = asyncio.run(_flood(sink.url, [_plain(sink.key) for _ in range(REQUESTS)]))
        finally:
            sink.close()
    return [
        Result(
            name="page views through /v1/browser",
            value=tracked,
            unit="requests/s",
            baseline=plain,
            ratio=tracked / plain,
            limit="One event a request, each made durable; baseline: the same through /v1/events.",
        )
    ]


BENCHMARKS: list[Callable[[], list[Result]]] = [browser_posts]


def _tracked(key: str, number: int) -> bytes:
    now = time.time() * 1000
    event = {"id": str(uuid.uuid4()), "type": "traffic.page_view", "time": now, "data": _page()}
    body = json.dumps({"v": 1, "key": key, "sent": now, "events": [event]}).encode()
    agent = f"Mozilla/5.0 (X11; Linux x86_64; rv:{100 + number % AGENTS}.0) Gecko/20100101 Firefox/{number % AGENTS}.0"
    address = f"141.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return _request("/v1/browser", body, f"Origin: {SITE}\r\nUser-Agent: {agent}\r\nX-Forwarded-For: {address}")


def _plain(key: str) -> bytes:
    body = json.dumps({"type": "traffic.page_view", "data": _page()}).encode()
    return _request("/v1/events", body, f"X-API-Key: {key}")


def _page() -> dict[str, str]:
    return {"url": f"{SITE}/datasets/64c000000000000000000002", "title": "Soil moisture", "language": "en-US"}


def _request(path: str, body: bytes, headers: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: sink\r\n{headers}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def _flood(url: str, requests: list[bytes]) -> float:
    """Requests a second over a few connections that are kept open."""
    where = urlsplit(url)
    begun = time.perf_counter()
    parts = [requests[number::CONNECTIONS] for number in range(CONNECTIONS)]
    await asyncio.gather(*(_ask(str(where.hostname), int(where.port or 80), part) for part in parts))
    return len(requests) / (time.perf_counter() - begun)


async def _ask(host: str, port: int, requests: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for request in requests:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert b" 202 " in head, head
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()
