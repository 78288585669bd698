"""What a front door says of itself: canaries, reports, readiness by part, and numbers."""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eventsink.assemble.telling import report
from eventsink.catalogue import CATALOGUE, validate
from eventsink.collect import api
from eventsink.collect.problems import Problem
from eventsink.collect.readiness import Part, is_ready, parts_of_workers, readiness
from eventsink.collect.refusals import REASONS
from eventsink.keyring import Keyring
from eventsink.keys import KeyFile
from eventsink.settings import load
from tests.servers.process import eventually, free_ports
from tests.sink_process import SinkProcess

EVERY = {"EVENTSINK_TELEMETRY__EVERY": "0.3"}


@pytest.fixture(scope="module")
def teller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """A sink that tells of itself, with a worker that asks for nothing of that and one that cannot deliver it."""
    (nowhere,) = free_ports(1)
    environment = EVERY | {
        "EVENTSINK_WORKERS__ECHO__TYPES": "users.*",
        "EVENTSINK_WORKERS__INFLUXDB__URL": f"http://127.0.0.1:{nowhere}",
    }
    sink = SinkProcess(tmp_path_factory.mktemp("teller") / "var", environment=environment)
    yield sink.start()
    sink.close()


def value(sink: SinkProcess, metric: str) -> float:
    """Of a metric of a sink."""
    _, text = sink.request("GET", "/metrics", key="")
    found = re.search(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)
    assert found, f"{metric} is not in\n{text}"
    return float(found[1])


def stored(sink: SinkProcess, kind: str) -> list[dict[str, Any]]:
    """What the sink has said of itself, by type, as it is in the store, the newest first."""
    return list(sink.request("GET", f"/v1/events?type={kind}&source=eventsink")[1]["events"])


def test_each_period_has_a_canary_and_a_report_of_each_worker(teller: SinkProcess) -> None:
    eventually(lambda: len(stored(teller, "health.canary_update")) >= 3, "some canaries are stored")
    canaries = stored(teller, "health.canary_update")
    assert {event["data"]["by"] for event in canaries} == {"schedule"}
    reports = stored(teller, "health.sink_update")
    assert {event["data"]["worker"] for event in reports} == {"store", "echo", "influxdb"}
    newest = next(event["data"] for event in reports if event["data"]["worker"] == "influxdb")
    assert newest["waiting"] == newest["accepted"] > 0 and newest["lag_s"] > 0
    assert (newest["delivered"], newest["unready"]) == (0, "")


def test_who_delivers_has_seen_them_and_who_does_not_ask_has_none(teller: SinkProcess) -> None:
    eventually(lambda: teller.accounts()["store"]["canary"] is not None, "the store has seen a canary")
    accounts = teller.accounts()
    canary = accounts["store"]["canary"]
    assert canary.keys() == {"id", "delay_seconds", "at"} and 0 <= canary["delay_seconds"] < 30
    assert accounts["echo"] | {"canary": None, "types": ["users.*"]} == accounts["echo"]
    assert accounts["influxdb"]["canary"] is None

    assert value(teller, 'eventsink_canary_age_seconds{worker="store"}') < 30
    assert value(teller, 'eventsink_canary_delay_seconds{worker="store"}') < 30
    _, text = teller.request("GET", "/metrics")
    assert 'eventsink_canary_age_seconds{worker="influxdb"}' in text, "it should have had one since the start"
    assert 'eventsink_canary_age_seconds{worker="echo"}' not in text
    assert value(teller, "eventsink_telemetry_period_seconds") == 0.3
    assert value(teller, "eventsink_telemetry_events_total") <= value(teller, "eventsink_events_accepted_total")


def test_a_worker_that_waits_is_a_part_that_is_not_ready_and_not_needed(teller: SinkProcess) -> None:
    eventually(lambda: value(teller, 'eventsink_worker_paused{worker="influxdb"}') == 1, "it is paused")
    status, ready = teller.request("GET", "/readyz", key="")
    assert (status, ready["status"]) == (200, "ready")
    parts = {part["part"]: part for part in ready["parts"]}
    assert parts.keys() >= {"exchange", "spool", "keys", "accounts", "store", "worker echo"}
    assert [name for name, part in parts.items() if not part["ready"]] == ["worker influxdb"]
    assert not parts["worker influxdb"]["needed"] and "InfluxDB" in parts["worker influxdb"]["says"]


def test_they_are_no_results_of_checks(teller: SinkProcess) -> None:
    looks_like_one = {"check": "a check", "target": "x", "up": False, "region": "urbana", "every_s": 1.0}
    for kind, data in (("sink_update", {"worker": "store"}), ("canary_update", {"by": "doctor"})):
        assert teller.post({"type": f"health.{kind}", "data": data | looks_like_one})[0] == 202
    teller.post({"type": "health.check_update", "data": looks_like_one | {"check": "a real one"}})

    def names() -> list[str]:
        return [row["check"] for row in teller.request("GET", "/v1/reports/uptime")[1]["rows"]]

    eventually(lambda: "a real one" in names(), "what is one is read")
    assert names() == ["a real one"]
    listed = teller.request("GET", "/v1/alerts")[1]["alerts"]
    assert not any("a check" in alert["name"] for alert in listed)


