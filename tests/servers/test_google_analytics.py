"""The judge of Google Analytics' rules is right itself: one test for each rule of the contract."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers import google_analytics
from tests.servers.asking import any_json, connected
from tests.servers.contract import Received
from tests.servers.google_analytics import GoogleAnalytics

STREAM, SECRET = "G-ABCDEF1234", "s3cret"
QUERY = {"measurement_id": STREAM, "api_secret": SECRET}
TARGET = f"measurement_id={STREAM}&api_secret={SECRET}"
COLLECT, DEBUG = "/mp/collect", "/debug/mp/collect"
JSON = {"content-type": "application/json"}
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
US = 1_796_040_000_000_000  # NOW
HOUR = 3_600_000_000
SESSION = {"session_id": 1_796_039_000, "engagement_time_msec": 1}


@dataclass
class Stream:
    """Asks a judge without a connection, as most rules need none."""

    server: GoogleAnalytics

    def ask(
        self,
        body: bytes,
        path: str = COLLECT,
        query: Mapping[str, str] = QUERY,
        headers: Mapping[str, str] = JSON,
        method: str = "POST",
    ) -> tuple[int, bytes]:
        answer = self.server.judge(Received(method, path, path, query, headers, body, NOW))
        return answer.status, answer.body

    def collect(self, *events: Any, **more: Any) -> None:
        assert self.ask(request(*events, **more)) == (204, b"")

    def validate(self, *events: Any, **more: Any) -> list[dict[str, str]]:
        status, body = self.ask(request(*events, **more), DEBUG)
        assert status == 200
        messages: list[dict[str, str]] = json.loads(body)["validationMessages"]
        assert len(messages) <= 1
        return messages

    def lost(self) -> list[tuple[str, str, str]]:
        return [(each.what, each.code, each.name) for each in self.server.dropped]


@pytest.fixture
def stream() -> Stream:
    return Stream(GoogleAnalytics(STREAM, SECRET, now=lambda: NOW))


def request(*events: Any, **more: Any) -> bytes:
    """A request; what is ... is left out."""
    whole = {"client_id": "1741545111.1103323381", "events": events, **more}
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


def event(name: Any = "file_upload", time: Any = US, **params: Any) -> dict[str, Any]:
    """An event that is in order; what is ... is left out."""
    params = {name: value for name, value in {**SESSION, **params}.items() if value is not ...}
    return {"name": name, "params": params, **({} if time is ... else {"timestamp_micros": time})}


# --- over HTTP -------------------------------------------------------------------------------------------------------


def test_it_says_yes_over_http_and_keeps_what_google_would() -> None:
    with google_analytics.serve(STREAM, SECRET, now=lambda: NOW) as server, connected(server.url) as connection:
        for path, body in ((COLLECT, request(event())), (COLLECT, b"?"), (DEBUG, request(event("error")))):
            connection.request("POST", f"{path}?{TARGET}", body, JSON)
            answer = connection.getresponse()
            content = answer.read()
            assert (answer.status, content) == (204, b"") if path == COLLECT else b"NAME_RESERVED" in content
    assert [each["name"] for each in server.stored] == ["file_upload"]
    assert [each.what for each in server.dropped] == ["request"]
    assert server.holds(SECRET)
    assert len(server.connections) == 1


def test_a_failure_of_google_is_a_page() -> None:
    with google_analytics.serve(STREAM, SECRET) as server, connected(server.url) as connection:
        server.fail_next(502)
        connection.request("POST", f"{COLLECT}?{TARGET}", request(event()), JSON)
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:9]) == (502, b"<!DOCTYPE")
    assert server.stored == []


def test_other_paths_and_methods_are_not_there(stream: Stream) -> None:
    assert stream.ask(request(event()), "/g/collect")[0] == 404
    assert stream.ask(b"", method="GET")[0] == 405
    assert stream.server.stored == []


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_each_event_is_kept_with_all_that_its_request_says(stream: Stream) -> None:
    context = {
        "user_id": "9c1f0b",
        "consent": {"ad_user_data": "DENIED", "ad_personalization": "DENIED"},
        "user_location": {"country_id": "US", "region_id": "US-IL", "city": "Urbana", "continent_id": "019"},
        "device": {"category": "smart TV", "language": "en-US", "screen_resolution": "1280x2856", "browser": "Chrome"},
        "user_properties": {"age_group": {"value": "18-25", "timestamp_micros": US - HOUR}},
        "non_personalized_ads": True,
    }
    stream.collect(event("login"), event("search", US - HOUR, search_term="a"), **context)
    assert (stream.server.dropped, stream.server.flagged) == ([], [])
    shared = {"client_id": "1741545111.1103323381", **context}
    assert stream.server.stored == [
        {**shared, "name": "login", "params": SESSION, "timestamp_micros": US},
        {**shared, "name": "search", "params": {**SESSION, "search_term": "a"}, "timestamp_micros": US - HOUR},
    ]


def test_the_time_is_that_of_the_event_or_of_the_request_or_now(stream: Stream) -> None:
    stream.collect(event(time=US - 3), event(time=...), timestamp_micros=US - 5)
    stream.collect(event(time=...))
    assert [each["timestamp_micros"] for each in stream.server.stored] == [US - 3, US - 5, US]


def test_names_may_be_in_camel_case(stream: Stream) -> None:
    one = {"name": "login", "params": SESSION, "timestampMicros": US - 1}
    stream.collect(one, client_id=..., clientId="1.2", userLocation={"countryId": "US"}, validationBehavior="RELAXED")
    (stored,) = stream.server.stored
    assert (stored["client_id"], stored["timestamp_micros"]) == ("1.2", US - 1)
    assert stored["user_location"] == {"country_id": "US"}


def test_a_device_beats_a_user_agent_and_a_location_an_address(stream: Stream) -> None:
    beaten = {"user_agent": "Mozilla/5.0", "ip_override": "192.0.2.1"}
    stream.collect(event(), **beaten)
    stream.collect(event(), **beaten, device={"category": "mobile"}, user_location={"country_id": "US"})
    assert [beaten.keys() & each.keys() for each in stream.server.stored] == [set(beaten), set()]


def test_nothing_is_deduplicated_and_repeats_are_told(stream: Stream) -> None:
    for uid in ("a", "b", "a", ..., ...):
        stream.collect(event(event_uid=uid))
    assert len(stream.server.stored) == 5
    assert [each["params"].get("event_uid") for each in stream.server.repeats] == ["a", None]


# --- requests that are lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "VALUE_REQUIRED"),
        ({"measurement_id": STREAM}, "VALUE_REQUIRED"),
        ({"api_secret": SECRET}, "VALUE_REQUIRED"),
        ({**QUERY, "measurement_id": "G-OTHER"}, "VALUE_INVALID"),
        ({**QUERY, "api_secret": SECRET.upper()}, "VALUE_INVALID"),
    ],
)
def test_who_has_no_secret_or_another_loses_all(stream: Stream, query: Any, code: str) -> None:
    assert stream.ask(request(event(), event()), query=query) == (204, b"")
    assert stream.server.stored == []
    assert stream.lost() == [("event", code, "")] * 2


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}])
def test_what_is_not_called_json_is_lost(stream: Stream, headers: Any) -> None:
    stream.ask(request(event()), headers=headers)
    assert stream.lost() == [("event", "VALUE_INVALID", "")]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"a":NaN}', b"[" * 100_000, gzip.compress(request(event()), mtime=0)]
)
def test_what_is_no_json_object_is_lost(stream: Stream, body: bytes) -> None:
    assert stream.ask(body) == (204, b"")
    (lost,) = stream.server.dropped
    assert (lost.what, lost.code, lost.item) == ("request", "VALUE_INVALID", body)
    assert lost.reason.startswith("Unable to parse Measurement Protocol JSON payload.")


@pytest.mark.parametrize(("size", "lost"), [(129_999, 0), (130_000, 1)])
def test_a_request_of_130_000_bytes_is_lost(stream: Stream, size: int, lost: int) -> None:
    body = request(event())
    stream.ask(body + b" " * (size - len(body)))
    assert stream.lost() == [("event", "VALUE_OUT_OF_BOUNDS", "")] * lost


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"client_id": ...}, "VALUE_REQUIRED"),
        ({"client_id": ""}, "VALUE_REQUIRED"),
        ({"client_id": 5}, "VALUE_INVALID"),
        ({"client_id": "12345678901"}, "VALUE_INVALID"),
        ({"client_id": "0.5"}, "VALUE_INVALID"),
        ({"client_id": "3f0c7a52-0000-4000-8000-000000000000"}, "VALUE_INVALID"),
        ({"user_id": ""}, "VALUE_INVALID"),
        ({"user_id": 5}, "VALUE_INVALID"),
        ({"user_id": "u" * 257}, "VALUE_OUT_OF_BOUNDS"),
        ({"app_instance_id": "a" * 32}, "VALUE_INVALID"),
        ({"something": 1}, "VALUE_INVALID"),
        ({"consent": {"ad_user_data": "denied"}}, "VALUE_INVALID"),
        ({"consent": {"ad_user_data": []}}, "VALUE_INVALID"),
        ({"consent": {"analytics_storage": "DENIED"}}, "VALUE_INVALID"),
        ({"consent": "DENIED"}, "VALUE_INVALID"),
        ({"non_personalized_ads": 1}, "VALUE_INVALID"),
        ({"user_location": {"country_id": "us"}}, "VALUE_INVALID"),
        ({"user_location": {"country_id": "United States"}}, "VALUE_INVALID"),
        ({"user_location": {"region_id": "IL"}}, "VALUE_INVALID"),
        ({"user_location": {"region_id": "US-IL", "country_id": "CA"}}, "VALUE_INVALID"),
        ({"user_location": {"continent_id": "19"}}, "VALUE_INVALID"),
        ({"user_location": {"subcontinent_id": 21}}, "VALUE_INVALID"),
        ({"user_location": {"city": ""}}, "VALUE_INVALID"),
        ({"user_location": {"country": "US"}}, "VALUE_INVALID"),
        ({"ip_override": "here"}, "VALUE_INVALID"),
        ({"device": {"category": "Desktop"}}, "VALUE_INVALID"),
        ({"device": {"category": []}}, "VALUE_INVALID"),
        ({"device": {"language": "English"}}, "VALUE_INVALID"),
        ({"device": {"screen_resolution": "big"}}, "VALUE_INVALID"),
        ({"device": {"browser": 5}}, "VALUE_INVALID"),
        ({"device": {"os": "Linux"}}, "VALUE_INVALID"),
        ({"device": []}, "VALUE_INVALID"),
        ({"user_agent": 5}, "VALUE_INVALID"),
        ({"user_properties": {"age_group": "18-25"}}, "VALUE_INVALID"),
        ({"user_properties": {"age_group": {"value": None}}}, "VALUE_INVALID"),
        ({"user_properties": {"age_group": {"value": 1, "set": 2}}}, "VALUE_INVALID"),
        ({"user_properties": []}, "VALUE_INVALID"),
        ({"timestamp_micros": "now"}, "VALUE_INVALID"),
        ({"timestamp_micros": float(US)}, "VALUE_INVALID"),
        ({"timestamp_micros": US + HOUR}, "VALUE_INVALID"),
        ({"validation_behavior": "STRICT"}, "VALUE_INVALID"),
        ({"validation_behavior": []}, "VALUE_INVALID"),
    ],
)
def test_what_is_wrong_with_a_request_loses_all_its_events(stream: Stream, more: Any, code: str) -> None:
    stream.collect(event(), event(), **more)
    assert stream.server.stored == []
    assert stream.lost() == [("event", code, "")] * 2


@pytest.mark.parametrize("client", ["1.2", "1741545111.1103323381", "GA1.1.1741545111.1103323381"])
def test_a_client_is_two_numbers_or_a_cookie(stream: Stream, client: str) -> None:
    stream.collect(event(), client_id=client)
    assert stream.lost() == []


@pytest.mark.parametrize("events", [(), ..., None, "text", {}])
def test_a_request_without_events_is_lost(stream: Stream, events: Any) -> None:
    stream.collect(events=events)
    assert stream.lost() == [("request", "VALUE_REQUIRED", "")]


def test_of_more_than_25_events_all_are_lost(stream: Stream) -> None:
    stream.collect(*[event()] * 25)
    assert len(stream.server.stored) == 25
    stream.collect(*[event()] * 26)
    assert len(stream.server.stored) == 25
    assert stream.lost() == [("event", "EXCEEDED_MAX_ENTITIES", "")] * 26


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("text", "VALUE_INVALID"),
        ({}, "VALUE_REQUIRED"),
        (event(""), "VALUE_REQUIRED"),
        (event(5), "VALUE_REQUIRED"),
        (event("1st"), "NAME_INVALID"),
        (event("_mine"), "NAME_INVALID"),
        (event("größe"), "NAME_INVALID"),
        (event("file upload"), "NAME_INVALID"),
        (event("storage.file_uploaded"), "NAME_INVALID"),
        (event("n" * 41), "NAME_INVALID"),
        (event("session_start"), "NAME_RESERVED"),
        (event("error"), "NAME_RESERVED"),
        (event("user_engagement"), "NAME_RESERVED"),
        (event("screen_view"), "NAME_RESERVED"),
        (event("app_store_subscription_renew"), "NAME_RESERVED"),
        (event("ga_mine"), "NAME_RESERVED"),
        (event("google_mine"), "NAME_RESERVED"),
        (event("firebase_mine"), "NAME_RESERVED"),
        ({**event(), "parameters": {}}, "VALUE_INVALID"),
        ({**event(), "params": []}, "VALUE_INVALID"),
        (event(time="now"), "VALUE_INVALID"),
        (event(content=None), "VALUE_INVALID"),
        (event(content=True), "VALUE_INVALID"),
        (event(content=["a"]), "VALUE_INVALID"),
        (event(content={"a": "b"}), "VALUE_INVALID"),
        (event(items={"a": "b"}), "VALUE_INVALID"),
        (event(items=[{"a": {}}]), "VALUE_INVALID"),
        (event(items=[{}] * 201), "VALUE_INVALID"),
    ],
)
def test_an_event_that_is_wrong_takes_the_others_with_it(stream: Stream, wrong: Any, code: str) -> None:
    stream.collect(event(), wrong)
    assert stream.server.stored == []
    assert stream.lost() == [("event", code, "")] * 2


def test_a_name_may_have_40_characters_and_upper_case(stream: Stream) -> None:
    stream.collect(event("N" * 40, **{"p" * 40: "v"}), event("Error"), event("page_view"), event("file_download"))
    assert (len(stream.server.stored), stream.lost()) == (4, [])


@pytest.mark.parametrize(
    "body",
    [
        b'{"client_id":"1.2","client_id":"1.2","events":[]}',
        b'{"client_id":"1.2","clientId":"1.2","events":[]}',
        b'{"client_id":"1.2","events":[{"name":"login","params":{"a":1,"a":1}}]}',
    ],
)
def test_a_name_that_is_there_twice_loses_all(stream: Stream, body: bytes) -> None:
    stream.ask(body)
    assert stream.lost() == [("request", "NAME_DUPLICATED", "")]


# --- what is lost of a request ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("p" * 41, 1, "NAME_INVALID"),
        ("1st", 1, "NAME_INVALID"),
        ("a-b", 1, "NAME_INVALID"),
        ("", 1, "NAME_INVALID"),
        ("firebase_conversion", 1, "NAME_RESERVED"),
        ("ga_mine", 1, "NAME_RESERVED"),
        ("google_mine", 1, "NAME_RESERVED"),
        ("content", "v" * 101, "VALUE_OUT_OF_BOUNDS"),
        ("page_title", "v" * 301, "VALUE_OUT_OF_BOUNDS"),
        ("page_referrer", "v" * 421, "VALUE_OUT_OF_BOUNDS"),
        ("page_location", "v" * 1001, "VALUE_OUT_OF_BOUNDS"),
        ("content", "", "VALUE_REQUIRED"),
        ("session_id", 0, "VALUE_INVALID"),
        ("session_id", "a1", "VALUE_INVALID"),
        ("session_id", 1.5, "VALUE_INVALID"),
        ("engagement_time_msec", 0, "VALUE_INVALID"),
        ("engagement_time_msec", "0", "VALUE_INVALID"),
        ("engagement_time_msec", "long", "VALUE_INVALID"),
    ],
)
def test_a_param_that_is_wrong_is_lost_and_its_event_is_not(stream: Stream, name: str, value: Any, code: str) -> None:
    stream.collect(event(**{name: value}), event(good=1))
    first, second = stream.server.stored
    assert name not in first["params"]
    assert second["params"] == {**SESSION, "good": 1}
    assert stream.lost() == [("param", code, name)]


def test_params_may_be_as_long_as_is_documented(stream: Stream) -> None:
    pages = {"page_title": "v" * 300, "page_referrer": "v" * 420, "page_location": "v" * 1000, "content": "v" * 100}
    stream.collect(event(**pages, session_id="17", engagement_time_msec="5", debug_mode=True, ratio=0.5))
    assert stream.lost() == []


def test_params_of_pages_may_be_held_to_the_length_of_others() -> None:
    stream = Stream(GoogleAnalytics(STREAM, SECRET, now=lambda: NOW, long_pages=False))
    stream.collect(event(page_title="v" * 101, page_location="v" * 100))
    assert stream.lost() == [("param", "VALUE_OUT_OF_BOUNDS", "page_title")]


def test_of_more_than_25_params_the_last_ones_are_lost(stream: Stream) -> None:
    stream.collect(event(**{f"p{number}": number for number in range(25)}))
    assert len(stream.server.stored[0]["params"]) == 25
    assert stream.lost() == [("param", "EXCEEDED_MAX_ENTITIES", name) for name in ("p23", "p24")]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("n" * 25, 1, "NAME_INVALID"),
        ("1st", 1, "NAME_INVALID"),
        ("user_id", 1, "NAME_RESERVED"),
        ("first_open_time", 1, "NAME_RESERVED"),
        ("google_mine", 1, "NAME_RESERVED"),
        ("mine", "v" * 37, "VALUE_OUT_OF_BOUNDS"),
        ("mine", "", "VALUE_REQUIRED"),
    ],
)
def test_a_user_property_that_is_wrong_is_lost_alone(stream: Stream, name: str, value: Any, code: str) -> None:
    good = {"g" * 24: {"value": "v" * 36}}
    stream.collect(event(), user_properties={name: {"value": value}, **good})
    assert stream.server.stored[0]["user_properties"] == good
    assert stream.lost() == [("user_property", code, name)]


def test_of_more_than_25_user_properties_the_last_ones_are_lost(stream: Stream) -> None:
    stream.collect(event(), user_properties={f"p{number}": {"value": number} for number in range(26)})
    assert stream.lost() == [("user_property", "EXCEEDED_MAX_ENTITIES", "p25")]


def test_an_event_of_the_future_is_lost_alone(stream: Stream) -> None:
    stream.collect(event(time=US + HOUR // 4), event(time=US + HOUR // 4 + 1))
    assert [each["timestamp_micros"] for each in stream.server.stored] == [US + HOUR // 4]
    assert stream.lost() == [("event", "VALUE_INVALID", "")]


# --- what is kept and not right --------------------------------------------------------------------------------------


def test_a_time_of_more_than_72_hours_ago_is_moved_and_told(stream: Stream) -> None:
    stream.collect(event(time=US - 72 * HOUR), event(time=US - 72 * HOUR - 1), event(time=US // 1000))
    assert [each["timestamp_micros"] for each in stream.server.stored] == [US - 72 * HOUR] * 3
    assert [each.path for each in stream.server.flagged] == [f"events[{at}].timestamp_micros" for at in (1, 2)]
    assert stream.lost() == []


@pytest.mark.parametrize(
    ("params", "more"),
    [
        ({"session_id": ...}, {}),
        ({"engagement_time_msec": ...}, {}),
        ({"value": 5}, {}),
        ({"currency": "USD"}, {}),
        ({"content": "mailto:somebody@example.org"}, {}),
        ({"page_location": "https://example.org/files?page=2&key=abc"}, {}),
        ({"page_location": "/files?API_KEY=abc"}, {}),
        ({"page_location": "https://[bad/files?token="}, {}),
        ({}, {"user_id": "somebody@example.org"}),
        ({}, {"user_id": "Anonymous"}),
        ({}, {"user_id": "0" * 24}),
        ({}, {"user_properties": {"mine": {"value": "a@example.org"}}}),
        ({}, {"user_properties": {"mine": {"value": 1, "timestamp_micros": US - 73 * HOUR}}}),
        ({}, {"user_data": {"sha256_email_address": "00"}}),
        ({}, {"timestamp_micros": US - 73 * HOUR}),
    ],
)
def test_what_changes_the_meaning_or_should_not_be_sent_is_told(stream: Stream, params: Any, more: Any) -> None:
    stream.collect(event(**params), **more)
    assert len(stream.server.stored) == 1
    assert len(stream.server.flagged) == 1
    assert stream.lost() == []


def test_personal_data_is_told_also_when_its_request_is_lost(stream: Stream) -> None:
    stream.collect(event(content="a@example.org"), client_id=...)
    assert [each.path for each in stream.server.flagged] == ["events[0].params.content"]
    assert len(stream.lost()) == 1


def test_what_is_in_order_is_not_told(stream: Stream) -> None:
    stream.collect(event(value=5, currency="USD", page_location="https://example.org/files?page=2&utm_source=a"))
    assert (stream.server.flagged, stream.lost()) == ([], [])


# --- the validator ---------------------------------------------------------------------------------------------------


def test_the_validator_keeps_nothing_and_says_nothing_of_what_is_in_order(stream: Stream) -> None:
    assert stream.validate(event()) == []
    assert (stream.server.stored, stream.server.dropped) == ([], [])


def test_the_validator_does_not_know_who_asks(stream: Stream) -> None:
    query = {"measurement_id": "G-OTHER", "api_secret": "wrong"}
    assert json.loads(stream.ask(request(event()), DEBUG, query)[1]) == {"validationMessages": []}


@pytest.mark.parametrize("missing", ["measurement_id", "api_secret"])
def test_the_validator_wants_somebody_to_ask(stream: Stream, missing: str) -> None:
    (message,) = json.loads(stream.ask(request(event()), DEBUG, {**QUERY, missing: ""})[1])["validationMessages"]
    assert message == {
        "description": f"Unable to find non-empty parameter [{missing}] value in request.",
        "validationCode": "VALUE_REQUIRED",
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            event("_badEventName"),
            {
                "fieldPath": "events",
                "description": "Event at index: [0] has invalid name [_badEventName]. "
                "Names must start with an alphabetic character.",
                "validationCode": "NAME_INVALID",
            },
        ),
        (
            event("session_start"),
            {
                "fieldPath": "events",
                "description": "Event at index: [0] has name [session_start] which is reserved.",
                "validationCode": "NAME_RESERVED",
            },
        ),
        (
            {**event(), "names": "x"},
            {
                "description": "Unable to parse Measurement Protocol JSON payload. "
                "(events[0]) names: Cannot find field.",
                "validationCode": "VALUE_INVALID",
            },
        ),
    ],
)
def test_the_validator_says_what_google_says(stream: Stream, wrong: Any, message: Any) -> None:
    assert stream.validate(wrong, event("error")) == [message]


def test_the_validator_wants_a_client(stream: Stream) -> None:
    assert stream.validate(event(), client_id=...) == [
        {
            "fieldPath": "client_id",
            "description": "Measurement requires a client_id.",
            "validationCode": "VALUE_REQUIRED",
        }
    ]


def test_the_form_of_a_client_is_looked_at_when_recommendations_are_enforced(stream: Stream) -> None:
    assert stream.validate(event(), client_id="18") == []
    (message,) = stream.validate(event(), client_id="18", validation_behavior="ENFORCE_RECOMMENDATIONS")
    assert message == {
        "fieldPath": "client_id",
        "description": "client_id [18] has invalid format. It should be in <number>.<number> format.",
        "validationCode": "VALUE_INVALID",
    }


def test_an_old_time_is_refused_when_recommendations_are_enforced(stream: Stream) -> None:
    old = event(time=US - 73 * HOUR)
    assert stream.validate(old) == []
    (message,) = stream.validate(old, validation_behavior="ENFORCE_RECOMMENDATIONS")
    assert message["validationCode"] == "VALUE_INVALID"
    assert message["description"].startswith("Measurement timestamp_micros has timestamp ")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"p" * 41: 1}, "NAME_INVALID"),
        ({"firebase_conversion": 1}, "NAME_RESERVED"),
        ({"content": "v" * 101}, "VALUE_OUT_OF_BOUNDS"),
        ({"content": None}, "VALUE_INVALID"),
        ({f"p{number}": 1 for number in range(24)}, "EXCEEDED_MAX_ENTITIES"),
    ],
)
def test_the_validator_looks_at_params(stream: Stream, params: Any, code: str) -> None:
    assert [message["validationCode"] for message in stream.validate(event(**params))] == [code]


def test_the_validator_sees_a_name_that_is_there_twice(stream: Stream) -> None:
    body = json.loads(stream.ask(b'{"client_id":"1.2","client_id":"1.2"}', DEBUG)[1])
    assert [message["validationCode"] for message in body["validationMessages"]] == ["NAME_DUPLICATED"]


def test_the_validator_does_not_know_the_rules_of_this_house(stream: Stream) -> None:
    assert stream.validate(event(value=5, content="a@example.org", session_id=...)) == []


@pytest.mark.parametrize("wrong", [event(content="v" * 101), event(time=US - 73 * HOUR)])
def test_enforced_recommendations_lose_all_that_is_collected(stream: Stream, wrong: Any) -> None:
    stream.collect(event(), wrong, validation_behavior="ENFORCE_RECOMMENDATIONS")
    assert stream.server.stored == []
    assert len(stream.server.dropped) == 2


# --- the judge itself ------------------------------------------------------------------------------------------------

TOP = st.sampled_from(
    [
        *(
            "client_id",
            "user_id",
            "timestamp_micros",
            "user_properties",
            "consent",
            "user_location",
            "device",
            "user_data",
        ),
        *("ip_override", "user_agent", "validation_behavior", "non_personalized_ads", "events"),
    ]
)
EVENTS = st.lists(
    st.dictionaries(st.sampled_from(["name", "params", "timestamp_micros", "other"]), any_json()) | any_json(),
    max_size=3,
)


@given(events=EVENTS, more=st.dictionaries(TOP, any_json()), path=st.sampled_from([COLLECT, DEBUG]))
def test_it_has_an_answer_to_everything(events: Any, more: Any, path: str) -> None:
    stream = Stream(GoogleAnalytics(STREAM, SECRET, now=lambda: NOW))
    whole = {"client_id": "1.2", "events": events, **more}
    assert stream.ask(msgspec.json.encode(whole), path)[0] == (204 if path == COLLECT else 200)
    if path == COLLECT:
        assert stream.server.stored or stream.server.dropped


@given(params=st.dictionaries(st.text() | st.sampled_from(["session_id", "engagement_time_msec", "items"]), any_json()))
def test_of_each_event_it_is_known_what_became_of_it(params: Any) -> None:
    stream = Stream(GoogleAnalytics(STREAM, SECRET, now=lambda: NOW))
    one = {"name": "login", "params": params, "timestamp_micros": US - int(timedelta(hours=1).total_seconds())}
    stream.ask(msgspec.json.encode({"client_id": "1.2", "events": [one]}))
    lost = [each for each in stream.server.dropped if each.what == "event"]
    assert len(stream.server.stored) + len(lost) == 1
    if stream.server.stored:
        kept = stream.server.stored[0]["params"].keys()
        assert params.keys() == kept | {each.name for each in stream.server.dropped}
