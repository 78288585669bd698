"""The judge of Amplitude's rules is right itself: one test for each rule of the contract."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers import amplitude
from tests.servers.amplitude import Amplitude
from tests.servers.asking import any_json, connected
from tests.servers.contract import Received

KEY = "k" * 32
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MS = 1_796_040_000_000  # NOW
JSON = {"content-type": "application/json"}
V2, BATCH = "/2/httpapi", "/batch"
PATHS = [V2, BATCH]


@dataclass
class Clock:
    """Goes when it is told to."""

    time: datetime = NOW

    def __call__(self) -> datetime:
        return self.time

    def wait(self, **span: float) -> None:
        self.time += timedelta(**span)


@dataclass
class Project:
    """Asks a judge without a connection, as most rules need none."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.server = Amplitude(KEY, now=self.clock)

    def ask(
        self, body: bytes, path: str = BATCH, headers: Mapping[str, str] = JSON, method: str = "POST"
    ) -> tuple[int, Any]:
        answer = self.server.judge(Received(method, path, path, {}, headers, body, self.clock(), "192.0.2.7"))
        content = json.loads(answer.body)
        assert content["code"] == answer.status
        return answer.status, content

    def send(self, *events: Any, path: str = BATCH, **more: Any) -> tuple[int, Any]:
        return self.ask(json.dumps({"api_key": KEY, "events": events, **more}).encode(), path)


@pytest.fixture
def project() -> Project:
    return Project()


def event(**fields: Any) -> dict[str, Any]:
    """An event that is in order; fields that are ... are left out."""
    whole = {"device_id": "device-1", "event_type": "storage.file_uploaded", **fields}
    return {name: value for name, value in whole.items() if value is not ...}


def deep(levels: int) -> Any:
    """Objects in objects, that many levels."""
    return {"a": deep(levels - 1)} if levels > 1 else {}


# --- over HTTP -------------------------------------------------------------------------------------------------------


def test_it_takes_events_over_http_and_keeps_what_amplitude_would() -> None:
    with amplitude.serve(KEY) as server, connected(server.url) as connection:
        for path in PATHS:
            body = json.dumps({"api_key": KEY, "events": [event(insert_id=path, time=MS - 10**9, ip="$remote")]})
            connection.request("POST", path, body, JSON)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["events_ingested"]) == (200, 1)
    assert [each["insert_id"] for each in server.stored] == PATHS
    assert server.stored[0]["ip"] == "127.0.0.1"
    assert len(server.connections) == 1


def test_what_it_says_of_a_failure_is_json_with_the_code() -> None:
    with amplitude.serve(KEY) as server, connected(server.url) as connection:
        for status in (403, 429, 500, 502, 503, 504):
            server.fail_next(status)
            connection.request("POST", BATCH, json.dumps({"api_key": KEY, "events": [event()]}), JSON)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["code"]) == (status, status)
    assert server.stored == []


# --- requests --------------------------------------------------------------------------------------------------------


def test_the_answer_counts_what_was_taken(project: Project) -> None:
    body = json.dumps({"api_key": KEY, "events": [event(), event()]}).encode()
    status, content = project.ask(body)
    assert (status, content) == (
        200,
        {"code": 200, "events_ingested": 2, "payload_size_bytes": len(body), "server_upload_time": MS},
    )


@pytest.mark.parametrize("path", ["/", "/batch/", "/identify", "/3/httpapi"])
def test_another_path_is_refused(project: Project, path: str) -> None:
    assert project.send(event(), path=path) == (400, {"code": 400, "error": "Invalid request path"})


