"""The doctor sends an event and sees it arrive, or says where it did not."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import Result

from eventsink.cli import canary
from eventsink.cli.canary import examine_canary
from eventsink.client.sink import Sink
from eventsink.keys import KeyFile
from tests.cli.fake_sink import Answer, FakeSink, accept
from tests.servers.process import eventually, free_ports
from tests.sink_process import SinkProcess


@pytest.fixture(scope="module")
def crippled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """A sink with a worker whose destination is away, and one that asks for other types."""
    (nowhere,) = free_ports(1)
    environment = {
        "EVENTSINK_WORKERS__INFLUXDB__URL": f"http://127.0.0.1:{nowhere}",
        "EVENTSINK_WORKERS__ECHO__TYPES": "users.*",
    }
    sink = SinkProcess(tmp_path_factory.mktemp("crippled") / "var", environment=environment)
    yield sink.start()
    sink.close()


def test_a_canary_arrives_at_each_worker_that_asks_for_it(crippled: SinkProcess) -> None:
    with Sink(crippled.url, crippled.key) as sink:
        # It is delivered once the first event shows that the destination is away; then nobody waits for it.
        _wait_until_paused(sink, "influxdb")
        found = {each.check: each for each in examine_canary(sink, sink.get("/v1/status"), patience=60.0)}
        assert found.keys() == {"canary to store", "canary to influxdb"}
        assert found["canary to store"].ok
        assert re.fullmatch(r"delivered after \d+\.\d\d s", found["canary to store"].found)
        missed = found["canary to influxdb"]
        waited = re.fullmatch(r"not delivered within (\d+) s", missed.found)
        assert not missed.ok and waited and int(waited[1]) < 60, "who is paused is not waited for"
        assert "paused since" in missed.remedy and "InfluxDB" in missed.remedy
        events = sink.get("/v1/events", type="health.canary_update")["events"]
        assert {event["data"]["by"] for event in events} == {"doctor"}


def _wait_until_paused(sink: Sink, worker: str) -> None:
    sink.post("/v1/events", [{"type": "demo.first"}])
    eventually(lambda: "paused since" in sink.get("/v1/status")["workers"][worker]["state"], f"{worker} is paused")


def test_another_canary_that_came_after_ours_shows_the_same(crippled: SinkProcess) -> None:
    with Sink(crippled.url, crippled.key) as here:
        before = {"workers": {"store": here.get("/v1/status")["workers"]["store"]}}
        (first,) = examine_canary(here, before)
        (second,) = examine_canary(here, before)
        assert first.ok and second.ok, "each waits for its own, or a later one"


def test_a_key_that_may_not_send_is_no_fault_and_how_to_have_one_is_said(crippled: SinkProcess) -> None:
    key = KeyFile(crippled.data / "keys.db").create(["read"]).key
    with Sink(crippled.url, key) as sink:
        (found,) = examine_canary(sink, {"workers": {}})
    assert found.ok and "eventsink keys create --scope ingest --scope read" in found.found


def test_a_sink_that_takes_nothing_now_is_a_fault() -> None:
    (nowhere,) = free_ports(1)
    with Sink(f"http://127.0.0.1:{nowhere}", "key") as sink:
        (found,) = examine_canary(sink, {"workers": {}})
    assert not found.ok and found.remedy


def test_the_doctor_and_the_status_say_it(crippled: SinkProcess, run: Callable[..., Result]) -> None:
    told = run("doctor", "--data", crippled.data, "--format", "json")
    checks = {each["check"]: each["ok"] for each in map(json.loads, told.stdout.splitlines())}
    assert checks["canary to store"] and not checks["canary to influxdb"] and told.exit_code == 1
    (line,) = [line for line in run("status", "--data", crippled.data).stdout.splitlines() if line[:6] == "Canary"]
    assert line.split()[1] == "store" and line.endswith("UTC")


def test_with_the_exchange_away_nobody_is_told_to_start_or_forget_a_worker_that_runs() -> None:
    status = {"exchange": "away", "workers": {"echo": {"state": "not running", "types": ["*"]}}}

    def answer(lines: list[bytes]) -> Answer:
        return accept(lines) if lines else (200, {}, status)

    with FakeSink(answer) as fake, Sink(fake.url, "key") as sink:
        (found,) = examine_canary(sink, status)
    assert not found.ok and "exchange is away" in found.remedy and "forget" not in found.remedy


def test_a_worker_that_was_just_restarted_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "STUCK", 0.0)
    monkeypatch.setattr(canary, "LOOK_EVERY", 0.0)
    worker = {"state": "not running", "types": ["*"]}

    class Starting(Sink):
        looks = 0

        def get(self, path: str, **query: Any) -> dict[str, Any]:
            self.looks += 1
            last = {"id": "zzzz", "delay_seconds": 0.1, "at": "2026-11-29T00:00:00Z"}
            return {"workers": {"echo": worker | ({"canary": last} if self.looks > 3 else {})}}

        def post(self, path: str, content: object) -> dict[str, Any]:
            return {}

    with Starting("http://127.0.0.1:1") as sink:
        (found,) = examine_canary(sink, {"workers": {"echo": worker}})
    assert found.ok


def test_an_id_that_a_sender_chose_shows_nothing_when_it_was_there_before() -> None:
    last = {"id": "zzzz", "delay_seconds": 0.0, "at": "2026-11-29T00:00:00Z"}
    status = {"workers": {"store": {"types": [], "state": "delivering", "waiting": 0, "canary": last}}}

    class Stuck(Sink):
        def get(self, path: str, **query: Any) -> dict[str, Any]:
            return status

        def post(self, path: str, content: object) -> dict[str, Any]:
            return {}

    with Stuck("http://127.0.0.1:1") as sink:
        (found,) = examine_canary(sink, status, patience=0.1)
    assert not found.ok
