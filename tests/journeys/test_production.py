"""Fault runs: whatever is killed, hangs, is full or says no, every accepted event is at every destination once."""

import http.client
import json
import random
import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

import pika
import pytest

from eventsink.dialects import read
from tests.journeys.flood import Flood
from tests.journeys.production import Api, Production, production
from tests.servers.moody_proxy import moody_proxy
from tests.servers.process import free_ports
from tests.stalls import Stalls, stalls

PAUSE = 0.3  # seconds between two posts of a client: each test reads all events of all others at three destinations


class Clowder:
    """Publishes like Clowder: straight into the exchange, one JSON object a message, no properties at all.

    Every hundredth message is broken in one of the ways of the field. It remembers what the broker has confirmed.
    """

    BROKEN = (
        "not json: %d",
        '"%d"',
        '[{"category": "upload", "size": "many", "created": %d}]',
        '{"some": "object", "n": %d}',
        '{"category": "download", "type": "file", "created": [%d]}',
        '{"category": "no name", "created": %d}',
    )

    def __init__(self, url: str, seed: int) -> None:
        self.confirmed: list[str] = []
        self.broken = 0
        self._url = url
        self._chance = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._publish_until_it_breaks()
            except (pika.exceptions.AMQPError, OSError):  # killed: what was not confirmed may be there or not
                time.sleep(0.2)

    def _publish_until_it_breaks(self) -> None:
        parameters = pika.URLParameters(self._url)
        parameters.blocked_connection_timeout = 2
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        channel.confirm_delivery()
        while not self._stop.is_set():
            if self._chance.random() < 0.01:
                body = self._chance.choice(self.BROKEN) % (1_606_150_000_000 + self.broken)
                channel.basic_publish("clowder.metrics", "", body.encode())
                self.broken += 1
            else:
                message = self._message()
                channel.basic_publish("clowder.metrics", "", json.dumps(message).encode("latin-1"))
                self.confirmed.append(str(read(message).id))
            time.sleep(0.002)
        connection.close()

    def _message(self) -> dict[str, Any]:
        return {
            "category": "download",
            "type": "file",
            "resource_id": f"{self._chance.getrandbits(96):024x}",
            "resource_name": "Meßwerte.csv",
            "user_id": f"{self._chance.randrange(50):024x}",
            "user_name": "Zoë",
            "size": self._chance.randrange(10**9),
            "created": int(time.time() * 1000),
        }


@contextmanager
def _looking(setup: Production) -> Iterator[list[dict[str, Any]]]:
    """Look at the accounts all the time: they balance at every look, and no count goes back."""
    looks: list[dict[str, Any]] = []
    failures: list[BaseException] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            try:
                looks.append(setup.serve.accounts(fresh=False))
                _check_on(*looks[-2:])
            except (OSError, http.client.HTTPException):  # serve is being killed, also in the midst of an answer
                time.sleep(0.2)
            except AssertionError as error:
                failures.append(error)
                return
            time.sleep(0.1)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield looks
    finally:
        stop.set()
        thread.join(60)
    assert not failures, failures
    assert len(looks) > 3, "the books were looked at"


def _check_on(before: dict[str, Any], after: dict[str, Any] | None = None) -> None:
    for name, account in (after or {}).items():
        for count in ("accepted", "delivered", "missing"):
            then = before.get(name, account)[count]
            assert account[count] >= then, f"{count} of {name} went back from {then}: {account}"


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """All servers and processes, for the tests of this file: each leaves them well."""
    with production(tmp_path_factory.mktemp("production")) as running:
        yield running


def _check(setup: Production, flood: Flood, clowder: Clowder | None = None) -> dict[str, dict[str, Any]]:
    """Every accepted id is at every destination once; the books agree; nothing that was refused is there."""
    setup.settle()
    wanted = set(flood.accepted) | set(clowder.confirmed if clowder else ())
    assert len(flood.accepted) > 100, f"the flood came through: {flood.statuses}"
    assert 401 not in flood.statuses, "a good key is good whatever is killed"
    found = setup.ids()
    for name, ids in found.items():
        missing, twice = wanted - ids.keys(), [event_id for event_id, count in ids.items() if count > 1]
        assert not missing, f"{len(missing)} of {len(wanted)} accepted events are not in {name}"
        assert not twice, f"{len(twice)} events are more than once in {name}"
        assert not set(flood.rejected) & ids.keys(), f"nothing that was refused is in {name}"
        again = setup.replayed if name == "influxdb" else 0
        setup.counted(name, len(ids) + again)
    return _check_missing(setup, found)


