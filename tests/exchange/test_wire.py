"""Events as messages, and what others put into the exchange, read into events or into letters with a reason."""

import gzip
import json
import types
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventsink.amqp import Delivery, Message
from eventsink.dialects.admit import Admission, Stamps
from eventsink.errors import InvalidEvent
from eventsink.event import Draft
from eventsink.exchange.rabbitmq import wire
from eventsink.exchange.rabbitmq.wire import MOST_BYTES, MOST_EVENTS, Parcel, key_of, pack, unpack
from eventsink.testing import sample_events
from tests.amqp.foreign import properties

SAMPLES = Path(__file__).parents[1] / "fixtures" / "samples"
NOW = datetime.now(UTC)
PAIRS = [("a", "1"), ("b", "1"), ("a", "2"), ("a 1", "1"), ("a", "1 1"), ('a","1', "1"), ("", "a1")]  # source and id


def _delivery(body: bytes, **named: Any) -> Delivery:
    frame = types.SimpleNamespace(delivery_tag=1, redelivered=False, exchange="clowder.metrics", routing_key="")
    return Delivery(frame, properties(**named), body)


def _delivered(message: Message) -> Delivery:
    named = {name: getattr(message, name) for name in ("content_type", "message_id", "app_id", "headers")}
    return _delivery(message.body, **named)


def _read(body: bytes | dict | list, **named: Any) -> Parcel:
    return unpack(_delivery(body if isinstance(body, bytes) else json.dumps(body).encode(), **named), "clowder")


# --- our own ---------------------------------------------------------------------------------------------------------

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e300, 1e300) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_EXTENSION = st.from_regex(r"ext[a-z0-9]{1,10}", fullmatch=True)
_DRAFTS = st.builds(
    Draft,
    type=st.sampled_from(["a.b", "custom.thing", "x-y.z_1.w"]),
    data=st.dictionaries(_TEXT, _JSON, max_size=4),
    id=st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200),
    source=st.none() | _TEXT,
    subject=st.none() | _TEXT,
    user=st.none() | _TEXT,
    time=st.none() | st.datetimes(datetime(1971, 1, 1), datetime(2025, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    dialect=st.none() | st.just("clowder"),
    extensions=st.dictionaries(_EXTENSION, _TEXT | st.integers(0, 9), max_size=2),
)


@given(drafts=st.lists(_DRAFTS, max_size=12), single=st.booleans())
@settings(deadline=None, max_examples=30)
def test_every_admitted_event_comes_back_as_it_was(drafts: list[Draft], *, single: bool) -> None:
    events = []
    for draft in drafts:
        try:
            events.append(Admission().admit(draft, Stamps(NOW, "clowder"))[0])
        except InvalidEvent:  # not admitted, so not packed
            continue
    packed = pack(events, "clowder.metrics", single=single)
    assert sorted(map(id, (event for _, part in packed for event in part))) == sorted(map(id, events))
    for message, part in packed:
        properties(message_id=message.message_id).encode()  # AMQP can hold it
        assert list(unpack(_delivered(message), "x").events) == part
        assert message.routing_key == part[0].type and {event.type for event in part} == {part[0].type}
        assert message.delivery_mode == 2 and message.mandatory and message.app_id == "eventsink"
        alone = "application/cloudevents+json", "application/cloudevents-batch+json"
        assert message.content_type == alone[len(part) > 1]
        assert len(part) == 1 or not single


def test_a_message_holds_no_more_than_a_worker_can_bear() -> None:
    messages = pack(sample_events(1200), "x")
    assert [len(part) for _, part in messages] == [MOST_EVENTS, MOST_EVENTS, 200]
    large = [msgspec.structs.replace(event, data={"text": "x" * 60_000}) for event in sample_events(20)]
    sizes = [len(message.body) for message, _ in pack(large, "x")]
    assert len(sizes) == 5 and all(size < MOST_BYTES + 1000 for size in sizes)


def test_an_event_larger_than_a_message_travels_alone() -> None:
    small, large = sample_events(3), sample_events(1)
    large = [msgspec.structs.replace(event, data={"text": "x" * (MOST_BYTES + 1)}) for event in large]
    assert [len(part) for _, part in pack([*small[:2], *large, small[2]], "x")] == [2, 1, 1]


def test_the_same_events_have_the_same_message_id_and_others_another() -> None:
    events = sample_events(3)
    (batch, _), (again, _) = pack(events, "x") + pack(events, "x")
    (other, _) = pack(events[:2], "x")[0]
    assert batch.message_id == again.message_id != other.message_id


def test_two_sources_with_one_id_have_two_message_ids() -> None:
    one = sample_events(1)[0]
    apart = [msgspec.structs.replace(one, source=source, id=event_id) for source, event_id in PAIRS]
    assert len({pack([event], "x")[0][0].message_id for event in apart}) == len(PAIRS)
    assert pack(apart, "x")[0][0].message_id != pack(apart[::-1], "x")[0][0].message_id


def test_the_id_of_an_event_that_is_too_long_for_amqp_is_no_obstacle() -> None:
    event = msgspec.structs.replace(sample_events(1)[0], id="é" * 200)
    message = pack([event], "x")[0][0]
    assert message.message_id is not None and len(message.message_id.encode()) <= 255
    assert message.message_id == pack([event], "x")[0][0].message_id


def test_a_message_that_only_pretends_to_be_ours_is_read_like_any_other() -> None:
    for body in (b"[1", b"null", b"[null]", b'{"type":1}', b"[" * 5000, b"\xff\xfe", b'[{"type":"a.b"}]'):
        for content_type in ("application/cloudevents+json", "application/cloudevents-batch+json"):
            parcel = _read(body, app_id="eventsink", content_type=content_type)
            assert len(parcel.events) + len(parcel.broken) == 1


@pytest.mark.parametrize("name", ["time", "received"])
@pytest.mark.parametrize("time", ["2026-11-20T00:00:00", "1900-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z"])
def test_a_message_that_pretends_to_be_ours_has_times_that_every_destination_can_hold(name: str, time: str) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "a.b",
        "data": {},
        "received": "2026-11-20T00:00:00Z",
    }
    body = event | {"time": "2026-11-20T00:00:00Z"} | {name: time}
    parcel = _read(body, content_type="application/cloudevents+json", app_id="eventsink")
    assert len(parcel.events) + len(parcel.broken) == 1
    for read in parcel.events:
        assert read.time == datetime(2026, 11, 20, tzinfo=UTC) and read.received > NOW
    assert bool(parcel.broken) == (name == "time" and time.endswith("Z"))


