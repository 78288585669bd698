"""The very commands of the manifests: run on real servers, with the files that they mount, until they are ready."""

import contextlib
import http.client
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eventsink.keys import KeyFile
from tests import processes
from tests.deploy.manifests import DEPLOY, Started, started, without_settings
from tests.servers.process import free_ports
from tests.sink_process import Process

TOGETHER = 120.0  # seconds; all processes of a production start at once here, on a machine of two cores

WAYS = {
    "compose": lambda where: where.startswith("compose"),
    "kubernetes": lambda where: where.startswith(("kubernetes/overlays/production", "kubernetes/overlays/monitor")),
    "systemd": lambda where: where.endswith(".service"),
}


class Place:
    """A folder in the place of a machine or container, and real servers in the place of those that settings name.

    Args:
        addresses: texts of files, and what stands there here.
        values: contents of secrets, by their settings.
    """

    def __init__(self, folder: Path, addresses: dict[str, str], values: dict[str, str]) -> None:
        self.folder = folder
        self.addresses = addresses
        self.values = values

    def inside(self, path: str) -> str:
        """Where a path of it is here."""
        return str(self.folder / path.lstrip("/"))

    def put(self, path: str, text: str) -> str:
        """Write a file of it."""
        place = Path(self.inside(path))
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for theirs, ours in self.addresses.items():
            text = text.replace(theirs, ours)
        place.write_text(text)
        return str(place)

    def environment(self, process: Started) -> dict[str, str]:
        """What a process gets: its variables, with the files that they name written here."""
        for path, content in process.files.items():
            self.put(path, content if isinstance(content, str) else content.read_text())
        found = {}
        for name, value in process.environment.items():
            if name.endswith("_FILE"):
                found[name] = self.put(value, self.values[name.removeprefix("EVENTSINK_").removesuffix("_FILE")])
            elif value.startswith("/"):
                found[name] = self.inside(value)
            else:
                found[name] = "127.0.0.1" if value == "0.0.0.0" else self.addresses.get(value, value)
        return found


def answer(port: int, path: str, key: str = "", body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        connection.request("GET" if body is None else "POST", path, body, headers)
        found = connection.getresponse()
        return found.status, found.read()
    finally:
        connection.close()


class Ready(Process):
    """One of the processes.

    Args:
        port: where it answers; 0 if it answers nowhere.
    """

    def __init__(self, *words: str, port: int, log: Path, environment: dict[str, str]) -> None:
        super().__init__(*words, log=log, environment=environment)
        self.port = port

    def is_ready(self) -> bool:
        """Whether its probes say so; of one without probes, its log."""
        if not self.port:
            return ".running" in self.log.read_text()
        try:
            return answer(self.port, "/healthz")[0] == 200 and answer(self.port, "/readyz")[0] == 200
        except OSError:
            return False


@pytest.mark.timeout(400)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_started_gets_ready_and_an_event_goes_through(
    way, tmp_path, broker, rabbitmq, influxdb, mongodb, vhost
):
    ports = dict(zip(("up", "serve", "api"), free_ports(3), strict=True))
    addresses = {
        "http://influxdb:8086": influxdb.url,
        "http://influxdb.influxdb.svc:8086": influxdb.url,
        "http://127.0.0.1:8086": influxdb.url,
        'database = "eventsink"': f'database = "{vhost}"',
        "http://serve:8750": f"http://127.0.0.1:{ports['serve']}",
        "https://sink.example.org": f"http://127.0.0.1:{ports['serve']}",
        '"/keys/': f'"{tmp_path}/keys/',  # a volume that several share
        "clowder.example.org": "127.0.0.1",
    }
    # A key is made in the file that the settings name; on Kubernetes all get a copy of one that was made elsewhere.
    made = {"compose": "keys", "kubernetes": "made", "systemd": "machine/var/lib/eventsink"}[way]
    keys = KeyFile(tmp_path / made / "keys.db")
    key = keys.create(["ingest", "read"]).key
    values = {
        "EXCHANGE__URL": broker,
        "WORKERS__INFLUXDB__PASSWORD": "hunter2",
        "WORKERS__MONGODB__URL": mongodb.url,
        "MONITOR__KEY": key,
    }
    running: dict[str, Ready] = {}
    with contextlib.ExitStack() as stack:
        for process in (one for one in started() if WAYS[way](one.where)):
            kind = process.words[0]
            machine = "machine" if way == "systemd" and kind != "up" else process.where.replace("/", "-")
            place = Place(tmp_path / machine, addresses, values)
            port = ports.get(kind) or free_ports(1)[0]
            environment = place.environment(process) | {
                "EVENTSINK_EXCHANGE__MANAGEMENT": f"http://127.0.0.1:{rabbitmq.management}",
                f"EVENTSINK_{'COLLECT' if kind in ports else 'TELEMETRY'}__PORT": str(port),
            }
            for name in process.folders:
                Path(place.inside(name)).mkdir(mode=0o700, parents=True, exist_ok=True)
            if kind in ports and "EVENTSINK_COLLECT__KEYS" in environment:
                copy_keys(keys.path, Path(environment["EVENTSINK_COLLECT__KEYS"]))
            words = [{"8751": str(port)}.get(word, word) for word in process.words]
            words = [place.inside(word) if word.startswith("/") else word for word in words]
            log = tmp_path / f"{process.where.replace('/', '-')}.log"
            one = Ready(*words, port=port, log=log, environment=environment)
            stack.callback(one.close)
            one.launch()
            running[" ".join(process.words[: 2 if kind == "worker" else 1])] = one
        for name, one in running.items():
            one.wait_for(one.is_ready, patience=TOGETHER)
            assert not one.port or health_check(one.port) == 0, name
        assert {"serve", "api", "worker influxdb", "monitor"} <= set(running)
        event = json.dumps({"type": "users.login", "user": "alice", "data": {"method": "userpass"}}).encode()
        assert answer(ports["api"], "/v1/events", key, event)[0] == 202
        running["worker influxdb"].wait_for(lambda: has_event(influxdb, vhost), patience=TOGETHER)
        with ThreadPoolExecutor() as pool:  # all at once, as when a machine goes down
            assert [*pool.map(Ready.stop, running.values())] == [0] * len(running)
    assert health_check(ports["api"]) == 1, "nothing answers any more"


def has_event(influxdb, database: str) -> bool:
    if not influxdb.query(database, "SHOW MEASUREMENTS"):
        return False
    return bool(influxdb.query(database, 'SELECT "user" FROM "users"'))


def copy_keys(source: Path, target: Path) -> None:
    """What a Secret of Kubernetes does: it is mounted as a file that nobody can write."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    target.chmod(0o400)
    target.parent.chmod(0o500)


def health_check(port: int) -> int:
    command = [sys.executable, DEPLOY / "healthcheck.py"]
    done = processes.run(command, env={**without_settings(), "EVENTSINK_COLLECT__PORT": str(port)}, capture_output=True)
    return int(done.returncode)
