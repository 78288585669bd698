"""What the health part of the first page asks for: checks at a glance, and what a key may do."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventsink.collect.health_api import EVERY
from tests.processes import run
from tests.sink_process import SinkProcess


def result(check: str, ago: timedelta, *, region: str = "urbana", **data: Any) -> dict[str, Any]:
    known = {"target": "10.0.0.7", "check": check, "region": region, "up": True, "every_s": 3600, "elapsed_ms": 20}
    return {"type": "health.check_update", "time": (datetime.now(UTC) - ago).isoformat(), "data": known | data}


def make_key(sink: SinkProcess, scope: str) -> str:
    words = [sys.executable, "-m", "eventsink", "keys", "create", "--scope", scope, "--name", f"{scope} of a test"]
    made = run([*words, "--format", "json", "--data", sink.data], check=True, capture_output=True, text=True)
    return str(json.loads(made.stdout)["key"])


def test_all_checks_at_a_glance(make_sink: Callable[..., SinkProcess]) -> None:
    sink = make_sink().start()
    seconds = timedelta(seconds=1)
    events = [
        result("b", 5 * seconds, elapsed_ms=30),
        result("b", 4 * seconds, region="chicago", elapsed_ms=50),
        result("a", 3 * seconds, up=False, reason="refused", message="10.0.0.7 refuses."),
        result("a", timedelta(hours=60)),
        result("announced", seconds, region="maintenance", up=None, reason="maintenance"),
        result("long ago", timedelta(days=200)),
    ]
    assert sink.post(events)[0] == 202
    sink.settle()
    assert sink.request("GET", "/v1/reports/uptime")[0] == 200  # by which results are read
    status, health = sink.request("GET", "/v1/health", key=make_key(sink, "read"))
    assert status == 200
    assert (health["total"], health["cut"]) == (2, False)
    a, b = health["checks"]
    assert (a["name"], a["state"], a["reason"]) == ("a", "down", "refused")
    assert (b["name"], b["state"], b["reason"], b["uptime"]["24h"]) == ("b", "up", "", 100.0)
    assert [(region["name"], region["state"]) for region in b["regions"]] == [("chicago", "up"), ("urbana", "up")]
    assert len(b["took_ms"]) == 49 and [took for took in b["took_ms"] if took is not None] in ([40.0], [30.0, 50.0])
    first = datetime.fromisoformat(health["hours_from"])
    assert first.minute == first.second == 0
    assert timedelta(hours=48) <= datetime.now(UTC) - first < timedelta(hours=49, seconds=10)
    assert "10.0.0.7" not in json.dumps(health)


def test_it_is_put_together_now_and_then(door: SinkProcess) -> None:
    _, before = door.request("GET", "/v1/health")
    assert door.request("GET", "/v1/reports/uptime")[0] == 200  # by which results are read anew
    _, after = door.request("GET", "/v1/health")
    between = datetime.fromisoformat(after["read_at"]) - datetime.fromisoformat(before["read_at"])
    assert not between or between >= timedelta(seconds=EVERY), "on a busy machine that time may be over"


@pytest.mark.parametrize("path", ["/v1/health", "/v1/key"])
def test_a_key_that_reads_is_needed(door: SinkProcess, path: str) -> None:
    assert door.request("GET", path, key="")[0] == 401
    assert door.request("GET", path, key=make_key(door, "ingest"))[0] == 403


def test_a_key_is_told_what_it_may(door: SinkProcess) -> None:
    key = make_key(door, "read")
    status, found = door.request("GET", "/v1/key", key=key)
    assert (status, found) == (200, {"id": key.split("_")[1], "name": "read of a test", "scopes": ["read"]})
    assert "admin" in door.request("GET", "/v1/key")[1]["scopes"]
    _, document = door.request("GET", "/openapi.json")
    assert document["paths"]["/v1/key"]["get"]["operationId"] == "getKey"
    assert document["paths"]["/v1/health"]["get"]["operationId"] == "getHealth"
    assert not document["paths"]["/v1/key"]["get"].get("parameters")


def test_uptime_can_be_asked_of_several_checks(make_sink: Callable[..., SinkProcess]) -> None:
    sink = make_sink().start()
    assert sink.post([result(name, timedelta(seconds=9)) for name in ("a", "b", "c")])[0] == 202
    sink.settle()
    (uptime,) = [report for report in sink.request("GET", "/v1/reports")[1] if report["name"] == "uptime"]
    assert uptime["filters"] == ["check"]
    for names in (["b"], ["a", "c"]):
        asked = "&".join(f"check={name}" for name in names)
        found = sink.request("GET", f"/v1/reports/uptime?{asked}")[1]
        assert [row["check"] for row in found["rows"]] == names
        report = sink.request("GET", f"/v1/reports/uptime?{asked}&format=rows")[1]
        assert ([row[0] for row in report["rows"]], report["filters"]) == (names, {"check": names})
    status, problem = sink.request("GET", "/v1/reports/uptime?chek=a&format=rows")
    assert (status, "did you mean 'check'" in problem["detail"]) == (400, True)