# --- Clowder's -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("clowder-v1-*.json")), ids=lambda path: path.stem)
def test_messages_of_clowder_without_any_properties_become_events(path: Path) -> None:
    parcel = _read(path.read_bytes())
    assert not parcel.broken and parcel.events
    assert all(event.source == "clowder" for event in parcel.events)


@pytest.mark.parametrize("path", sorted((SAMPLES / "legacy").glob("*.json")), ids=lambda path: path.stem)
def test_messages_of_clowder_1_15_0_become_events(path: Path) -> None:
    parcel = _read(path.read_bytes())
    assert not parcel.broken and len(parcel.events) == 1


def _login(**more: Any) -> dict[str, Any]:
    login = {
        "category": "user_activity",
        "type": "login",
        "user_id": "5" * 24,
        "user_name": "Jörg",
        "created": 1764000000123,
    }
    return {name: value for name, value in (login | more).items() if value is not ...}  # fmt: skip


def test_a_message_in_latin_1_without_a_word_about_it_is_read() -> None:
    parcel = _read(json.dumps(_login(), ensure_ascii=False).encode("latin-1"))
    assert "Jörg" in str(parcel.events[0].data), parcel


@pytest.mark.parametrize(
    ("charset", "named"),
    [
        ("latin-1", {"content_type": "application/json; charset=ISO-8859-1"}),
        ("latin-1", {"content_type": "application/json", "content_encoding": "iso-8859-1"}),
        ("utf-16", {"content_encoding": "UTF-16"}),
        ("utf-8", {"content_encoding": "utf-8"}),
        ("utf-8", {"content_type": "text/plain", "content_encoding": "UTF-8 "}),
        ("utf-8-sig", {"content_type": "application/json"}),
        ("utf-8", {"content_type": "application/octet-stream", "content_encoding": "identity"}),
        ("cp1252", {"content_type": "Application/JSON; Charset=CP1252", "content_encoding": "utf-8"}),
    ],
)
def test_a_charset_is_believed_wherever_it_stands(charset: str, named: dict[str, str]) -> None:
    parcel = _read(json.dumps(_login(), ensure_ascii=False).encode(charset), **named)
    assert "Jörg" in str(parcel.events[0].data), parcel