def test_another_method_is_refused(project: Project) -> None:
    assert project.ask(b"", method="GET")[0] == 405


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_another_content_type_is_refused(project: Project, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    status, content = project.ask(json.dumps({"api_key": KEY, "events": [event()]}).encode(), headers=headers)
    assert (status, content["error"]) == (400, "Invalid JSON request body")


def test_json_with_a_charset_is_taken(project: Project) -> None:
    body = json.dumps({"api_key": KEY, "events": [event()]}).encode()
    assert project.ask(body, headers={"content-type": "application/json; charset=UTF-8"})[0] == 200


def test_gzip_is_taken(project: Project) -> None:
    body = json.dumps({"api_key": KEY, "events": [event()]}).encode()
    headers = {**JSON, "content-encoding": "gzip"}
    assert project.ask(gzip.compress(body), headers=headers)[1]["payload_size_bytes"] == len(body)
    assert project.ask(gzip.compress(body)[:-3], headers=headers)[0] == 400
    assert project.ask(body, headers=headers)[0] == 400
    assert project.ask(body, headers={**JSON, "content-encoding": "br"})[0] == 400


@pytest.mark.parametrize(("path", "most"), [(V2, 1_000_000), (BATCH, 20_000_000)])
def test_a_request_that_is_too_large_is_refused_before_and_after_gunzip(project: Project, path: str, most: int) -> None:
    body = json.dumps({"api_key": KEY, "events": [event()]}).encode()
    fits = body + b" " * (most - len(body))
    zipped = {**JSON, "content-encoding": "gzip"}
    assert project.ask(fits, path)[0] == 200
    assert project.ask(gzip.compress(fits, 1), path, zipped)[0] == 200
    assert project.ask(fits + b" ", path) == (413, {"code": 413, "error": "Payload too large"})
    assert project.ask(gzip.compress(fits + b" ", 1), path, zipped)[0] == 413


@pytest.mark.parametrize(("path", "most"), [(V2, 1999), (BATCH, 2000)])
def test_too_many_events_are_refused(project: Project, path: str, most: int) -> None:
    events = [event(device_id=f"device-{number % 100}") for number in range(most + 1)]
    assert project.send(*events, path=path) == (413, {"code": 413, "error": "Payload too large"})
    assert project.server.stored == []
    assert project.send(*events[1:], path=path)[0] == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "Missing request body"),
        (b"{", "Invalid JSON request body"),
        (b"[]", "Invalid JSON request body"),
        (b"\xff", "Invalid JSON request body"),
        (b'{"a":"\xff"}', "Invalid JSON request body"),
        (b'{"a":NaN}', "Invalid JSON request body"),
        (b"[" * 100_000, "Invalid JSON request body"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(project: Project, body: bytes, error: str) -> None:
    assert project.ask(body) == (400, {"code": 400, "error": error})


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ({"events": [event()]}, "api_key"),
        ({"api_key": None, "events": [event()]}, "api_key"),
        ({"api_key": KEY}, "events"),
        ({"api_key": KEY, "events": []}, "events"),
        ({"api_key": KEY, "events": event()}, "events"),
    ],
)
def test_a_missing_part_of_the_request_is_named(project: Project, content: Any, missing: str) -> None:
    status, answer = project.ask(json.dumps(content).encode())
    assert (status, answer["error"], answer["missing_field"]) == (400, "Request missing required field", missing)


def test_an_unknown_key_is_refused_with_the_key(project: Project) -> None:
    status, answer = project.send(event(), api_key="other")
    assert (status, answer["error"]) == (400, "Invalid API key: other")


@pytest.mark.parametrize(
    "more",
    [
        {"options": {"min_id_length": "5"}},
        {"options": {"min_id_length": True}},
        {"options": {"min_id_length": -1}},
        {"options": {"min_ids": 5}},
        {"options": None},
        {"option": {}},
    ],
)
def test_options_that_are_not_documented_are_refused(project: Project, more: Any) -> None:
    assert project.send(event(), **more)[0] == 400


def test_what_the_sdk_for_typescript_sends_beside_events_is_taken(project: Project) -> None:
    assert project.send(event(), client_upload_time="2026-11-30T12:00:00.000Z", request_metadata={})[0] == 200


def test_an_event_that_is_no_object_is_refused(project: Project) -> None:
    assert project.send(event(), "text") == (400, {"code": 400, "error": "Invalid event JSON"})


