"""What an operator reads of destinations that are away: what, since when and why, and no guts of libraries."""

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import Result

from tests import processes
from tests.servers.process import free_ports
from tests.sink_process import PATIENCE, SinkProcess

GUTS = re.compile(
    r"\b[A-Z]\w*(?:Error|Exception|Timeout)\b|TryLater|Refused\b|Traceback|Errno|ssl:|_ssl\.c|Connect call|Topology"
)
NOBODY = r"cannot be reached: nothing listens at this address\."
NO_HOST = r"cannot be reached: (there is no host of this name|the name of the host cannot be looked up)\."
NO_TLS = r"cannot be reached: (it does not speak TLS at this address|no TLS could be agreed on.*|it hung up)\."


@pytest.fixture(scope="module")
def talker() -> Iterator[int]:
    """A port at which somebody greets in plain text, whatever is said to him."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_greet, args=(server,), daemon=True).start()
        yield server.getsockname()[1]


def _greet(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # the test is over
            return
        with connection:
            connection.sendall(b"220 good day to you, and many more of them\r\n")


@dataclass(frozen=True)
class Lonely:
    """A sink none of whose destinations can be reached, each for another reason."""

    sink: SinkProcess
    environment: dict[str, str]
    sentences: dict[str, str]  # by worker, what should be said of each: a pattern


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory, talker: int) -> Iterator[Lonely]:
    """Destinations at which nobody listens, that are no hosts, or that speak no TLS."""
    closed = free_ports(1)[0]
    hosts = {"nobody": (f"127.0.0.1:{closed}", NOBODY), "name": ("no-such-host.invalid:27017", NO_HOST)}
    hosts["tls"] = (f"127.0.0.1:{talker}", NO_TLS)
    environment: dict[str, str] = {}
    sentences: dict[str, str] = {}
    for why, (host, reason) in hosts.items():
        secure = why == "tls"
        influxdb = f"http{'s' if secure else ''}://{host}"
        environment |= _worker(f"influxdb-{why}", "influxdb", influxdb)
        environment |= _worker(f"mongodb-{why}", "mongodb", f"mongodb://{host}/{'?tls=true' if secure else ''}")
        sentences |= {
            f"influxdb-{why}": f"InfluxDB at {influxdb} {reason}",
            f"mongodb-{why}": f"MongoDB at {host} {reason}",
        }
    sink = SinkProcess(tmp_path_factory.mktemp("lonely") / "var", environment=environment).start()
    assert sink.post([{"type": "a.b"}])[0] == 202
    yield Lonely(sink, environment, sentences)
    sink.close()


def _worker(name: str, use: str, url: str) -> dict[str, str]:
    section = f"EVENTSINK_WORKERS__{name}__".upper()
    return {f"{section}USE": use, f"{section}URL": url}


def _states(lonely: Lonely) -> dict[str, str]:
    """What is said of each worker, once each has found out: a client waits some seconds for a server to come."""
    deadline = time.monotonic() + 2 * PATIENCE
    found: dict[str, str] = {}
    while time.monotonic() < deadline and not all("cannot" in found.get(name, "") for name in lonely.sentences):
        time.sleep(0.2)
        found = {name: account["state"] for name, account in lonely.sink.accounts().items()}
    return found


def test_the_state_of_each_says_what_is_away_since_when_and_why(lonely: Lonely) -> None:
    found = _states(lonely)
    for name, sentence in lonely.sentences.items():
        said = r"paused since \d{4}-\d\d-\d\d \d\d:\d\d UTC: " + sentence
        assert re.fullmatch(said, found[name]), f"{name}: {found[name]}"


def test_nothing_that_an_operator_sees_tells_of_classes(
    lonely: Lonely, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVENTSINK_DATA", str(lonely.sink.data))
    _states(lonely)  # whichever test comes first
    # A process of its own: MongoDB's client leaves a socket behind where it got no TLS.
    there = os.environ | lonely.environment
    command = [sys.executable, "-m", "eventsink", "doctor", "--data", lonely.sink.data]
    doctor = processes.run(command, env=there, cwd=tmp_path, capture_output=True, text=True)
    said = {
        "status": run("status").output,
        "status --format json": run("status", "--format", "json").output,
        "doctor": doctor.stdout + doctor.stderr,
        "the log": lonely.sink.log.read_text(),
        "/metrics": lonely.sink.request("GET", "/metrics")[1],
        "/readyz": json.dumps(lonely.sink.request("GET", "/readyz")[1]),
    }
    for where, text in said.items():
        assert text, where
        assert not GUTS.search(text), f"{where}: {GUTS.findall(text)} in\n{text}"
    status = " ".join(said["status"].split())
    assert status.count("nothing listens at this address") == 2, "once for each that is away"
    assert status.count("Its events wait, and are delivered when that is mended.") == len(lonely.sentences)