@pytest.mark.parametrize(
    "named",
    [
        *({"content_type": label} for label in ("application\\json", "text/json", "application/vnd.clowder+json",
                                                "application/*", "text/html")),
        *({"content_encoding": label} for label in ("binary", "klingon", "punycode", "br", "\x00", "utf-32", "gzip")),
        {"content_type": "application/json; charset=klingon"},
    ],
)  # fmt: skip
def test_json_is_read_whatever_its_labels_say(named: dict[str, str]) -> None:
    parcel = _read(_login(), **named)
    assert "Jörg" in str(parcel.events[0].data), parcel


def test_two_lines_without_a_word_about_them_are_two_events() -> None:
    assert [event.id for event in _read(b'{"type":"a.b","id":"1"}\n{"type":"a.b","id":"2"}').events] == ["1", "2"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not JSON", "malformed"),
        (b"", "empty"),
        (b"   ", "empty"),
        (b"null", "JSON object"),
        (b"[]", None),
        (b"[null]", "JSON object"),
        (b"17", "JSON object"),
        (b'"text"', "JSON object"),
        (b'{"category":', "too early"),
        (b"\xff\xfe\x00\x01", "malformed"),
        (b"{}", "No known form"),
        (b'{"category":"no name","created":1}', ""),
        (b'{"type":"a.b","data":' + b"[" * 200 + b"]" * 200 + b"}", ""),
        (b"[" * 100_000, "nested"),
        (b'{"type":"a.b","data":{"\\ud800":1}}', ""),
        (b'{"type":"a.b","data":{"\\ud800":1e999}}', ""),
        (b'{"type":"a.b","data":{"n":1' + b"0" * 5000 + b"}}", ""),
        (b'{"type":"a.b","data":{"x":NaN}}', "not finite"),
        (b'{"type":"no type at all"}', "component.event_type"),
        (b'{"specversion":"0.3","type":"a.b"}', "CloudEvents 1.0"),
    ],
)
def test_what_is_no_event_gives_a_letter_with_a_reason_and_the_bytes_that_came(body: bytes, reason: str | None) -> None:
    parcel = _read(body)
    assert not parcel.events
    if reason is None:  # an array of nothing is nothing
        assert not parcel.broken
        return
    (broken,) = parcel.broken
    assert broken.body == body and broken.properties == {}
    assert broken.reason and reason in broken.reason
    msgspec.msgpack.encode(broken.reason)  # it travels through the settlements


@pytest.mark.parametrize(
    "created", [..., "2026-11-23T10:00:00Z", 1764000000.5, None, "1764000000123", 1764000000123456789]
)
def test_what_ended_the_earlier_consumers_becomes_an_event_or_a_letter(created: Any) -> None:
    parcel = _read(_login(created=created))
    assert len(parcel.events) + len(parcel.broken) == 1
    for broken in parcel.broken:
        assert "created" in broken.reason or "time" in broken.reason


# --- other producers' ------------------------------------------------------------------------------------------------

CLOUD = {"specversion": "1.0", "id": "1", "source": "s", "type": "a.b", "data": {"x": 1}}


def test_cloudevents_are_read_in_every_mode() -> None:
    single = _read(CLOUD, content_type="application/cloudevents+json; charset=utf-8").events
    batch = _read([CLOUD, CLOUD | {"id": "2"}], content_type="application/cloudevents-batch+json").events
    assert [event.id for event in (*single, *batch)] == ["1", "1", "2"]
    for prefix in ("ce-", "ce_", "cloudEvents:", "cloudEvents_", "Ce-", "CE_", "cloudevents:"):
        headers = {f"{prefix}{name}": value for name, value in CLOUD.items() if name != "data"}
        (binary,) = _read(b'{"x":1}', content_type="application/json", headers=headers | {"x-other": 1}).events
        assert binary == msgspec.structs.replace(single[0], received=binary.received, time=binary.time), prefix


