"""What tracking costs a request, and what becomes of events when something goes wrong, with programs of their own.

The applications are called without a server: what a server costs would hide what the tracker does.
"""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from flask import Flask

from benchmarks.results import Result
from eventsink import SinkService
from eventsink.client.asgi import AsgiTracker
from eventsink.client.clowder2 import CLOWDER2
from eventsink.client.wsgi import WsgiTracker
from tests.servers.process import free_ports
from tests.sink_process import SinkProcess

__all__ = ["BENCHMARKS"]

REQUESTS = 1_000
ROUNDS = 15
# The claims of a token as Keycloak gives it, unsigned: nobody verifies it here.
TOKEN = "Bearer eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ICJhbGljZUBleGFtcGxlLm9yZyIsICJzdWIiOiAiNjRhIn0.c2ln"
HEADERS = {"host": "clowder.example.org", "user-agent": "python-requests/2.32", "accept": "*/*", "authorization": TOKEN}


def tracked_requests() -> list[Result]:
    """FastAPI and Flask with and without the tracker, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        sink = SinkProcess(Path(folder) / "var")
        sink.start()
        try:
            with SinkService(sink.url, sink.key, source="bench", spool=Path(folder) / "spool") as service:
                return [*_of_fastapi(service), _of_flask(service)]
        finally:
            sink.close()


def faults() -> list[Result]:
    """Programs that report 500 events while something goes wrong: how many arrive, and how long their end takes."""
    with tempfile.TemporaryDirectory() as folder:
        return [_fault(name, program, Path(folder) / str(number)) for number, (name, program) in enumerate(FAULTS)]


BENCHMARKS: list[Callable[[], list[Result]]] = [tracked_requests, faults]


# --- requests --------------------------------------------------------------------------------------------------------


def _of_fastapi(service: SinkService) -> list[Result]:
    app = FastAPI()

    @app.get("/api/v2/datasets/{dataset_id}")
    async def dataset(dataset_id: str) -> dict[str, str]:
        return {"id": dataset_id}

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/api/v2/datasets/64c000000000000000000002",
        "raw_path": b"/api/v2/datasets/64c000000000000000000002",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in HEADERS.items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        """It is gone."""

    async def ask(asked: Any) -> list[int]:
        taken = []
        for _ in range(REQUESTS):
            begun = time.perf_counter_ns()
            await asked(dict(scope), receive, send)
            taken.append(time.perf_counter_ns() - begun)
        return taken

    with asyncio.Runner() as runner:
        tracked = AsgiTracker(app, service)
        meant = AsgiTracker(app, service, meanings=CLOWDER2, prefix="/api/v2")
        return [
            _overhead("FastAPI", service, lambda: runner.run(ask(app)), lambda: runner.run(ask(tracked)), events=1),
            _overhead(
                "FastAPI, and what it means",
                service,
                lambda: runner.run(ask(app)),
                lambda: runner.run(ask(meant)),
                events=2,
            ),
        ]


def _of_flask(service: SinkService) -> Result:
    app = Flask("bench")

    @app.get("/datasets/<dataset_id>")
    def dataset(dataset_id: str) -> dict[str, str]:
        return {"id": dataset_id}

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/datasets/64c000000000000000000002",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    } | {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()}

    def ask(asked: Any) -> list[int]:
        taken = []
        for _ in range(REQUESTS):
            begun = time.perf_counter_ns()
            answer = asked(dict(environ), lambda *_: None)
            for _piece in answer:
                pass
            answer.close()
            taken.append(time.perf_counter_ns() - begun)
        return taken

    tracked = WsgiTracker(app.wsgi_app, service)
    return _overhead("Flask", service, lambda: ask(app.wsgi_app), lambda: ask(tracked), events=1)


def _overhead(
    name: str, service: SinkService, bare: Callable[[], list[int]], tracked: Callable[[], list[int]], *, events: int
) -> Result:
    """The difference of the medians, of requests in rounds that follow one another, with pauses in which it is sent."""
    times: dict[Callable[[], list[int]], list[int]] = {bare: [], tracked: []}
    work = dict.fromkeys(times, 0.0)
    for _ in range(ROUNDS):
        for ask in times:
            begun = time.process_time()
            times[ask] += ask()
            service.flush(60)
            work[ask] += time.process_time() - begun
    plain, watched = (statistics.median(taken) / 1000 for taken in times.values())
    cpu = (work[tracked] - work[bare]) / (ROUNDS * REQUESTS) * 1e6
    return Result(
        name=f"a tracked request of {name}",
        value=watched - plain,
        unit="us more",
        baseline=plain,
        ratio=watched / plain,
        aim="< 30 us",
        limit=f"The baseline is the request itself. {events} event{'s' if events > 1 else ''} a request, which with all"
        f" that sends them cost {cpu:.0f} us of processor time.",
    )


# --- faults ----------------------------------------------------------------------------------------------------------

_BEGIN = """
import os, signal, sys, time
from eventsink import SinkService
sink = SinkService(source="fault")
"""
_REPORT = 'for n in range(500): sink.capture("demo.fault", n=n)\n'
_LAST = "print(sink.counts.get('dropped: memory', 0), flush=True)\n"
_FORK = """
child = os.fork()
for n in range(250) if child else range(250, 500): sink.capture("demo.fault", n=n)
if child: os.waitpid(child, 0)
else: sys.exit()
"""
_SLOW_DISK = """
drain = sink._drain
sink._drain = lambda: time.sleep(0.5) or drain()
for n in range(25_000): sink.capture("demo.fault", n=n)
time.sleep(1.5)
"""
FAULTS = [
    ("sink away at the end", _BEGIN + _REPORT + _LAST),
    ("fork, half of them by the child", _BEGIN + _FORK + _LAST),
    ("kill -9 a second after", _BEGIN + _REPORT + _LAST + "time.sleep(1)\nos.kill(os.getpid(), signal.SIGKILL)\n"),
    ("Ctrl-C", _BEGIN + _REPORT + _LAST + "time.sleep(60)\n"),
    ("25,000 at once, and a slow disk", _BEGIN + _SLOW_DISK + _LAST),
]


def _fault(name: str, program: str, folder: Path) -> Result:
    """The sink is away while the program runs, comes then, and the next program that reports to it is run."""
    (port,) = free_ports(1)
    sink = SinkProcess(folder / "var", port=port)
    create = [sys.executable, "-m", "eventsink", "keys", "create", "--data", str(sink.data), "--scope", "ingest"]
    try:
        made = subprocess.run([*create, "--format", "json"], check=True, capture_output=True, timeout=60)
        environment = {
            **os.environ,
            "EVENTSINK_URL": f"http://127.0.0.1:{port}",
            "EVENTSINK_KEY": json.loads(made.stdout)["key"],
            "XDG_STATE_HOME": str(folder / "state"),
        }
        ending, dropped = _run(program, environment, interrupt=name == "Ctrl-C")
        sink.start()
        _run(_BEGIN + "sink.capture('demo.next')\nsink.flush(60)\n" + _LAST, environment)
        sink.settle()
        found = _distinct(sink)
    finally:
        sink.close()
    expected = 25_000 if "25,000" in name else 500
    counted = f"{dropped:,} were dropped because the queue was full, and counted. " if dropped else ""
    return Result(
        name=f"of {expected:,} events: {name}",
        value=found,
        unit="arrive",
        baseline=expected - dropped,
        ratio=found / (expected - dropped),
        aim="ratio 1",
        limit=f"{counted}The program was gone {ending:.2f} s after its last event.",
    )


def _run(program: str, environment: dict[str, str], *, interrupt: bool = False) -> tuple[float, int]:
    """Gives the seconds from its last event to its end, and how many it says were dropped."""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        dropped = int(process.stdout.readline())
        last = time.monotonic()
        if interrupt:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        return time.monotonic() - last, dropped


def _distinct(sink: SinkProcess) -> int:
    after, numbers = 0, set[int]()
    while after is not None:
        _, page = sink.request("GET", f"/v1/events?source=fault&type=demo.fault&order=asc&limit=10000&after={after}")
        numbers.update(event["data"]["n"] for event in page["events"])
        after = page["next"]
    return len(numbers)