def _check_missing(setup: Production, found: dict[str, Counter[str]]) -> dict[str, dict[str, Any]]:
    """What is missing is what other destinations have, to the event; gives the accounts.

    Of a message that Clowder published while RabbitMQ was killed, and that was never confirmed, some queues may have a
    copy and others not. Nothing else is missing. It is said when it has been so for some seconds.
    """
    everything, deadline = set().union(*found.values()), time.monotonic() + 60
    while True:
        accounts = setup.serve.accounts()
        most_dead = max(accounts[name]["dead"] for name in found)
        elsewhere = {
            name: len(everything - ids.keys()) + most_dead - accounts[name]["dead"] for name, ids in found.items()
        }
        if all(accounts[name]["missing"] == count for name, count in elsewhere.items()):
            return accounts
        assert time.monotonic() < deadline, f"{elsewhere} are missing: {accounts}"
        time.sleep(0.2)


def _kill_in_turn(setup: Production, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    processes: list[Any] = [
        setup.rabbitmq,
        setup.influxdb,
        setup.api,
        *setup.workers.values(),
        setup.serve,
        setup.mongodb,
    ]
    for number in range(rounds):
        time.sleep(chance.uniform(0.5, 2.0))
        victim = processes[number % len(processes)]
        victim.kill()
        victim.start()


def _fault_run(setup: Production, rounds: int, seed: int) -> None:
    dead_before = {name: account["dead"] for name, account in setup.serve.accounts().items()}
    flood = Flood(setup.serve, setup.api, clients=4, broken=0.01, seed=seed, pause=PAUSE)
    clowder = Clowder(setup.rabbitmq.url, seed)
    with _looking(setup), flood, clowder:
        _kill_in_turn(setup, rounds, seed)
        time.sleep(1.0)
    accounts = _check(setup, flood, clowder)
    assert len(clowder.confirmed) > 10, "Clowder came through"
    for name, account in accounts.items():
        assert account["dead"] - dead_before[name] >= clowder.broken, f"broken messages are dead letters of {name}"


def test_nothing_is_lost_or_doubled_when_each_process_is_killed_once(setup: Production) -> None:
    _fault_run(setup, rounds=7, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 5))
def test_nothing_is_lost_or_doubled_when_processes_are_killed_for_minutes(tmp_path: Path, seed: int) -> None:
    with production(tmp_path) as setup:
        _fault_run(setup, rounds=42, seed=seed)


def test_sigterm_in_mid_batch_loses_nothing(setup: Production) -> None:
    flood = Flood(setup.serve, setup.api, clients=4, seed=11, pause=PAUSE)
    with _looking(setup), flood:
        for process in _processes(setup):
            time.sleep(0.5)
            assert process.stop() == 0, f"it ends cleanly: {process.log.read_text()[-2000:]}"
            process.start()
    _check(setup, flood)
    for process in _processes(setup):
        assert "Traceback" not in process.log.read_text(), process.log.read_text()[-3000:]


def test_an_alarm_of_rabbitmq_fills_the_spool_and_loses_nothing(setup: Production) -> None:
    flood = Flood(setup.serve, setup.api, clients=4, seed=12, pause=PAUSE)
    with _looking(setup), flood:
        time.sleep(1.0)
        setup.rabbitmq.control("set_vm_memory_high_watermark", "0.000001")
        try:
            _wait_for(lambda: setup.metric(setup.api, "eventsink_spool_events") > 0, "the spool takes events")
            accepted = len(flood.accepted)
            _wait_for(lambda: len(flood.accepted) > accepted + 100, "the answers are 202 all the same")
            _wait_for(lambda: setup.serve.request("GET", "/readyz")[1]["exchange"] == "away", "readyz says so")
            assert setup.serve.request("GET", "/readyz")[0] == 200
        finally:
            setup.rabbitmq.control("set_vm_memory_high_watermark", "0.4")
        time.sleep(1.0)
    _check(setup, flood)