def test_headers_of_a_binary_cloudevent_are_taken_to_the_letter() -> None:
    headers = {"cloudEvents:specversion": "1.0", "cloudEvents:type": "a.b", "cloudEvents:source": "s",
               "cloudEvents:id": "100%25 é", "cloudEvents:time": datetime(2026, 11, 23, 10)}  # fmt: skip  # noqa: DTZ001
    (event,) = _read(b"", headers=headers).events
    assert (event.id, event.data, event.time) == ("100%25 é", {}, datetime(2026, 11, 23, 10, tzinfo=UTC))


def test_a_broken_binary_cloudevent_keeps_its_headers() -> None:
    headers = {"ce-specversion": "1.0", "ce-type": "a.b", "ce-id": "1", "ce-source": "s", "x-death": [{"count": 1}]}
    (broken,) = _read(b"{not JSON", content_type="application/json", headers=headers).broken
    assert broken.body == b"{not JSON"
    kept = {"ce-specversion": "1.0", "ce-type": "a.b", "ce-id": "1", "ce-source": "s"}
    assert broken.properties == {"content_type": "application/json", "headers": kept}


@pytest.mark.parametrize(
    ("encoding", "compressed"),
    [
        ("gzip", gzip.compress(json.dumps(CLOUD).encode())),
        ("GZIP ", gzip.compress(json.dumps(CLOUD).encode())),
        ("x-gzip", gzip.compress(b'{"specversion":"1.0","type":"a.b",') + gzip.compress(b'"id":"1","source":"s"}')),
        ("deflate", zlib.compress(json.dumps(CLOUD).encode())),
        ("deflate", zlib.compress(json.dumps(CLOUD).encode())[2:-4]),  # without the frame of zlib
        ("", gzip.compress(json.dumps(CLOUD).encode())),
    ],
)
def test_compressed_messages_are_read(encoding: str, compressed: bytes) -> None:
    parcel = _read(compressed, content_encoding=encoding, content_type="application/json")
    assert [event.id for event in parcel.events] == ["1"], parcel.broken


@pytest.mark.parametrize(
    ("compressed", "reason"),
    [
        (gzip.compress(json.dumps(CLOUD).encode())[:-9], "ends too early"),
        (gzip.compress(json.dumps(CLOUD).encode())[:5], "ends too early"),
        (gzip.compress(json.dumps(CLOUD).encode()) + b"rest", "damaged"),
        (b"no gzip", "damaged"),
        (b"{}", "No known form"),
        (gzip.compress(b"not JSON"), "malformed"),
    ],
)
def test_a_damaged_compressed_message_is_kept_as_it_came(compressed: bytes, reason: str) -> None:
    (broken,) = _read(compressed, content_encoding="gzip").broken
    assert reason in broken.reason
    assert broken.body == compressed and broken.properties == {"content_encoding": "gzip"}


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_INFLATED", 1 << 20)
    for bomb in (gzip.compress(b" " * (1 << 22)), gzip.compress(b" " * (3 << 18)) * 2):
        (broken,) = _read(bomb, content_encoding="gzip").broken
        assert "inflates to more than 1048576 bytes" in broken.reason
    assert _read(gzip.compress(json.dumps(CLOUD).encode() + b" " * 900_000), content_encoding="gzip").events


def test_of_an_array_the_good_are_events_and_each_broken_one_a_letter_of_its_own() -> None:
    parcel = _read([CLOUD, {"type": "bad"}, 17, CLOUD | {"id": "2"}], content_type="application/json")
    assert [event.id for event in parcel.events] == ["1", "2"]
    assert [broken.body for broken in parcel.broken] == [b'{"type": "bad"}', b"17"]
    assert all(broken.properties == {} for broken in parcel.broken)


def test_of_an_array_with_what_json_has_not_the_good_are_events() -> None:
    parcel = _read(b'[{"type":"a.b","id":"1"},{"type":"a.b","data":{"x":NaN}},{"type":"a.b","data":{"y":"\\ud800"}}]')
    assert [event.id for event in parcel.events] == ["1"]
    for broken in parcel.broken:
        assert not _read(broken.body).events and len(_read(broken.body).broken) == 1
    assert len(parcel.broken) == 2