# --- fields ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"event_type": ...}, "event_type"),
        ({"event_type": None}, "event_type"),
        ({"device_id": ...}, "user_id"),
        ({"device_id": None, "user_id": None}, "user_id"),
    ],
)
def test_a_missing_field_is_named(project: Project, fields: Any, name: str) -> None:
    status, answer = project.send(event(), event(**fields), event(**fields))
    assert (status, answer["error"]) == (400, "Request missing required field")
    assert answer["events_with_missing_fields"] == {name: [1, 2]}


@pytest.mark.parametrize(
    "fields",
    [
        {"user_id": "somebody", "device_id": ...},
        {"time": MS},
        {"time": 946_684_800_000},
        {"time": MS + 15 * 60_000},
        {"session_id": -1},
        {"session_id": MS},
        {"event_properties": {"a": [1, {"b": None}], "c": 1.5, "d": True}},
        {"user_properties": {"a": "b"}},
        {"groups": {"space": "s1", "team": ["t1", "t2"]}},
        {"price": 5, "quantity": 2, "revenue": 10},
        {"currency": "USD", "productId": "p", "revenueType": "r"},
        {"location_lat": 40.1, "location_lng": -88},
        {"country": "United States", "region": "Illinois", "city": "Urbana", "dma": ""},
        {"$skip_user_properties_sync": True},
        {"event_id": 7},
        {"plan": {"branch": "b", "source": "s", "version": "1", "versionId": "2"}},
        {"ingestion_metadata": {"source_name": "eventsink", "source_version": "1"}},
        {"event_type": "$identify", "user_properties": {"$setOnce": {"a": 1}, "$unset": {"b": "-"}}},
        {"event_type": "$identify", "user_properties": {"a": 1}},
        {"event_type": "$identify", "user_properties": {"$clearAll": "-"}},
        {"event_type": "$groupidentify", "groups": {"space": "s1"}, "group_properties": {"$set": {"a": 1}}},
    ],
)
def test_a_field_that_is_in_order_is_taken(project: Project, fields: Any) -> None:
    assert project.send(event(**fields))[0] == 200
    (stored,) = project.server.stored
    assert stored == {"time": MS, **event(**fields)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user_id", 12345678),
        ("user_id", None),
        ("device_id", 12345678),
        ("event_type", ""),
        ("event_type", 5),
        ("event_type", "[Amplitude] Start Session"),
        ("event_type", "[Amplitude] End Session"),
        ("event_type", "[Amplitude] Revenue"),
        ("event_type", "[Amplitude] Revenue (Verified)"),
        ("event_type", "[Amplitude] Revenue (Unverified)"),
        ("event_type", "[Amplitude] Merged User"),
        ("time", "2026-11-30T12:00:00Z"),
        ("time", float(MS)),
        ("time", True),
        ("time", MS // 1000),
        ("time", MS * 1000),
        ("time", -MS),
        ("time", MS + 15 * 60_000 + 1),
        ("time", None),
        ("session_id", MS // 1000),
        ("session_id", "-1"),
        ("session_id", 0),
        ("event_properties", []),
        ("event_properties", "text"),
        ("event_properties", deep(41)),
        ("event_properties", {"list": [deep(39)]}),
        ("user_properties", deep(41)),
        ("user_properties", {"$set": {"a": 1}}),
        ("group_properties", {"a": 1}),
        ("groups", {"space": 5}),
        ("groups", {"space": ["s1", 5]}),
        ("groups", ["space"]),
        ("$skip_user_properties_sync", 1),
        ("price", "5"),
        ("quantity", 1.5),
        ("quantity", True),
        ("revenue", "5"),
        ("currency", "usd"),
        ("currency", "DOLLAR"),
        ("location_lat", "40"),
        ("ip", 7),
        ("platform", 5),
        ("language", None),
        ("event_id", "7"),
        ("event_id", 7.0),
        ("event_id", 1 << 63),
        ("insert_id", 7),
        ("insert_id", ""),
        ("library", {}),
        ("plan", "plan"),
        ("plan", {"branch": 5}),
        ("ingestion_metadata", {"name": "a"}),
        ("app_name", "not a field"),
        ("sesion_id", -1),
    ],
)
def test_a_field_with_a_wrong_value_is_named(project: Project, name: str, value: Any) -> None:
    status, answer = project.send(event(), event(**{name: value}), event(**{name: value}))
    assert (status, answer["error"]) == (400, "Invalid field values on some events")
    assert answer["events_with_invalid_fields"] == {name: [1, 2]}
    assert project.server.stored == []


def test_objects_may_have_40_levels(project: Project) -> None:
    assert project.send(event(event_properties=deep(40), user_properties={"list": [deep(38)]}))[0] == 200


@pytest.mark.parametrize(
    "properties",
    [
        {"$set": {"a": 1}, "b": 2},
        {"$set": 5},
        {"$unset": {"a": 1}},
        {"$clearAll": True},
    ],
)
def test_operators_that_are_wrong_are_refused(project: Project, properties: Any) -> None:
    status, answer = project.send(event(event_type="$identify", user_properties=properties))
    assert (status, answer["events_with_invalid_fields"]) == (400, {"user_properties": [0]})


@pytest.mark.parametrize("name", ["user_id", "device_id"])
@pytest.mark.parametrize(
    "value",
    [
        *("anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "", '""', "{}", "lmy47d", "0", "-1"),
        *("00000000-0000-0000-0000-000000000000", "Anonymous", "UNKNOWN", "Lmy47D"),
    ],
)
def test_an_id_that_names_nobody_is_refused_also_beside_a_good_one(project: Project, name: str, value: str) -> None:
    status, answer = project.send(event(**{"user_id": "somebody", name: value}))
    assert (status, answer["error"]) == (400, "Invalid field values on some events")
    assert answer["events_with_invalid_fields"] == {name: [0]}


def test_a_device_of_zeros_is_refused(project: Project) -> None:
    assert project.send(event(device_id="0" * 24))[1]["events_with_invalid_fields"] == {"device_id": [0]}


def test_one_answer_names_missing_and_invalid_fields(project: Project) -> None:
    _, answer = project.send(event(time="now"), event(event_type=...))
    assert answer["error"] == "Request missing required field"
    assert answer["events_with_invalid_fields"] == {"time": [0]}
    assert answer["events_with_missing_fields"] == {"event_type": [1]}


def test_http_v2_names_the_first_event_of_each_field_alone(project: Project) -> None:
    events = [event(), event(time="now"), event(time="now", city=5), event(event_type=...), event(event_type=...)]
    _, answer = project.send(*events, path=V2)
    assert answer["events_with_invalid_fields"] == {"time": [1], "city": [2]}
    assert answer["events_with_missing_fields"] == {"event_type": [3]}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"user_id": "four"}, {"user_id": [1]}),
        ({"device_id": "four"}, {"device_id": [1]}),
        ({"user_id": "four", "device_id": "four"}, {"user_id": [1], "device_id": [1]}),
    ],
)
def test_an_id_that_is_too_short_is_refused_also_beside_a_good_one(project: Project, fields: Any, named: Any) -> None:
    assert project.send(event(), event(**fields)) == (
        400,
        {"code": 400, "error": "Invalid id length for user_id or device_id", "events_with_invalid_id_lengths": named},
    )


