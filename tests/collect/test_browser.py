"""What browsers report: over real HTTP, as trackers send it, and as strangers do who have the public key."""

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventsink.keys import KeyFile
from tests import processes
from tests.servers.process import eventually
from tests.sink_process import SinkProcess

SITE = "https://clowder.example.org"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
PAGE = {"url": f"{SITE}/datasets/64c?key=hush", "title": "Soil", "referrer": "", "language": "de", "screen": "10x10"}


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    sink = SinkProcess(tmp_path_factory.mktemp("browser") / "var")
    try:
        yield sink.start()
    finally:
        sink.close()


@pytest.fixture(scope="module")
def key(sink: SinkProcess) -> str:
    return new_key(sink, "browser", [SITE, "http://localhost:9"])


def new_key(sink: SinkProcess, scope: str = "browser", origins: Sequence[str] = (SITE,)) -> str:
    """A key that the sink can tell: just after its start it is at the file itself, and says to try again."""
    key = KeyFile(sink.data / "keys.db").create([scope], origins=origins if scope == "browser" else ()).key
    eventually(lambda: sink.request("GET", "/v1/status", key=key)[0] != 503, "the key is known")
    return key


def event(kind: str = "traffic.page_view", **given: Any) -> dict[str, Any]:
    made = {"id": str(uuid.uuid4()), "type": kind, "time": time.time() * 1000, "data": PAGE}
    return made | given


def post(sink: SinkProcess, key: str, *events: Any, **headers: str) -> tuple[int, Any]:
    body = {"v": 1, "key": key, "sent": time.time() * 1000, "events": list(events)}
    return send(sink, json.dumps(body).encode(), **headers)


def send(sink: SinkProcess, body: bytes, **headers: str) -> tuple[int, Any]:
    known = {"Origin": SITE, "User-Agent": FIREFOX, "Content-Type": "text/plain;charset=UTF-8"}
    known |= {name.replace("_", "-"): value for name, value in headers.items()}
    return sink.request("POST", "/v1/browser", body, key="", headers=known)


def found(sink: SinkProcess, event_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        _, answer = sink.request("GET", "/v1/events?limit=1000")
        for stored in answer["events"]:
            if stored["id"] == event_id:
                return dict(stored)
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_page_view_is_stored_with_what_is_known_of_the_browser(sink: SinkProcess, key: str) -> None:
    sent = event(user="64a000000000000000000001")
    assert post(sink, key, sent, X_Forwarded_For="141.142.1.1") == (202, {"accepted": 1, "rejected": []})
    assert sink.last_headers["access-control-allow-origin"] == SITE
    stored = found(sink, sent["id"])
    assert (stored["source"], stored["user"]) == (SITE, "64a000000000000000000001")
    data = stored["data"]
    assert data["url"] == f"{SITE}/datasets/64c" and data["title"] == "Soil" and "referrer" not in data
    assert {name: data[name] for name in ("browser", "os", "device", "country")} == {
        "browser": "Firefox",
        "os": "Linux",
        "device": "desktop",
        "country": "US",
    }
    assert len(data["visitor"]) == 32 and len(data["session"]) == 16 and "robot" not in data
    text = json.dumps(stored)
    assert "141.142" not in text and "hush" not in text


def test_what_is_sent_again_is_the_same_event(sink: SinkProcess, key: str) -> None:
    sent = event()
    for _ in range(3):
        assert post(sink, key, sent)[0] == 202
    found(sink, sent["id"])
    _, answer = sink.request("GET", "/v1/events?limit=1000")
    times = [stored["time"] for stored in answer["events"] if stored["id"] == sent["id"]]
    assert len(times) == 1
    assert datetime.fromisoformat(times[0]).timestamp() == pytest.approx(sent["time"] / 1000, abs=0.002)


@pytest.mark.parametrize("kind", ["bot", "person"])
def test_robots_are_marked(sink: SinkProcess, key: str, kind: str) -> None:
    sent = event()
    agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)" if kind == "bot" else FIREFOX
    post(sink, key, sent, User_Agent=agent)
    assert found(sink, sent["id"])["data"].get("robot", False) is (kind == "bot")


def test_a_browser_says_nothing_that_the_collector_knows_better(sink: SinkProcess, key: str) -> None:
    forged = {"visitor": "me", "session": "mine", "country": "XX", "robot": False, "user_name": "Alice", "bytes": 7}
    sent = event(data=PAGE | forged | {"access_method": "machine", "browser": "Lynx"}, source="storage", subject="x")
    assert post(sink, key, sent)[0] == 202
    stored = found(sink, sent["id"])
    assert stored["source"] == SITE and "subject" not in stored
    assert stored["data"]["browser"] == "Firefox" and stored["data"]["visitor"] != "me"
    assert not {"user_name", "bytes", "access_method", "country"} & stored["data"].keys()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("traffic.resource_viewed", {"resource_type": "file", "resource_id": "64b", "dataset_id": "64c"}),
        ("traffic.resource_downloaded", {"resource_type": "dataset", "resource_id": "64c"}),
        ("traffic.link_followed", {"url": f"{SITE}/", "link": "https://doi.org/10.5/x"}),
        ("traffic.upload_finished", {"url": f"{SITE}/", "dataset_id": "64c", "items": 2, "bytes": 10}),
        ("traffic.extraction_submitted", {"resource_type": "file", "resource_id": "1", "extractor_name": "x"}),
        ("browser.theme_changed", {"colour": "dark", "times": 2, "ok": True}),
    ],
)
def test_every_type_of_browsers_is_taken(sink: SinkProcess, key: str, kind: str, data: dict[str, Any]) -> None:
    sent = event(kind, data=data)
    assert post(sink, key, sent)[0] == 202
    stored = found(sink, sent["id"])
    assert stored["type"] == kind and stored["data"].items() >= data.items()


