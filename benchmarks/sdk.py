"""Programs that report events: what `capture` costs, beside the SDKs of others, each in a process of its own.

The others come from the package index into an environment that is made for this run and thrown away. All of them send
to a server of ours that takes whatever comes.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from benchmarks.results import Result

__all__ = ["BENCHMARKS"]

PACKAGES = ["posthog", "segment-analytics-python", "snowplow-tracker", "amplitude-analytics"]
EVENTS = 20_000

_DATA = """
DATA = dict(file_id="64b000000000000000000001", file_name="plot-07.png", mime_type="image/png", bytes=1834211,
            dataset_id="64c000000000000000000002", dataset_name="Soil moisture", space_id="64d3", author_id="64a4")
"""
_PROGRAMS = {
    "eventsink": """
from eventsink import SinkService
client = SinkService(URL, "key", spool=FOLDER)
def capture(): client.capture("storage.file_uploaded", user="64a", **DATA)
def flush(): client.flush(60)
""",
    "posthog": """
from posthog import Posthog
client = Posthog("key", host=URL, max_queue_size=1000000)
def capture(): client.capture("storage.file_uploaded", distinct_id="64a", properties=DATA)
def flush(): client.flush()
""",
    "segment": """
from segment.analytics.client import Client
client = Client("key", host=URL, max_queue_size=1000000)
def capture(): client.track("64a", "storage.file_uploaded", DATA)
def flush(): client.flush()
""",
    "snowplow": """
import logging
logging.disable(logging.CRITICAL)
from snowplow_tracker import AsyncEmitter, SelfDescribingJson, StructuredEvent, Tracker, SelfDescribing
host, port = URL.removeprefix("http://").split(":")
client = AsyncEmitter(host, protocol="http", port=int(port), batch_size=100, buffer_capacity=1000000)
tracker = Tracker("ns", emitters=client, app_id="x")
SCHEMA = "iglu:org.clowder/file_uploaded/jsonschema/1-0-0"
def capture(): tracker.track(SelfDescribing(SelfDescribingJson(SCHEMA, DATA)))
def flush(): client.sync_flush()
""",
    "amplitude": """
from amplitude import Amplitude, BaseEvent
client = Amplitude("key")
client.configuration.server_url = URL + "/2/httpapi"
def capture(): client.track(BaseEvent("storage.file_uploaded", user_id="64a", event_properties=dict(DATA)))
def flush(): [one.result(60) for one in client.flush() or () if one]
""",
}
_MEASURE = """
import json, resource, sys, time
URL, FOLDER, EVENTS = sys.argv[1], sys.argv[2], int(sys.argv[3])
{data}
begun = time.perf_counter()
{program}
imported = time.perf_counter() - begun
for _ in range(200): capture()
flush(); time.sleep(0.5)
clock, times = time.perf_counter_ns, []
begun = time.perf_counter()
for number in range(EVENTS):
    before = clock(); capture(); times.append(clock() - before)
    if number % 2000 == 1999: time.sleep(0.05)
flush()
through = time.perf_counter() - begun
times.sort()
print(json.dumps(dict(import_ms=1000 * imported, p50=times[EVENTS // 2] / 1000, p99=times[EVENTS * 99 // 100] / 1000,
                      rate=EVENTS / through, mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)), flush=True)
import os; os._exit(0)
"""


def sdks() -> list[Result]:
    """`capture` of an event with eight fields, import, and events a second through to a server."""
    with tempfile.TemporaryDirectory() as folder, _Server() as server:
        python = Path(folder) / "venv" / "bin" / "python"
        ours = _measure("eventsink", Path(sys.executable), server.url, Path(folder))
        others = {}
        if _install(python):
            for name in ("posthog", "segment", "snowplow", "amplitude"):
                if found := _measure(name, python, server.url, Path(folder)):
                    others[name] = found
    assert ours is not None, "our own client must run"
    return [
        _row("capture(), p50", "us", "p50", ours, others, "<= 5 us, ratio <= 0.33"),
        _row("capture(), p99", "us", "p99", ours, others, ""),
        _row("import of the client", "ms", "import_ms", ours, others, "< 60 ms"),
        _row("memory of a program", "MB", "mb", ours, others, ""),
        _row("events through to a server", "events/s", "rate", ours, others, "", best=max),
    ]


def _row(  # noqa: PLR0913, PLR0917
    name: str,
    unit: str,
    key: str,
    ours: dict[str, float],
    others: dict[str, dict[str, float]],
    aim: str,
    best: Callable[..., float] = min,
) -> Result:
    baseline = best(found[key] for found in others.values()) if others else None
    told = ", ".join(f"{other} {found[key]:,.1f}" for other, found in others.items())
    limit = f"The baseline is the best of the others: {told}." if told else "The others could not be installed."
    ratio = ours[key] / baseline if baseline else None
    return Result(name=name, value=ours[key], unit=unit, baseline=baseline, ratio=ratio, aim=aim, limit=limit)


def _install(python: Path) -> bool:
    subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True, timeout=120)
    command = [python, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check", *PACKAGES]
    return subprocess.run(command, check=False, timeout=300, stderr=subprocess.DEVNULL).returncode == 0


def _measure(name: str, python: Path, url: str, folder: Path) -> dict[str, float] | None:
    script = folder / f"report_with_{name}.py"
    script.write_text(_MEASURE.format(data=_DATA, program=_PROGRAMS[name]))
    results: list[dict[str, float]] = []
    for attempt in range(3):
        command = [python, script, url, folder / f"spool-{attempt}", str(EVENTS)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
        if done.returncode or not done.stdout.strip():
            sys.stderr.write(f"{name}: {re.sub(chr(10), ' ', done.stderr[-300:])}\n")
            return None
        results.append(dict(json.loads(done.stdout.strip().splitlines()[-1])))
    return sorted(results, key=lambda found: found["p50"])[1]


class _Server:
    """Takes whatever comes, and says so in the words of each."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if self.headers["Content-Encoding"] == "gzip":
                    body = zlib.decompress(body, 31)
                answer = b'{"status": "ok", "code": 200, "accepted": %d, "rejected": []}' % (body.count(b"\n") + 1)
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


BENCHMARKS: list[Callable[[], list[Result]]] = [sdks]