def test_what_a_door_left_in_its_spool_is_forwarded_by_the_next_on_another_port(setup: Production) -> None:
    folder, (first, second, nobody) = setup.folder / "left", free_ports(3)
    folder.mkdir()
    shutil.copytree(setup.folder / "var", folder / "var", ignore=lambda *_: ["store", "accounts.db", "running.json"])
    away = setup.environment | {"EVENTSINK_EXCHANGE__URL": f"amqp://guest:guest@127.0.0.1:{nobody}"}
    ids = [f"left-{number}" for number in range(30)]
    with closing(Api(folder, first, setup.key, away)) as door:
        door.start()
        body = json.dumps([{"type": "left.behind", "id": one, "data": {}} for one in ids])
        with closing(door.connect()) as connection:
            connection.request("POST", "/v1/events", body, {"X-API-Key": setup.key, "Content-Type": "application/json"})
            assert connection.getresponse().status == 202
        door.kill()
    with closing(Api(folder, second, setup.key, setup.environment)) as door:
        door.start()
        _wait_for(lambda: not [*(folder / "var").glob("spool-*-*.db")], "the other spool is forwarded and gone")
        _wait_for(lambda: len(_stored(setup, "left.behind")) >= len(ids), "they are stored")
        setup.settle()
    assert sorted(_stored(setup, "left.behind")) == sorted(ids)


def _stored(setup: Production, kind: str) -> list[str]:
    """The ids of the stored events of a type."""
    _, page = setup.serve.request("GET", f"/v1/events?type={kind}&limit=1000")
    return [event["id"] for event in page["events"]]


def test_probes_answer_within_a_second_while_rabbitmq_hangs(setup: Production) -> None:
    assert setup.serve.post({"type": "hang.before", "data": {}})[0] == 202
    setup.settle()
    with stalls() as stalled:
        # A loaded machine is slow by itself, and now and then runs nobody.
        usual = max(seconds for _ in range(3) for seconds in _probed(setup, stalled))
        setup.rabbitmq.freeze()
        try:
            for _ in range(20):
                slowest = max(_probed(setup, stalled))
                assert slowest < 1.0 + usual, f"a probe took {slowest:.1f} seconds; {usual:.1f} before"
                time.sleep(0.3)
            assert setup.serve.request("GET", "/v1/status")[1]["age_seconds"] > 1.0, "and it is said how old that is"
            assert setup.serve.post({"type": "hang.meanwhile", "data": {}})[0] == 202, "as /readyz has said"
        finally:
            setup.rabbitmq.thaw()
    _wait_for(lambda: setup.serve.request("GET", "/v1/status")[1]["age_seconds"] < 1.0, "it is seen again")
    _wait_for(lambda: bool(_stored(setup, "hang.meanwhile")), "it is stored")
    setup.settle()
    assert len(_stored(setup, "hang.meanwhile")) == 1


def _probed(setup: Production, stalled: Stalls) -> Iterator[float]:
    """Seconds that each probe takes, and the status."""
    for door in (setup.serve, setup.api):
        for path in ("/healthz", "/readyz", "/metrics"):
            started = time.monotonic()
            connection = door.connect()
            connection.request("GET", path)
            status = connection.getresponse().status
            connection.close()
            assert status == 200, path
            yield stalled.running(started)
    started = time.monotonic()
    status, seen = setup.serve.request("GET", "/v1/status")
    assert status == 200
    assert seen["workers"]["store"]["accepted"] >= 1, "what was seen last is still known"
    yield stalled.running(started)


