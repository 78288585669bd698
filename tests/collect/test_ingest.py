"""From a body to events: every content type, and every way to be wrong."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eventsink.collect.ingest import Intake, ingest, ingest_typed
from eventsink.collect.problems import Problem
from eventsink.dialects.admit import Admission
from eventsink.event import Event, decode, encode

LOGIN = {"type": "users.login", "id": "1", "user": "alice", "data": {"method": "cilogon"}}
CLOWDER = {"category": "user_activity", "type": "login", "user_id": "u", "user_name": "é", "created": 1628000122468}
LINE = json.dumps(LOGIN).encode()
NDJSON = "application/x-ndjson"


async def take(body: bytes | Any, content_type: str = "application/json", **headers: str) -> Intake:
    """Ingest a body, or a value as JSON."""
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await ingest(encoded, content_type, named, Admission(), "clowder")


async def problem_of(body: bytes | Any, content_type: str = "application/json") -> Problem:
    """The refusal of the whole body."""
    with pytest.raises(Problem) as problem:
        await take(body, content_type)
    return problem.value


def told(intake: Intake) -> list[tuple[int, str]]:
    """Index and pointer of what was not accepted."""
    return [(rejection.index, rejection.pointer) for rejection in intake.rejected]


@pytest.mark.parametrize(
    "time",
    ["2026-11-20T23:59:59.9999996Z", 1764000000.1, 12.5, 1.5e9, "1764000000123", "2026-11-20T01:00:00+01:00"],
)
async def test_the_time_of_an_event_is_the_same_alone_and_beside_any_other(time: Any) -> None:
    event = {"type": "lab.nb", "id": "1", "time": time, "data": {}}
    alone = await take([event])
    beside = await take([event, {"type": "lab.nb", "id": "x", "traceparent": "00-1", "data": {}}])
    assert alone.events[0].time == beside.events[0].time


@pytest.mark.parametrize("digits", [b"1700000000.999999999", b"1700000000999.999999", b"1700000000999999.99"])
async def test_a_time_in_digits_is_cut_and_never_later_than_it_was_sent(digits: bytes) -> None:
    event = b'{"type":"lab.nb","id":"1","time":%b}' % digits
    for body in (event, b"[%b,17]" % event, event + b"\n" + event):
        assert (await take(body)).events[0].time == datetime(2023, 11, 14, 22, 13, 20, 999999, UTC)


SIZED = '{"type":"lab.a","id":"1","time":"2026-11-20T00:00:00Z","data":{"x":%s}}'
ZEROS = "[" + ",".join(["1e15"] * 12_000) + "]"  # 60 kB, and three and a half times that when it is written again


@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("codec", ["utf-8", "windows-1252", "utf-16"])
@pytest.mark.parametrize(("value", "letter"), [(f'"{"x" * 1000}"', "é"), (ZEROS, "0")])
async def test_the_size_of_an_event_does_not_depend_on_what_stands_beside_it(
    fits: bool, codec: str, value: str, letter: str
) -> None:
    event = (SIZED % f'{value},"y":"{letter}"').encode(codec)
    (accepted,) = (await take(event)).events
    admission = Admission(largest=len(encode(accepted)) - (not fits))
    for after in ("", " " * 500_000):
        intake = await ingest(
            event + after.encode(codec).removeprefix(b"\xff\xfe"), "application/json", {}, admission, "clowder"
        )
        assert (len(intake.events), len(intake.rejected)) == ((1, 0) if fits else (0, 1))


# --- content types ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "Application/JSON; charset=utf-8",
        'application/json;charset="UTF-8";profile=x',
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/octet-stream",
        NDJSON,
        "application/ndjson",
        "application/jsonl",
        "application/json-seq",
    ],
)
async def test_one_event_is_read_whatever_the_content_type(content_type: str) -> None:
    intake = await take(LINE, content_type)
    assert [(event.id, event.user, event.data) for event in intake.events] == [("1", "alice", {"method": "cilogon"})]
    assert not intake.rejected


@pytest.mark.parametrize(
    "content_type", ["text/xml", "image/png", "application/cloudevents+avro", "x", "é/é", "a" * 999]
)
async def test_another_content_type_is_refused_where_the_body_is_no_json_either(content_type: str) -> None:
    assert (await problem_of(b"<a/>", content_type)).status == 415
    assert len((await take(LINE, content_type)).events) == 1


@pytest.mark.parametrize(
    "body",
    [
        LINE + b"\n" + LINE,
        LINE + b"\r\n\r\n  " + LINE + b"\n",
        b"\n\n" + LINE + b"\n \n" + LINE + b"\n\n",
        b"\xef\xbb\xbf" + LINE + b"\n" + LINE,
    ],
)
@pytest.mark.parametrize(
    "content_type", [NDJSON, "text/plain", "application/x-www-form-urlencoded", "application/json"]
)
async def test_one_event_a_line(body: bytes, content_type: str) -> None:
    assert len((await take(body, content_type)).events) == 2


async def test_a_json_text_sequence_is_read() -> None:
    pretty = json.dumps(LOGIN, indent=2).encode()
    body = b"\x1e" + LINE + b"\n\x1e" + pretty + b"\n"
    assert len((await take(body, "application/json-seq")).events) == 2


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
async def test_an_event_may_be_written_over_several_lines(content_type: str) -> None:
    assert len((await take(b"\n " + json.dumps(LOGIN, indent=2).encode() + b"\n", content_type)).events) == 1


async def test_an_array_of_ours_and_a_thousand_of_them() -> None:
    intake = await take([LOGIN | {"id": str(number)} for number in range(5000)])
    assert [event.id for event in intake.events] == [str(number) for number in range(5000)]


@pytest.mark.parametrize(("body", "content_type"), [([], "application/json"), (b"", NDJSON), (b" [ ] ", "")])
async def test_nothing_in_it_is_nothing_accepted(body: Any, content_type: str) -> None:
    intake = await take(body, content_type)
    assert (intake.events, intake.rejected) == ([], [])


# --- partly good -----------------------------------------------------------------------------------------------------


async def test_one_bad_line_does_not_stop_the_others() -> None:
    intake = await take(LINE + b'\n{"type": oops}\n' + LINE, NDJSON)
    assert len(intake.events) == 2
    (rejection,) = intake.rejected
    assert (rejection.index, rejection.expected) == (1, "JSON")
    assert "line 1, column 10" in rejection.message


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        ({"type": "storage.file_uploaded", "data": {"bytes": "1"}}, "/data/bytes"),
        ({"type": "nonsense"}, "/type"),
        ({"data": {}}, "/type"),
        ({}, ""),
        (5, ""),
        (None, ""),
        ([LOGIN], ""),
        ({"type": "a.b", "data": {"x": float("nan")}}, "/data/x"),
        ({"type": "a.b", "data": {"x": "\ud800"}}, "/data/x"),
        ({"type": "a.b", "data": {"x": 2**70}}, "/data/x"),
        ({"category": 5}, "/category"),
        ({"category": "view_resource", "type": [], "resource_id": "x"}, "/data/resource_type"),
        ({"specversion": "0.3", "type": "a.b"}, "/specversion"),
        ({"type": "a.b", "time": "noon"}, "/time"),
        ({"type": "a.b", "time": "9" * 5000}, "/time"),
        ({"type": "a.b", "time": "1960-01-01T00:00:00Z"}, "/time"),
        ({"type": "a.b", "id": "a\0b"}, "/id"),
        ({"type": "a.b", "id": "ffffffff-ffff-7fff-bfff-ffffffffffff"}, "/time"),
        ({"type": "a.b", "Shard": 1}, "/Shard"),
    ],
)
async def test_one_bad_item_is_named_and_the_others_go_on(item: Any, pointer: str) -> None:
    intake = await take([LOGIN, item, CLOWDER])
    assert [event.type for event in intake.events] == ["users.login", "users.login"]
    assert told(intake) == [(1, pointer)]
    alone = await take(item) if not isinstance(item, list) else intake
    assert [rejection.pointer for rejection in alone.rejected] == [pointer]


async def test_clowders_messages_and_ours_may_be_mixed() -> None:
    intake = await take([LOGIN, CLOWDER, {"specversion": "1.0", **LOGIN}, {"type": "lab.opened"}])
    assert [event.dialect for event in intake.events] == [None, "clowder", None, None]


async def test_warnings_say_which_event_they_are_about() -> None:
    intake = await take(
        [LOGIN | {"time": 1628000122468}, {"type": "users.login", "data": {"methd": "x"}}, {"type": "users.logon"}]
    )
    assert [(warning.index, warning.pointer) for warning in intake.warnings] == [(1, "/data/methd"), (2, "/type")]
    assert "Did you mean 'method'?" in intake.warnings[0].message


async def test_duplicate_keys_are_read_as_the_last_of_them() -> None:
    intake = await take(b'{"type":"a.b","type":"a.c","data":{"x":1,"x":2}}')
    assert (intake.events[0].type, intake.events[0].data) == ("a.c", {"x": 2})


async def test_the_fast_way_and_the_careful_way_agree() -> None:
    items = [
        LOGIN,
        {"type": "a.b", "id": "2", "time": 1628000122468, "data": {"n": 1e3}},
        LOGIN | {"time": "2026-01-01T01:00:00+01:00"},
    ]
    fast, careful = await take(items), await take([*items, CLOWDER])
    assert len(fast.events) == len(items)
    assert [event.time for event in fast.events[1:]] == [event.time for event in careful.events[1 : len(items)]]
    for one, other in zip(fast.events, careful.events, strict=False):
        assert (one.id, one.type, one.data, one.user, one.subject) == (
            other.id,
            other.type,
            other.data,
            other.user,
            other.subject,
        )


# --- charsets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("", "utf-8"),
        ("; charset=utf-8", "utf-8"),
        ("; charset=UTF8", "utf-8"),
        ('; charset="iso-8859-1"', "latin-1"),
        ("; charset=windows-1252; x=y", "cp1252"),
        ("; Charset=Windows-1252", "cp1252"),
        ("; charset=utf-16", "utf-16"),
        ("", "utf-8-sig"),
        ("", "utf-16"),
        ("", "utf-32"),
        ("", "utf-32-le"),
        ("", "utf-32-be"),
        ("; charset=utf-16", "ascii"),
        ("; charset=utf-32", "ascii"),
        ("; charset=iso-8859-1", "utf-8-sig"),
        ("", "utf-16-le"),
        ("", "utf-16-be"),
        ("; charset=utf-8", "utf-16"),
        ("; charset=shift_jis", "shift_jis"),
    ],
)
@pytest.mark.parametrize("media", ["application/json", NDJSON])
async def test_a_body_is_read_in_its_charset(media: str, charset: str, codec: str) -> None:
    text = {"ascii": "e", "latin-1": "é", "cp1252": "€ é", "shift_jis": "日本"}.get(codec, "é 日本 😀")
    body = json.dumps(LOGIN | {"user": text}, ensure_ascii=False).encode(codec)
    assert (await take(body, media + charset)).events[0].user == text


@pytest.mark.parametrize(("form", "content_type"), [(b"[%s,%s, %s]", ""), (b"%s\n%s\n%s", NDJSON)])
async def test_one_cut_character_garbles_no_neighbour(form: bytes, content_type: str) -> None:
    named = '{"type":"lab.name","id":"%s","data":{"name":"%s"}}'
    good = (named % ("good", "Übersicht + Größe.csv")).encode()
    cut = (named % ("cut", "Messung Zürich €")).encode().replace("€".encode(), "€".encode()[:2])
    windows = (named % ("windows", "Größe in €")).encode("cp1252")
    intake = await take(form % (good, cut, windows), content_type)
    assert [event.data["name"] for event in intake.events] == ["Übersicht + Größe.csv", "Größe in €"]
    assert told(intake) == [(1, "")]
    assert "UTF-8" in intake.rejected[0].message


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-32", "utf-32-le"])
async def test_a_byte_too_many_costs_no_neighbour(codec: str) -> None:
    intake = await take((LINE.decode() + "\n" + LINE.decode() + "\n").encode(codec) + b"x", NDJSON)
    assert (len(intake.events), told(intake)) == (2, [(2, "")])
    assert f"charset '{codec}'" in intake.rejected[0].message


async def test_what_does_not_fit_the_declared_charset_is_named() -> None:
    good, windows = (
        json.dumps(LOGIN | {"user": "é"}, ensure_ascii=False).encode(codec) for codec in ("utf-8", "cp1252")
    )
    intake = await take(b"[%b,%b]" % (windows, good), "application/json; charset=utf-8")
    assert [event.user for event in intake.events] == ["é"]
    assert told(intake) == [(0, "")]
    assert (await problem_of(windows, "application/json; charset=utf-8")).status == 400


async def test_without_a_charset_latin_1_is_read_where_the_body_is_no_utf_8() -> None:
    line = json.dumps(LOGIN | {"user": "é"}, ensure_ascii=False)
    intake = await take(line.encode("latin-1") + b"\n" + line.encode(), NDJSON)
    assert [event.user for event in intake.events] == ["é", "é"]


@pytest.mark.parametrize(
    "charset", ["klingon", "hex", "zlib", "rot13", "base64", "idna", "punycode", "unicode_escape", "\0", "é", "x" * 999]
)
async def test_an_unknown_charset_is_refused(charset: str) -> None:
    assert (await problem_of(LINE, f"application/json; charset={charset}")).status == 415


async def test_of_a_body_what_is_not_in_its_charset_is_refused() -> None:
    wrong = b'{"type":"a.b","data":{"x":"\x81"}}'
    assert "charset 'ascii'" in (await problem_of(wrong, "application/json; charset=ascii")).detail
    intake = await take(b"[%b,%b]" % (wrong, LINE), "application/json; charset=ascii")
    assert (told(intake), len(intake.events)) == ([(0, "")], 1)
    assert "charset 'ascii'" in intake.rejected[0].message


# --- not JSON at all -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"type": oops}', "line 1, column 10 (byte 9)"),
        (b'{\n  "type": "a.b",\n  "data": {,}\n}', "line 3, column 12"),
        (b'[\n{"type":"a.b"},\n]', "line 3, column 1"),
        (b"{'type': 'a.b'}", "line 1, column 2"),
        (b'{"type":"a.b"', "ends too early, after 13 bytes"),
        (b'[{"type":"a.b"}', "ends too early, after 15 bytes"),
        (LINE + b" x", "trailing characters"),
        (b"hello", "line 1, column 1"),
        (b"type=users.login&user=x", "malformed"),
        (b'{"type":"a\nb.c"}', "malformed"),
        (b'{"type":"a.b","data":{"x":01}}', "malformed"),
        (b"\0", "malformed"),
        (b"\xff\xfe{", "not in the charset 'utf-16'"),
        (b"\x1f\x8b\x08\x00", "malformed"),
        (b"1" * 5000, "malformed"),
    ],
)
async def test_malformed_json_is_answered_with_the_position(body: bytes, said: str) -> None:
    problem = await problem_of(body)
    assert problem.status == 400
    assert said in problem.detail


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t", b"\xef\xbb\xbf"])
async def test_an_empty_body_is_said_to_be_empty(body: bytes) -> None:
    problem = await problem_of(body)
    assert (problem.status, "empty" in problem.detail) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"type":"a.b","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]",
    ],
)
async def test_json_nested_beyond_all_reason_is_refused(body: bytes) -> None:
    problem = await problem_of(body)
    assert (problem.status, problem.detail) == (400, "The JSON is nested too deeply.")


async def test_json_nested_deeper_than_data_may_be_is_refused_with_its_pointer() -> None:
    intake = await take(b'{"type":"a.b","data":{"a":' + b"[" * 200 + b"]" * 200 + b"}}")
    assert told(intake)[0][1].startswith("/data/a/0/0")


# --- typed -----------------------------------------------------------------------------------------------------------


async def test_a_typed_body_is_the_data_alone() -> None:
    headers = {b"ce-user": b"alice", b"ce-id": b"7", b"content-type": b"application/json"}
    intake = await ingest_typed(b'{"method":"x"}', "users.login", headers, Admission(), "clowder")
    event = intake.events[0]
    assert (event.type, event.user, event.id, event.data) == ("users.login", "alice", "7", {"method": "x"})


@pytest.mark.parametrize(("body", "pointer"), [(b'{"method":5}', "/data/method"), (b"[]", "/data"), (b'"x"', "/data")])
async def test_wrong_data_of_a_typed_body_is_named(body: bytes, pointer: str) -> None:
    intake = await ingest_typed(body, "users.login", {}, Admission(), "clowder")
    assert told(intake) == [(0, pointer)]


@pytest.mark.parametrize(("content_type", "status"), [("application/json", 400), ("text/html", 415)])
async def test_a_typed_body_that_is_no_json_is_refused(content_type: str, status: int) -> None:
    with pytest.raises(Problem) as problem:
        await ingest_typed(b"{", "users.login", {b"content-type": content_type.encode()}, Admission(), "clowder")
    assert problem.value.status == status


# --- fuzz ------------------------------------------------------------------------------------------------------------

NAMES = """
type data id source time subject user specversion category created size user_id resource_id resource_name check
measurement config event properties viewer_id submitter_id downloader_id uploader_id files_length length data_base64
dataschema elapsed loss url host label status view service_name response_time_avg bytes value x
"""
WORDS = """
users.login storage.file_uploaded health.check_update traffic.resource_viewed lab.opened file dataset selection up
view_resource upload download extraction archive user_activity service_status ping 1.0 0.3 000000000000000000000000
2026-01-01 2026-01-01T00:00:00Z 0001-01-01T00:00:00Z ffffffff-ffff-7fff-bfff-ffffffffffff e30= http://[::1 \ud800
"""

names = st.sampled_from(NAMES.split()) | st.text(max_size=5)
words = st.sampled_from(WORDS.split()) | st.text(max_size=8)
leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | words | words
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6), max_leaves=8
)
items = st.dictionaries(names, values, max_size=7) | values
charsets = st.sampled_from(["", "; charset=latin-1", "; charset=utf-16", "; charset=utf-7", "; charset=cp037"])
media_types = st.sampled_from(
    ["application/json", NDJSON, "application/json-seq", "text/plain", "application/cloudevents+json"]
)


@settings(deadline=None)
@given(body=st.binary(max_size=200), media=media_types, charset=charsets)
async def test_arbitrary_bytes_never_raise_anything_but_a_refusal(body: bytes, media: str, charset: str) -> None:
    outcome = await _outcome(body, media + charset)
    assert outcome in {400, 415} or isinstance(outcome, Intake)


@given(several=st.lists(items, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
async def test_of_arbitrary_json_every_item_is_accepted_or_rejected(several: list[Any]) -> None:
    assume(not any(isinstance(item, list) for item in several))  # a line may be an array of events
    array = await take(several)
    lines = await take(b"\n".join(json.dumps(item).encode() for item in several), NDJSON)
    for intake in (array, lines):
        assert len(intake.events) + len(intake.rejected) == len(several)
        _check_storable(intake)
    assert told(array) == told(lines)


@given(item=items)
@settings(max_examples=150, deadline=None)
async def test_an_item_fares_alone_as_it_does_among_others(item: Any) -> None:
    alone, among = await take([item]), await take([item, CLOWDER])
    assert _without_stamps(alone.events) == _without_stamps(among.events[:-1])
    assert alone.rejected == among.rejected


@settings(deadline=None)
@given(
    body=st.binary(max_size=40) | items.map(lambda item: json.dumps(item).encode()),
    named=st.dictionaries(names, st.text(max_size=8)),
)
async def test_binary_mode_with_arbitrary_headers_gives_one_event_or_a_refusal(
    body: bytes, named: dict[str, str]
) -> None:
    outcome = await _outcome(body, "", {"type": "users.login"} | named)
    assert outcome == 400 or isinstance(outcome, Intake)
    if isinstance(outcome, Intake):
        assert len(outcome.events) + len(outcome.rejected) == 1


async def _outcome(body: bytes, content_type: str, attributes: dict[str, str] | None = None) -> Intake | int:
    """What came of a body: its events, or the status of its refusal."""
    ce = {
        f"ce-{name}".encode("utf-8", "replace"): v.encode("utf-8", "replace") for name, v in (attributes or {}).items()
    }
    try:
        intake = await ingest(body, content_type, ce, Admission(), "clowder")
    except Problem as problem:
        return problem.status
    _check_storable(intake)
    return intake


def _check_storable(intake: Intake) -> None:
    """What is accepted can be written and read again; what is rejected can be said."""
    for event in intake.events:
        assert decode(encode(event)) == event
    for rejection in intake.rejected:
        assert rejection.message
        json.dumps([rejection.pointer, rejection.got, rejection.expected], ensure_ascii=False).encode()


def _without_stamps(events: list[Event]) -> list[Any]:
    return [(event.type, event.data, event.user, event.subject, event.extensions, event.dialect) for event in events]