def test_of_lines_a_broken_one_is_a_letter_of_its_own() -> None:
    lines = b'{"type":"a.b","id":"1"}\n\nbroken\n{"type":"a.b","id":"2"}\n'
    parcel = _read(lines, content_type="application/x-ndjson")
    assert [event.id for event in parcel.events] == ["1", "2"]
    assert [broken.body for broken in parcel.broken] == [b"broken"]


def test_of_what_only_its_lines_tell_apart_each_broken_one_is_kept() -> None:
    body = b'{"type":"a.b","id":"1"}\nbroken\n{"type":"bad"}\n{"type":"a.b","id":"2"}\n'
    parcel = _read(body, content_type="text/plain")
    assert [event.id for event in parcel.events] == ["1", "2"]
    assert [broken.body for broken in parcel.broken] == [b"broken", b'{"type":"bad"}']


def test_a_large_array_of_broken_things_does_not_make_letters_larger_than_it_is() -> None:
    body = json.dumps([{"type": "bad", "n": number} for number in range(5000)]).encode()
    parcel = _read(body)
    assert len(parcel.broken) == 5000
    assert sum(len(broken.body) for broken in parcel.broken) < len(body)


_NONSENSE = st.text(max_size=20) | st.binary(max_size=9)
_MEDIA = st.sampled_from(["application/json", "text/plain", "application/cloudevents+json", "application/x-ndjson"])
_ENCODING = st.sampled_from(["gzip", "deflate", "utf-8", "utf-7", "latin-1", "base64", "rot13", ""])
_PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "content_type": _NONSENSE | _MEDIA,
        "content_encoding": _NONSENSE | _ENCODING,
        "app_id": st.sampled_from(["eventsink", "other"]),
        "message_id": _NONSENSE,
        "headers": st.dictionaries(
            st.sampled_from(["ce-type", "ce-id", "cloudEvents:type", b"\xff", "x-death", "ce-time", "ce-data"]),
            _NONSENSE | st.integers() | st.none() | st.lists(st.none(), max_size=2),
            max_size=4,
        ),
    },
)


@given(body=st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()), named=_PROPERTIES)
@example(b"[5]", {"app_id": "eventsink", "content_type": "application/cloudevents+json"})
@settings(deadline=None, max_examples=200)
def test_nothing_that_anybody_sends_stops_a_queue(body: bytes, named: dict[str, Any]) -> None:
    delivery = _delivery(body, **named)
    parcel = unpack(delivery, "clowder")
    assert key_of(delivery) == key_of(delivery)
    for broken in parcel.broken:
        assert broken.reason and "fault of the event sink" not in broken.reason
        msgspec.msgpack.encode(broken)
        msgspec.json.encode(broken.properties)
    pack(parcel.events, "x")


# --- known when it comes again ---------------------------------------------------------------------------------------


def test_a_message_is_known_again_by_what_is_in_it() -> None:
    assert (
        key_of(_delivery(b"a")) == key_of(_delivery(b"a", headers={"x-delivery-count": 3})) != key_of(_delivery(b"b"))
    )


def test_messages_of_others_that_share_an_id_are_told_apart() -> None:
    assert key_of(_delivery(b"a", message_id="1")) != key_of(_delivery(b"b", message_id="1"))
    assert key_of(_delivery(b"a", message_id="1")) == key_of(_delivery(b"a", message_id="1"))
    assert key_of(_delivery(b"a", message_id="1")) != key_of(_delivery(b"a", message_id="2"))


def test_events_in_binary_mode_that_differ_in_their_headers_alone_are_told_apart() -> None:
    one, two = ({"ce-type": "a.b", "ce-id": number} for number in ("1", "2"))
    assert key_of(_delivery(b"{}", headers=one)) != key_of(_delivery(b"{}", headers=two))


def test_our_own_messages_are_known_by_their_id_whatever_happened_to_them() -> None:
    message = pack(sample_events(2), "x")[0][0]
    delivery = _delivered(message)
    assert key_of(delivery) == message.message_id
    delivery.properties.headers = {"x-delivery-count": 2, "x-death": [{"reason": "rejected"}]}
    assert key_of(delivery) == message.message_id
