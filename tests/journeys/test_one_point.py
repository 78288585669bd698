"""One event is one point in InfluxDB: workers that are killed, large requests without times, `send` cut short."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests import processes
from tests.journeys.production import DATABASE, Api, Production, WorkerProcess, production

REQUEST = 20_000  # events, all of one series, none with an id or a time
PATIENCE = 600  # seconds


def _post(door: Api, key: str, requests: int, accepted: list[int]) -> None:
    body = b"\n".join(b'{"type":"mill.run","data":{"n":%d}}' % number for number in range(REQUEST))
    headers = {"X-API-Key": key, "Content-Type": "application/x-ndjson"}
    for _ in range(requests):
        status, content = 0, b""
        while status != 202:  # it is asked again while it is full, and has then taken nothing
            with closing(door.connect()) as connection:
                connection.request("POST", "/v1/events", body, headers)
                answer = connection.getresponse()
                status, content = answer.status, answer.read()
            assert status in (202, 429, 503), content
            if status != 202:
                time.sleep(1.0)
        accepted.append(json.loads(content)["accepted"])


@contextmanager
def _killing(workers: list[WorkerProcess], seed: int) -> Iterator[list[WorkerProcess]]:
    """Kill and start one worker after the other."""
    stop, killed, chance = threading.Event(), [], random.Random(seed)
    failures: list[BaseException] = []

    def kill() -> None:
        try:
            while not stop.wait(chance.uniform(1.0, 3.0)):
                worker = chance.choice(workers)
                worker.kill()
                worker.start()
                killed.append(worker)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            failures.append(error)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()
    assert not failures, failures


def _send(setup: Production, file: Path, kills: int) -> None:
    """Send a file, killed some times on its way."""
    command = [sys.executable, "-m", "eventsink", "send", str(file), "--key", setup.key]
    command += ["--url", f"http://127.0.0.1:{setup.api.port}", "--format", "json"]
    environment = {**os.environ, "XDG_STATE_HOME": str(setup.folder / "state")}
    for _ in range(kills):
        sending = processes.start(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.2)
        sending.kill()
        processes.end(sending)
    processes.run(command, env=environment, check=True, capture_output=True, timeout=PATIENCE)


def _points(setup: Production, measurement: str) -> Counter[str]:
    return Counter(row["event_id"] for row in setup.influxdb.query(DATABASE, f"SELECT event_id FROM {measurement}"))


@pytest.mark.parametrize(
    ("requests", "lines"),
    [(1, 30_000), pytest.param(25, 50_000, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])],
)
def test_every_accepted_event_is_one_point(tmp_path: Path, requests: int, lines: int) -> None:
    file = tmp_path / "lines.ndjson"
    file.write_bytes(b"\n".join(b'{"type":"saw.cut","data":{"n":%d}}' % number for number in range(lines)))
    with production(tmp_path, workers=["influxdb"]) as setup:
        workers = [setup.workers["influxdb"], *(setup.worker("influxdb", number) for number in (2, 3))]
        try:
            for worker in workers[1:]:
                worker.start()
            accepted: list[int] = []
            # At one door: of events that two doors take in one microsecond, one in a thousand meets another, as
            # docs/influxdb.md says.
            clients = [
                threading.Thread(target=_post, args=(setup.api, setup.key, requests, accepted)) for _ in range(2)
            ]
            with _killing(workers, seed=requests) as killed:
                for client in clients:
                    client.start()
                _send(setup, file, kills=2)
                for client in clients:
                    client.join(PATIENCE)
                setup.settle(PATIENCE)
            assert killed, "workers were killed meanwhile"
            assert sum(accepted) == 2 * requests * REQUEST
            accounts = setup.settle(PATIENCE)
            for measurement, events in (("mill", sum(accepted)), ("saw", lines)):
                points = _points(setup, measurement)
                assert len(points) == events, "each accepted event is a point"
                assert points.total() == events, "and no two"
            # What `send` had on its way when it was killed is accepted twice, and is one event all the same.
            assert accounts["influxdb"]["delivered"] == accounts["store"]["delivered"] >= sum(accepted) + lines
            assert len(setup.serve.stored_ids()) == sum(accepted) + lines
            assert accounts["influxdb"]["missing"] == 0
        finally:
            for worker in workers[1:]:
                worker.close()
