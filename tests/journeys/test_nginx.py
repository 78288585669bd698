"""A real NGINX under load, its log rotated, its reader killed: every request is counted, and none twice."""

import http.client
import json
import sys
import threading
import time
from pathlib import Path

import pytest

from eventsink.watch.check import Site
from eventsink.watch.checks.nginx_status import NginxStatus, Options
from tests import processes
from tests.servers.nginx import NGINX
from tests.servers.process import eventually

READER = Path(__file__).with_name("nginx_reader.py")
ROTATED_EVERY = 5  # kills
AGENTS = (
    "Firefox/140.0",
    'with "quotes", \\ and {braces}',
    "caf\xe9 \x01\x7f",
    "",
    "Googlebot/2.1",
)  # as strangers send


@pytest.mark.parametrize("kills", [10, pytest.param(40, marks=pytest.mark.soak)])
@pytest.mark.parametrize("log_format", ["combined", "all"])
def test_requests_counted_are_requests_written(tmp_path: Path, log_format: str, kills: int) -> None:
    server = NGINX(tmp_path / "nginx", log_format)
    folder = tmp_path / "reader"
    folder.mkdir()
    preset = "json" if log_format == "all" else log_format
    command = [sys.executable, READER, folder, server.access_log, preset]
    stop = threading.Event()
    with server.running():
        loads = [threading.Thread(target=_load, args=(server.port, stop)) for _ in range(2)]
        for load in loads:
            load.start()
        for kill in range(kills):
            reader = processes.start(command)
            if not kill:  # who has never read counts from where he begins, and knows of no file before
                eventually(lambda: bool([*folder.glob("state/*")]), "the first has begun")
            time.sleep(0.75)
            if kill % ROTATED_EVERY == 2:
                server.rotate(f"access.log.{100 - kill}")
            reader.kill()
            processes.end(reader)
        # NGINX writes once a second, and a busy machine asks less of it.
        eventually(lambda: _written(server) > 1000, "there is something to count")
        stop.set()
        for load in loads:
            load.join()
        server.quit()
    written = _written(server)
    assert len([*server.folder.glob("access.log.*")]) == kills // ROTATED_EVERY
    with processes.running(command) as reader:
        eventually(lambda: sum(_heard(folder).values()) >= written, "all is counted")
        time.sleep(1)  # in which nothing more may come
        reader.kill()
    assert sum(_heard(folder).values()) == written
    for file in (folder / "heard.ndjson", *folder.glob("state/*")):
        assert b"127.0.0.1" not in file.read_bytes()


def _written(server: NGINX) -> int:
    """Lines in all files of the log."""
    return sum(file.read_bytes().count(b"\n") for file in server.folder.glob("access.log*"))


def _load(port: int, stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for _ in range(50):
            number += 1
            connection.request("GET", f"/files/{number:024x}", headers={"User-Agent": AGENTS[number % len(AGENTS)]})
            connection.getresponse().read()
            time.sleep(0.001)
        connection.close()


def _heard(folder: Path) -> dict[str, int]:
    """Requests by interval. What is told twice of an interval is the same."""
    heard: dict[str, dict[str, object]] = {}
    whole, _, _ = (folder / "heard.ndjson").read_bytes().rpartition(b"\n")  # the last may be half written
    for line in whole.splitlines():
        key, numbers, message = json.loads(line)
        assert not message
        assert numbers["unreadable"] == 0
        assert heard.setdefault(key, numbers) == numbers
    return {key: int(str(numbers["requests"])) for key, numbers in heard.items()}


async def test_the_status_page_counts_what_came_since(tmp_path: Path) -> None:
    with NGINX(tmp_path / "nginx").running() as server:
        check = NginxStatus(Options(f"http://127.0.0.1:{server.port}/nginx_status"), Site())
        first = (await check.measure()).numbers
        for _ in range(5):
            server.get("/")
        second = (await check.measure()).numbers
    assert first.keys() == {"active", "reading", "writing", "waiting"}
    assert (second["requests"], second["accepted"], second["dropped"]) == (6, 6, 0)  # with the look itself
    assert second["active"] >= 1