def test_what_is_refused_is_counted_by_its_reason(teller: SinkProcess) -> None:
    def counts() -> dict[str, float]:
        return {reason: value(teller, f'eventsink_events_refused_total{{reason="{reason}"}}') for reason in REASONS}

    before = counts()
    wrong = {"type": "storage.file_uploaded", "data": {"bytes": "many"}}
    login = {"type": "users.login", "data": {}}
    large = {"type": "custom.note", "data": {"text": "x" * 300_000}}
    for body in ([login, wrong, wrong], [wrong], [{"type": "no type", "data": {}}, login], [large], b"{no json"):
        teller.post(body)
    teller.post(login, key="clw_00000000_nobody")
    teller.request("POST", "/v1/events/no/such", {})
    teller.request("POST", "/v1/events", b"x" * 100, headers={"Content-Encoding": "br"})
    found = {reason: count - before[reason] for reason, count in counts().items() if count != before[reason]}
    assert found == {"data": 3, "type": 1, "too_large": 1, "unreadable": 2, "key": 1, "address": 1}


def test_a_report_that_is_not_accepted_is_said_and_tried_again(make_sink: Callable[..., SinkProcess]) -> None:
    (nowhere,) = free_ports(1)
    full = make_sink(
        environment=EVERY
        | {"EVENTSINK_EXCHANGE__MAX_BYTES": "65536", "EVENTSINK_WORKERS__INFLUXDB__URL": f"http://127.0.0.1:{nowhere}"}
    ).start()
    for size in (9000, 10):
        while full.post([{"type": "custom.note", "data": {"text": "x" * size}}])[0] == 202:
            pass
    eventually(lambda: value(full, "eventsink_telemetry_failures_total") >= 2, "it is tried again")
    assert "telemetry.not_told" in full.log.read_text() and "exchange.max_bytes" in full.log.read_text()
    status, problem = full.request("GET", "/readyz", key="")
    assert status == 503 and full.last_headers["content-type"] == "application/problem+json"
    assert full.last_headers["retry-after"] == "5" and "exchange.max_bytes" in problem["detail"]
    refusing = [part for part in problem["parts"] if part["needed"] and not part["ready"]]
    assert refusing == [{"part": "exchange", "ready": False, "needed": True, "says": problem["detail"]}]
    assert value(full, "eventsink_ready") == 0
    assert value(full, 'eventsink_events_refused_total{reason="unavailable"}') >= 1


def test_nothing_is_told_where_nobody_wants_it(door: SinkProcess) -> None:
    assert value(door, "eventsink_telemetry_period_seconds") == 0
    assert stored(door, "health.canary_update") == []
    assert "eventsink_canary_age_seconds{" not in door.request("GET", "/metrics")[1]


def test_a_worker_that_is_in_no_settings_and_does_not_run_is_not_waited_for() -> None:
    settings = load(environment={}, telemetry={"every": 1})
    desk: Any = SimpleNamespace(settings=settings, given={"store": [], "echo": ["users.*"]})
    names = ["store", "echo", "former", "elsewhere"]
    assert api._awaited(desk, names, {"elsewhere": "idle"}) == ["store", "elsewhere"]


def test_a_report_is_of_the_catalogue() -> None:
    account = dict.fromkeys(("accepted", "delivered", "waiting", "dead", "dropped", "missing"), 1) | {
        "lag_seconds": 0.5
    }
    seen = account | {"canary": {"id": "x", "delay_seconds": 0.2, "at": "2026-11-23T10:00:00Z"}}
    spool = {"events": 3, "bytes": 400}
    events = report({"workers": {"a": account, "b": seen}, "spool": spool, "refuses": "The disk is full."})
    for event in events:
        assert validate(CATALOGUE[event["type"]], event["data"]) == []
    canary, first, second = (event["data"] for event in events)
    assert canary == {"by": "schedule"} and "canary_s" not in first
    assert (second["canary_s"], second["spool_events"], second["unready"]) == (0.2, 3, "The disk is full.")
    assert second["dropped"] == 1, "or letters that were dropped would be an alert of Grafana for ever"


def test_keys_that_were_never_read_are_a_trouble_and_are_none_when_they_can_be(tmp_path: Path) -> None:
    file = tmp_path / "keys.db"
    file.mkdir()  # no file at all

    async def look() -> tuple[str, str]:
        keys = Keyring(KeyFile(file))
        bad = await keys.trouble()
        file.rmdir()
        return bad, await keys.trouble()

    bad, good = asyncio.run(look())
    assert "cannot be read" in bad and good == ""


def test_the_first_part_that_is_needed_says_why_and_no_secret_is_in_any() -> None:
    bad = "amqp://clowder:hunter2@rabbit/ does not answer."
    parts = [
        Part(part="store", ready=False, needed=False, says="No."),
        Part(part="exchange", ready=False, says=bad),
        *parts_of_workers({"b": "idle", "a": "paused since 2026-11-29 10:00 UTC: No.", "c": "failed, see the log"}),
    ]
    assert [part.part for part in parts if not part.ready] == ["store", "exchange", "worker a", "worker c"]
    assert not is_ready(parts) and is_ready(parts[:1])
    with pytest.raises(Problem) as refusal:
        readiness(parts, workers={})
    assert refusal.value.status == 503 and refusal.value.detail == bad
    assert "hunter2" not in str(refusal.value.members)