def test_of_custom_data_plain_values_are_kept(sink: SinkProcess, key: str) -> None:
    many = {f"n{number}": number for number in range(100)}
    secret = {"password": "hush-hush", "clw_12345678_" + "x" * 20: 1, "not a name": 1}
    sent = event("browser.x", data={"a": "b" * 5000, "c": {"d": 1}, "robot": True, "x" * 100: 1} | secret | many)
    assert post(sink, key, sent)[0] == 202
    data = found(sink, sent["id"])["data"]
    assert len(data["a"]) == 500 and not {"c", "robot", "not a name"} & data.keys() and len(data) < 45
    assert "hush" not in json.dumps(data) and "clw_" not in json.dumps(data)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"resource_id": "password=hunter2"}, "resource_id"),
        ({"language": "token=abcd"}, "language"),
        ({"screen": "clw_12345678_secret"}, "screen"),
        ({"url": f"{SITE}/reset/3f2504e0-4f89-41d3-9a0c-0305e82c3301"}, ""),
    ],
)
def test_secrets_of_a_page_are_left_out(sink: SinkProcess, key: str, given: dict[str, str], name: str) -> None:
    sent = event(data=PAGE | given, user="password=hunter2")
    assert post(sink, key, sent)[0] == 202
    stored = found(sink, sent["id"])
    assert "user" not in stored and name not in stored["data"]
    assert not any(secret in json.dumps(stored) for secret in ("hunter2", "abcd", "clw_", "3f2504e0"))


def test_what_is_a_little_ahead_has_the_same_time_when_it_is_sent_again(sink: SinkProcess, key: str) -> None:
    sent = event(time=(time.time() + 60) * 1000)
    body = {"v": 1, "key": key, "sent": (time.time() + 60) * 1000, "events": [sent]}
    assert send(sink, json.dumps(body).encode())[0] == 202
    stored = datetime.fromisoformat(found(sink, sent["id"])["time"])
    assert stored.timestamp() == pytest.approx(sent["time"] / 1000, abs=0.002)


def test_requests_of_nothing_and_large_ones_cost_as_well(tmp_path: Path) -> None:
    sink = SinkProcess(tmp_path / "var", environment={"EVENTSINK_BROWSER__VISITOR_RATE": "60"})
    try:
        sink.start()
        key = new_key(sink)
        begun, empty = time.monotonic(), 0
        while (status := post(sink, key, X_Forwarded_For="192.0.2.1")[0]) == 202:
            empty += 1
            assert empty <= 60 + (time.monotonic() - begun), "each costs one of sixty a minute"
        assert status == 429 and empty >= 60
        large = event("browser.x", data={f"n{number}": "x" * 2000 for number in range(25)})
        answers = [post(sink, key, large, X_Forwarded_For="192.0.2.2")[0] for _ in range(6)]
        assert answers[0] == 202 and answers[-1] == 429
    finally:
        sink.close()


def test_a_site_has_so_many_types_of_its_own(sink: SinkProcess) -> None:
    key = new_key(sink)
    for first in range(0, 200, 40):
        events = [event(f"browser.made-up-{number}", data={}) for number in range(first, first + 40)]
        assert post(sink, key, *events)[0] == 202
    status, problem = post(sink, key, event("browser.one-too-many", data={}))
    assert status == 422 and "types of their own" in problem["detail"]


def test_a_wrong_setting_stops_the_start(tmp_path: Path) -> None:
    for name, value in (("GEOIP", "/nope.mmdb"), ("AMPLITUDE", "x y"), ("COUNTRY_HEADER", "CF IP"), ("PROXIES", "x")):
        environment = {"EVENTSINK_BROWSER__" + name: value}
        command = [sys.executable, "-m", "eventsink", "up", "--data", str(tmp_path / name), "--port", "0"]
        done = processes.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and f"browser.{name.lower()}" in done.stderr, done.stderr


def test_one_that_is_malformed_costs_no_other(sink: SinkProcess, key: str) -> None:
    good = event()
    bad = [
        event("storage.file_deleted"),
        event("demo.x"),
        event(id="1"),
        event(id="../../x"),
        {"type": "traffic.page_view"},
        event(data=PAGE | {"url": "javascript:alert(1)"}),
        event("traffic.resource_viewed", data={"resource_type": "moon"}),
        event("traffic.upload_finished", data={"bytes": -1}),
        event(time=(time.time() - 3 * 86400) * 1000),
        event(time="yesterday"),
        7,
        None,
    ]
    status, answer = post(sink, key, *bad, good)
    assert (status, answer["accepted"], [item["index"] for item in answer["rejected"]]) == (202, 1, [*range(12)])
    found(sink, good["id"])
    assert post(sink, key, bad[0])[0] == 422