def test_the_shortest_id_can_be_chosen(project: Project) -> None:
    assert project.send(event(device_id="x"), options={"min_id_length": 1})[0] == 200
    assert project.send(event(device_id="12345"))[0] == 200
    assert project.send(event(device_id="12345"), options={"min_id_length": 6})[0] == 400


# --- rates and devices that are not heard ----------------------------------------------------------------------------


def test_a_silenced_device_has_all_refused(project: Project) -> None:
    project.server.silence("device-2")
    events = [event(), event(device_id="device-2"), event(device_id="device-2")]
    assert project.send(*events) == (
        400,
        {
            "code": 400,
            "eps_threshold": 100,
            "error": "Events silenced for device_id",
            "exceeded_daily_quota_devices": {},
            "silenced_devices": ["device-2"],
            "silenced_events": [1, 2],
            "throttled_devices": {},
            "throttled_events": [],
        },
    )
    project.server.clear()
    assert project.send(*events)[0] == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("name", "plural"), [("user_id", "throttled_users"), ("device_id", "throttled_devices")])
def test_a_throttled_user_or_device_has_all_refused_until_it_is_cleared(
    project: Project, name: str, plural: str, path: str
) -> None:
    project.server.throttle(**{name: "somebody"})
    events = [event(), event(**{name: "somebody"}), event(), event(**{name: "somebody"})]
    status, answer = project.send(*events, path=path)
    assert (status, answer["error"]) == (429, "Too many requests for some devices and users")
    assert list(answer[plural]) == ["somebody"]
    assert answer[plural]["somebody"] > answer["eps_threshold"]
    assert answer["throttled_events"] == [1, 3]
    assert project.send(events[0], path=path)[0] == 200
    assert len(project.server.stored) == 1
    project.server.clear()
    assert project.send(*events, path=path)[0] == 200


