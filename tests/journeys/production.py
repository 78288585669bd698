"""The whole of a production set-up in real processes: RabbitMQ, InfluxDB, MongoDB, `serve`, `api` and the workers."""

import http.client
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from tests import processes
from tests.servers.influxdb import InfluxDB
from tests.servers.mongodb import MongoDB
from tests.servers.process import free_ports
from tests.servers.rabbitmq import RabbitMQ
from tests.sink_process import PATIENCE, Process, SinkProcess

__all__ = ["Api", "Production", "WorkerProcess", "production"]

DATABASE = "eventsink"
WORKERS = ("influxdb", "mongodb")


class Api(Process):
    """`eventsink api`, a door beside that of `serve`."""

    def __init__(self, folder: Path, port: int, key: str, environment: dict[str, str]) -> None:
        words = ("api", "--data", str(folder / "var"), "--port", str(port))
        super().__init__(*words, log=folder / f"api-{port}.log", environment=environment)
        self.key = key
        self.port = port

    def connect(self) -> http.client.HTTPConnection:
        """A connection of one's own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def start(self) -> "Api":
        """Start it and wait until it answers."""
        self.launch()
        self.wait_for(self._answers)
        return self

    def _answers(self) -> bool:
        connection = self.connect()
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class WorkerProcess(Process):
    """`eventsink worker`."""

    def start(self) -> "WorkerProcess":
        """Start it, and wait until it has said that it runs."""
        runs = self.log.read_text().count("worker.running") if self.log.exists() else 0
        self.launch()
        self.wait_for(lambda: self.log.read_text().count("worker.running") > runs)
        return self


class Production:
    """All servers and processes; each can be killed and started again.

    Args:
        folder: for their data and logs.
        rabbitmq: where the exchange is.
        workers: names of those in the settings, which run; more processes of them may be started later.
        environment: more settings.
    """

    def __init__(
        self,
        folder: Path,
        rabbitmq: RabbitMQ,
        influxdb: InfluxDB,
        mongodb: MongoDB,
        *,
        workers: Sequence[str] = WORKERS,
        **environment: str,
    ) -> None:
        self.folder = folder
        self.rabbitmq, self.influxdb, self.mongodb = rabbitmq, influxdb, mongodb
        self.environment = {
            "EVENTSINK_EXCHANGE__URL": rabbitmq.url,
            "EVENTSINK_EXCHANGE__MANAGEMENT": f"http://127.0.0.1:{rabbitmq.management}",
            **{f"EVENTSINK_WORKERS__{name.upper()}__DATABASE": DATABASE for name in workers},
            **{f"EVENTSINK_WORKERS__{name.upper()}__URL": getattr(self, name).url for name in workers},
            **environment,
        }
        serve, api = free_ports(2)
        self.serve = SinkProcess(folder / "var", command="serve", port=serve, environment=self.environment)
        self.key = self.serve.lasting_key = self._create_key()
        self.replayed = 0  # events that InfluxDB was given again
        self.api = Api(folder, api, self.key, self.environment)
        self.workers = {name: self.worker(name) for name in workers}

    def worker(self, name: str, number: int = 1, **environment: str) -> "WorkerProcess":
        """A process of a worker, not started yet."""
        log = self.folder / f"worker-{name}-{number}.log"
        return WorkerProcess("worker", name, log=log, environment={**self.environment, **environment})

    def start(self) -> None:
        """Start the processes of the sink."""
        self.serve.start()
        self.api.start()
        for worker in self.workers.values():
            worker.start()
        self.wait_for_queues(*self.workers)
        time.sleep(1.5)  # RabbitMQ 3.10 forgets part of a quorum queue that was made less than a second before kill -9

    def close(self) -> None:
        """Make sure that the processes of the sink are gone."""
        for process in (self.api, *self.workers.values(), self.serve):
            process.close()

    def wait_for_queues(self, *workers: str) -> None:
        """Wait until the workers have made their queues: from then on nothing passes them by."""
        deadline = time.monotonic() + PATIENCE
        while not set(workers) <= self.serve.accounts().keys():
            assert time.monotonic() < deadline, f"these workers have no queues: {workers}"
            time.sleep(0.1)

    def ids(self) -> dict[str, Counter[str]]:
        """The ids of the events at each destination, and how often each is there."""
        with self.mongodb.connect() as client:
            documents = Counter(document["_id"]["id"] for document in client[DATABASE].events.find({}, {"_id": 1}))
        found = {"store": Counter(self.serve.stored_ids()), "mongodb": documents, "influxdb": Counter[str]()}
        for measurement in self.influxdb.query(DATABASE, "SHOW MEASUREMENTS"):
            rows = self.influxdb.query(DATABASE, f'SELECT event_id FROM "{measurement["name"]}"')
            found["influxdb"].update(row["event_id"] for row in rows)
        return found

    def settle(self, seconds: float = 120) -> dict[str, dict[str, Any]]:
        """Wait until the spool is empty and nothing waits; gives the accounts."""
        deadline = time.monotonic() + seconds
        quiet = 0
        while True:
            status, spool = self.serve.status(), self._spooled_at_api()
            waiting = sum(account["waiting"] for account in self.serve.accounts().values())
            quiet = quiet + 1 if not spool and not status["spool"]["events"] and not waiting else 0
            if quiet == 3:
                return self.serve.accounts()
            assert time.monotonic() < deadline, f"events still wait: {status}, {spool} in the spool of the other door"
            time.sleep(0.2)

    def _spooled_at_api(self) -> int:
        """Events in the spool of the other door; -1 while it does not say how it is now."""
        asked = time.monotonic()
        with closing(self.api.connect()) as connection:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            said = json.loads(answer.read())
        now = answer.status == 200 and said["age_seconds"] <= time.monotonic() - asked
        return int(said["spool"]["events"]) if now else -1

    def counted(self, worker: str, delivered: int, seconds: float = 30) -> dict[str, dict[str, Any]]:
        """The accounts, once they say that a worker has delivered so many: front doors and workers tell it a little
        later than it happens. Each must be counted once, so it is no more than that at any time."""
        deadline = time.monotonic() + seconds
        while (accounts := self.serve.accounts())[worker]["delivered"] != delivered:
            assert accounts[worker]["delivered"] < delivered, f"{worker} has counted some twice: {accounts[worker]}"
            assert time.monotonic() < deadline, f"{worker} has not counted each of {delivered} once: {accounts[worker]}"
            time.sleep(0.2)
        return accounts

    def metric(self, door: Api, name: str) -> float:
        """A value that a door shows to Prometheus."""
        connection = door.connect()
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))

    def _create_key(self) -> str:
        command = [sys.executable, "-m", "eventsink", "keys", "create", "--data", str(self.folder / "var")]
        command += ["--scope", "admin,ingest", "--format", "json"]
        made = processes.run(command, check=True, capture_output=True, text=True)
        return str(json.loads(made.stdout)["key"])


@contextmanager
def production(
    folder: Path, broker: type[RabbitMQ] = RabbitMQ, workers: Sequence[str] = WORKERS, **environment: str
) -> Iterator[Production]:
    """A running set-up with servers of its own: RabbitMQ, and those of the workers."""
    with ExitStack() as stack:
        rabbitmq = broker(folder / "rabbitmq")
        influxdb, mongodb = InfluxDB(folder / "influxdb"), MongoDB(folder / "mongodb")
        destinations = {"influxdb": influxdb, "mongodb": mongodb}
        servers = (rabbitmq, *(destinations[name] for name in workers))
        for server in servers:
            stack.callback(server.close)
            server.launch()
        for server in servers:
            server.wait()
        running = Production(folder, rabbitmq, influxdb, mongodb, workers=workers, **environment)
        stack.callback(running.close)
        running.start()
        yield running