@pytest.mark.parametrize("behind", [-86_400, 7_200])
def test_a_clock_that_is_wrong_is_set_right(sink: SinkProcess, key: str, behind: int) -> None:
    now = time.time()
    sent = event(time=(now - behind - 30) * 1000)
    body = {"v": 7, "key": key, "sent": (now - behind) * 1000, "events": [sent], "later": {"unknown": True}}
    assert send(sink, json.dumps(body).encode())[0] == 202
    took = time.time() - now  # for so long it may have been on its way
    stored = datetime.fromisoformat(found(sink, sent["id"])["time"])
    assert now - 30 - 0.01 <= stored.timestamp() <= now - 30 + took + 0.01 and stored.tzinfo == UTC


def test_only_pages_of_its_sites_may_use_a_key(sink: SinkProcess, key: str) -> None:
    for origin in ("https://evil.example", "null", "", f"{SITE}.evil.example", SITE.replace("https", "http")):
        status, problem = post(sink, key, event(), Origin=origin)
        assert status == 403 and "is not for pages" in problem["detail"]
    assert post(sink, key, event(), Origin="http://localhost:9")[0] == 202


@pytest.mark.parametrize("scope", ["ingest", "admin"])
def test_a_key_that_is_no_public_one_is_refused_whatever_it_may(sink: SinkProcess, scope: str) -> None:
    status, problem = post(sink, new_key(sink, scope), event())
    assert status == 403 and "must not stand in a page" in problem["detail"]


def test_a_public_key_opens_nothing_else(sink: SinkProcess, key: str) -> None:
    for method, path in (("POST", "/v1/events"), ("GET", "/v1/events"), ("GET", "/v1/dead"), ("GET", "/v1/status")):
        body = b'{"type":"users.login"}' if method == "POST" else None
        assert sink.request(method, path, body, key=key)[0] == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b"[" * 60_000, 400),
        (b'{"key":"clw_00000000_' + b"x" * 43 + b'","sent":1,"events":[]}', 401),
        (b'{"key":"","sent":1,"events":[]}', 401),
        (b" " * 70_000, 413),
        (b'{"key":"x","sent":1e400,"events":[]}', 400),
        (b'{"key":"x","sent":1,"events":[' + b",".join([b"{}"] * 51) + b"]}", 400),
    ],
    ids=["empty", "object", "array", "no text", "deep", "unknown", "no key", "large", "infinite", "many"],
)
def test_what_is_nothing_of_a_tracker_is_refused(sink: SinkProcess, body: bytes, status: int) -> None:
    deadline = time.monotonic() + 10
    while (answered := send(sink, body)[0]) == 503:  # the file of the keys is busy for a moment: it says to try again
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert answered == status


@pytest.mark.parametrize("header", ["Sec_GPC", "DNT"])
def test_of_who_does_not_want_to_be_tracked_nothing_is_taken(sink: SinkProcess, key: str, header: str) -> None:
    before = _left_out(sink)
    assert post(sink, key, event(), event(), **{header: "1"}) == (202, {"accepted": 0, "rejected": []})
    assert _left_out(sink) == before + 2


def _left_out(sink: SinkProcess) -> float:
    _, metrics = sink.request("GET", "/metrics")
    line = next(
        line for line in metrics.splitlines() if line.startswith('eventsink_browser_left_out_total{reason="opt')
    )
    return float(line.rpartition(" ")[2])


def test_browsers_may_ask_before_they_send(sink: SinkProcess) -> None:
    status, _ = sink.request("OPTIONS", "/v1/browser", key="", headers={"Origin": SITE})
    assert status == 204 and sink.last_headers["access-control-allow-methods"] == "POST"
    assert sink.request("GET", "/v1/browser", key="")[0] == 405


def test_a_flood_of_one_address_is_slowed_and_disturbs_nobody(tmp_path: Path) -> None:
    environment = {"EVENTSINK_BROWSER__VISITOR_RATE": "60", "EVENTSINK_BROWSER__ROBOTS": "drop"}
    sink = SinkProcess(tmp_path / "var", environment=environment)
    try:
        sink.start()
        key = new_key(sink)
        answers = [post(sink, key, *[event() for _ in range(20)], X_Forwarded_For="192.0.2.7") for _ in range(6)]
        assert [status for status, _ in answers] == [202, 202, 202, 429, 429, 429]
        assert int(sink.last_headers["retry-after"]) >= 1
        assert post(sink, key, event(), X_Forwarded_For="192.0.2.8")[0] == 202
        robot = post(sink, key, event(), User_Agent="Googlebot/2.1", X_Forwarded_For="192.0.2.9")
        assert robot == (202, {"accepted": 0, "rejected": []})
    finally:
        sink.close()