def test_the_quota_of_a_day_is_named_by_batch_alone(project: Project) -> None:
    project.server.exceed_quota(user_id="somebody", device_id="device-2")
    events = [event(), event(user_id="somebody"), event(device_id="device-2")]
    status, answer = project.send(*events)
    assert status == 429
    assert answer["exceeded_daily_quota_users"] == {"somebody": 500_200}
    assert answer["exceeded_daily_quota_devices"] == {"device-2": 500_200}
    assert (answer["throttled_users"], answer["throttled_devices"], answer["throttled_events"]) == ({}, {}, [1, 2])
    status, answer = project.send(*events, path=V2)
    assert status == 429
    assert "exceeded_daily_quota_users" not in answer
    assert (answer["throttled_users"], answer["throttled_devices"]) == ({"somebody": 31}, {"device-2": 31})


@pytest.mark.parametrize(("path", "rate"), [(V2, 30), (BATCH, 1000)])
@pytest.mark.parametrize("name", ["user_id", "device_id"])
def test_too_many_events_of_30_seconds_are_throttled(project: Project, path: str, rate: int, name: str) -> None:
    ids = {"user_id": "somebody", "device_id": ...} if name == "user_id" else {}
    thirty_seconds = [event(**ids)] * rate
    for _ in range(30):
        assert project.send(*thirty_seconds, path=path)[0] == 200
        project.clock.wait(seconds=0.5)
    status, answer = project.send(event(**ids), event(user_id="another", device_id=...), path=path)
    assert (status, answer["eps_threshold"], answer["throttled_events"]) == (429, rate, [0])
    assert list(answer["throttled_users" if name == "user_id" else "throttled_devices"].values()) == [rate + 1]
    project.clock.wait(seconds=16)
    assert project.send(event(**ids), path=path)[0] == 200


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_a_repeat_is_ignored_for_7_days(project: Project) -> None:
    assert project.send(event(insert_id="a", time=MS))[1]["events_ingested"] == 1
    project.clock.wait(days=7, seconds=-1)
    assert project.send(event(insert_id="a", time=MS))[1]["events_ingested"] == 0
    assert (len(project.server.stored), project.server.repeats) == (1, 1)
    project.clock.wait(seconds=1)
    assert project.send(event(insert_id="a", time=MS))[1]["events_ingested"] == 1
    assert len(project.server.stored) == 2


def test_a_repeat_in_one_request_and_over_both_addresses_is_ignored(project: Project) -> None:
    project.send(event(insert_id="a"), event(insert_id="a"))
    project.send(event(insert_id="a"), path=V2)
    assert len(project.server.stored) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"insert_id": "a"}, {"insert_id": "b"}),
        ({"insert_id": "a"}, {"insert_id": "a", "device_id": "device-2"}),
        ({}, {}),
        ({"insert_id": "a", "user_id": "somebody", "device_id": ...},) * 2,
    ],
)
def test_what_has_another_id_or_device_or_no_device_is_no_repeat(project: Project, first: Any, second: Any) -> None:
    project.send(event(**first))
    project.send(event(**second))
    assert len(project.server.stored) == 2