@pytest.mark.parametrize("seconds", [6.0, pytest.param(120.0, marks=pytest.mark.soak)])
def test_a_destination_that_hangs_delays_nobody_else(setup: Production, seconds: float) -> None:
    flood = Flood(setup.serve, setup.api, clients=2, seed=13, pause=PAUSE)
    with stalls() as stalled:
        usual = max(_delay(setup, stalled) for _ in range(3))  # a loaded machine is slow by itself
        setup.influxdb.freeze()
        try:
            with _looking(setup), flood:
                deadline, slowest = time.monotonic() + seconds, 0.0
                while time.monotonic() < deadline:
                    slowest = max(slowest, _delay(setup, stalled))
            assert slowest < 2.0 + usual, (
                f"an event took {slowest:.1f} seconds to the store and MongoDB; {usual:.1f} before"
            )
            _wait_for(
                lambda: setup.serve.accounts()["influxdb"]["waiting"] >= len(flood.accepted),
                "what InfluxDB does not take is waiting, as events",
            )
        finally:
            setup.influxdb.thaw()
    _check(setup, flood)


def test_a_destination_that_says_no_is_asked_again_until_it_takes_all(setup: Production) -> None:
    with moody_proxy(setup.influxdb.url) as mood:
        worker = setup.workers["influxdb"]
        worker.stop()
        moody = setup.worker("influxdb", 2, EVENTSINK_WORKERS__INFLUXDB__URL=mood.url)
        moody.start()
        try:
            flood = Flood(setup.serve, setup.api, clients=2, seed=14, pause=PAUSE)
            with _looking(setup), flood:
                for status, headers in ((500, {}), (503, {"Retry_After": "1"}), (429, {"Retry_After": "1"})):
                    before = mood.refused
                    with mood.answering(status, b'{"error": "timeout"}', **headers):
                        _wait_for(lambda before=before: mood.refused > before, "it is asked")  # type: ignore[misc]
                        _wait_for(lambda: "paused" in _state(setup, "influxdb"), "status says that it is paused")
            _check(setup, flood)
        finally:
            moody.stop()
            worker.start()


def test_two_processes_of_one_worker_share_its_queue(setup: Production) -> None:
    second = setup.worker("mongodb", 2)
    second.start()
    try:
        flood = Flood(setup.serve, setup.api, clients=4, seed=15, pause=PAUSE)
        with _looking(setup), flood:
            time.sleep(2.0)
            second.kill()
            second.start()
            time.sleep(1.0)
        _check(setup, flood)
        _wait_for(lambda: "2 processes" in _state(setup, "mongodb"), "both are there")
    finally:
        second.stop()


def test_replay_delivers_the_stored_events_to_a_worker_again_and_adds_none(setup: Production) -> None:
    flood = Flood(setup.serve, clients=2, seed=16, pause=0.02)
    with flood:
        _wait_for(lambda: len(flood.accepted) > 100, "there is something to replay")
    before = _check(setup, flood)
    stored = len(setup.serve.stored_ids())
    done, after = 0, 0
    while after is not None:
        status, answer = setup.serve.request("POST", "/v1/replay", {"to": "influxdb", "after": after})
        assert status == 200, answer
        done, after = done + answer["replayed"], answer["next"]
    assert done == stored
    setup.replayed += done
    setup.settle()
    accounts = setup.counted("influxdb", before["influxdb"]["delivered"] + stored)
    assert accounts["mongodb"]["delivered"] == before["mongodb"]["delivered"], "no other worker is bothered"
    assert max(setup.ids()["influxdb"].values()) == 1, "InfluxDB has one of each"


def _processes(setup: Production) -> list[Any]:
    return [*setup.workers.values(), setup.api, setup.serve]


def _delay(setup: Production, stalled: Stalls) -> float:
    """Seconds until an event posted now is in the store and in MongoDB."""
    event_id = str(uuid.uuid4())
    with setup.mongodb.connect() as client:  # the server of the tests looks at all documents for an `_id` that is one
        client["eventsink"].events.create_index("subject")
    assert setup.serve.post({"id": event_id, "type": "bench.probe", "subject": event_id})[0] == 202
    begun = time.monotonic()
    with setup.mongodb.connect() as client:
        collection = client["eventsink"].events
        _wait_for(lambda: bool(setup.serve.request("GET", f"/v1/events?id={event_id}")[1]["events"]), "it is stored")
        _wait_for(lambda: collection.find_one({"subject": event_id}) is not None, "it is in MongoDB")
        return stalled.running(begun)


def _state(setup: Production, worker: str) -> str:
    return str(setup.serve.accounts()[worker]["state"])


def _wait_for(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, f"not so: {what}"
        time.sleep(0.02)