def test_repeats_can_be_counted(project: Project) -> None:
    project.server = Amplitude(KEY, now=project.clock, repeats_count=True)
    project.send(event(insert_id="a"))
    assert project.send(event(insert_id="a"), event(insert_id="b"))[1]["events_ingested"] == 2


def test_what_was_refused_is_no_repeat_afterwards(project: Project) -> None:
    assert project.send(event(insert_id="a"), event(time="now"))[0] == 400
    assert project.send(event(insert_id="a"))[1]["events_ingested"] == 1


def test_text_is_cut_to_1024_characters(project: Project) -> None:
    project.send(
        event(city="語" * 1025, insert_id="x" * 2000, event_properties={"a": "y" * 1024, "b": [{"c": "z" * 1025}]})
    )
    (stored,) = project.server.stored
    assert (stored["city"], stored["insert_id"]) == ("語" * 1024, "x" * 1024)
    assert stored["event_properties"] == {"a": "y" * 1024, "b": [{"c": "z" * 1024}]}


def test_an_event_without_a_time_has_that_of_its_arrival(project: Project) -> None:
    project.send(event(), event(time=MS - 5))
    assert [each["time"] for each in project.server.stored] == [MS, MS - 5]


def test_remote_is_the_address_of_who_sends(project: Project) -> None:
    project.send(event(ip="$remote"), event(ip="198.51.100.1"), event())
    assert [each.get("ip") for each in project.server.stored] == ["192.0.2.7", "198.51.100.1", None]


def test_price_and_quantity_win_over_revenue(project: Project) -> None:
    project.send(event(price=2.5, quantity=4, revenue=7), event(price=2.5, revenue=7))
    assert [each["revenue"] for each in project.server.stored] == [10.0, 7]


def test_five_types_of_groups_and_ten_groups_are_kept(project: Project) -> None:
    project.send(
        event(groups={f"type-{number}": "g" for number in range(6)}),
        event(groups={"a": [f"g{number}" for number in range(9)], "b": ["h1", "h2"], "c": "i"}),
    )
    first, second = (each["groups"] for each in project.server.stored)
    assert list(first) == [f"type-{number}" for number in range(5)]
    assert second == {"a": [f"g{number}" for number in range(9)], "b": ["h1"]}


def test_what_was_refused_is_told_with_its_events(project: Project) -> None:
    project.send(event(time="now"))
    (rejected,) = project.server.rejected
    assert (rejected.status, rejected.answer["code"]) == (400, 400)
    assert rejected.events == [event(time="now")]
    assert rejected.received.path == BATCH


# --- the judge itself ------------------------------------------------------------------------------------------------

FIELDS = st.sampled_from(
    [
        *(
            "user_id",
            "device_id",
            "event_type",
            "time",
            "session_id",
            "insert_id",
            "currency",
            "ip",
            "price",
            "quantity",
        ),
        *("revenue", "event_properties", "user_properties", "group_properties", "groups", "plan", "$set"),
    ]
)


@given(
    events=st.lists(st.dictionaries(FIELDS, any_json()) | any_json(), max_size=3),
    more=st.dictionaries(st.sampled_from(["api_key", "options", "events", "other"]), any_json()),
    path=st.sampled_from(PATHS),
)
def test_it_has_an_answer_to_everything_and_stores_all_or_nothing(events: Any, more: Any, path: str) -> None:
    project = Project()
    status, _ = project.ask(msgspec.json.encode({"api_key": KEY, "events": events, **more}), path)
    kept = len(project.server.stored) + project.server.repeats
    assert (status == 200) == (kept > 0)
    assert all(type(each["time"]) is int for each in project.server.stored)
