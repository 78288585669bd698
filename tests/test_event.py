"""Ids, times and the JSON form of an event."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsink.errors import InvalidEvent, MalformedBody
from eventsink.event import (
    EPOCH,
    LATEST,
    Event,
    content_id,
    decode,
    decode_lines,
    encode,
    new_ids,
    parse_time,
    time_of_id,
)

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
INTEGERS = st.integers(-(2**63), 2**63 - 1)

scalars = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
times = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
own_names = {*Event.__struct_fields__, "specversion"}
extensions = st.dictionaries(
    st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(lambda name: name not in own_names),
    st.text() | st.booleans() | st.integers(-(2**31), 2**31 - 1),
)
events = st.builds(
    Event,
    id=st.text(min_size=1),
    source=st.text(min_size=1),
    type=st.text(min_size=1),
    time=times,
    received=times,
    data=st.dictionaries(st.text(), json_values),
    subject=st.none() | st.text(min_size=1),
    user=st.none() | st.text(min_size=1),
    dialect=st.none() | st.text(min_size=1),
    extensions=extensions,
)


# --- JSON ------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(events)
def test_what_was_encoded_is_decoded_to_the_same(event: Event) -> None:
    line = encode(event)
    assert b"\n" not in line
    assert decode(line) == event


@settings(deadline=None)
@given(st.lists(events, max_size=5))
def test_many_lines_are_decoded_to_the_same(several: list[Event]) -> None:
    assert decode_lines([encode(event) for event in several]) == several


def test_an_event_is_a_cloud_event_with_extensions_beside_its_attributes() -> None:
    event = Event(id="1", source="s", type="a.b", time=NOON, received=NOON, data={"x": 1}, extensions={"shard": 7})
    assert encode(event) == (
        b'{"specversion":"1.0","id":"1","source":"s","type":"a.b","time":"2026-11-23T12:00:00Z",'
        b'"received":"2026-11-23T12:00:00Z","data":{"x":1},"shard":7}'
    )


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"5", b"null", b'"x"', b"{}", b"\xff", b'{"specversion":"0.3"}', b'{"specversion":"1.0"}'],
)
def test_what_is_no_stored_event_is_said_so(line: bytes) -> None:
    with pytest.raises(MalformedBody, match="not a stored event"):
        decode(line)
    with pytest.raises(MalformedBody):
        decode_lines([line])


# --- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (0, "1970-01-01T00:00:00"),
        (1, "1970-01-01T00:00:01"),
        (99_999_999_999, "5138-11-16T09:46:39"),  # eleven digits: seconds
        (100_000_000_000, "1973-03-03T09:46:40"),  # twelve: milliseconds
        (1628000979744, "2021-08-03T14:29:39.744000"),
        (1628000979744123, "2021-08-03T14:29:39.744123"),
        (1628000979744123456, "2021-08-03T14:29:39.744123"),
        (1628000979.744, "2021-08-03T14:29:39.744000"),
        (1628000979744.5, "2021-08-03T14:29:39.744500"),
        ("1628000979", "2021-08-03T14:29:39"),
        ("1628000979.744", "2021-08-03T14:29:39.744000"),
        (" 1628000979744 ", "2021-08-03T14:29:39.744000"),
        ("2021-08-03T14:29:39Z", "2021-08-03T14:29:39"),
        ("2021-08-03T14:29:39.7441234Z", "2021-08-03T14:29:39.744123"),
        ("2021-08-03T14:29:39", "2021-08-03T14:29:39"),
        ("2021-08-03t14:29:39z", "2021-08-03T14:29:39"),
        ("2021-08-03T09:29:39-05:00", "2021-08-03T14:29:39"),
        ("2021-08-03T14:29:39-0000", "2021-08-03T14:29:39"),
        ("2021-08-03 14:29:39.744", "2021-08-03T14:29:39.744000"),
        ("2021-08-03", "2021-08-03T00:00:00"),
        ("20210803", "2021-08-03T00:00:00"),
        ("2021-12-31T23:59:59.9999996Z", "2021-12-31T23:59:59.999999"),  # cut, never rounded into another year
        ("2021-12-31T23:59:59.999999999+00:00", "2021-12-31T23:59:59.999999"),
        (1628000979999999999, "2021-08-03T14:29:39.999999"),
        ("1628000979." + "9" * 30, "2021-08-03T14:29:39.999999"),
        (1628000979.1, "2021-08-03T14:29:39.100000"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999"),
        ("2016-12-31t15:59:60.5-08:00", "2016-12-31T23:59:59.999999"),
        ("9999-12-31T00:00:00Z", "9999-12-31T00:00:00"),
        (datetime(2021, 8, 3, 14, 29, 39), "2021-08-03T14:29:39"),  # noqa: DTZ001
        (datetime(2021, 8, 3, 16, 29, 39, tzinfo=timezone(timedelta(hours=2))), "2021-08-03T14:29:39"),
    ],
)
def test_a_time_is_read_in_every_form_as_utc(value: Any, read: str) -> None:
    assert parse_time(value).isoformat() == read + "+00:00"
    assert parse_time(value).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "",
        "noon",
        "2021-13-01",
        "2021-08-03T25:00:00Z",
        "2021-08-03T14:29:60Z",
        "2021-08-03T14:59:60Z",  # no leap second comes at three in the afternoon
        "2026",
        "1234567",
        "20211303",
        "2021-08-03T14:29:39+05:75",
        "2021-08-03T14:29:39+0575",
        "2021-08-03T14:29:39+24:00",
        "0001-01-01T23:59:60+14:00",
        "١٢٣٤٥٦٧٨٩",
        "-1",
        "1e9",
        "9" * 5000,
        "0." + "9" * 5000,
        "١٢٣٤٥٦٧٨٩٠" * 4,
        -1,
        -0.5,
        10**20,
        1e300,
        float("nan"),
        float("inf"),
        True,
        None,
        [],
        {},
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_time_is_refused_with_its_pointer(value: Any) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        parse_time(value, "/created")
    assert refusal.value.pointer == "/created"
    assert refusal.value.expected
    assert len(refusal.value.got) <= 60


@settings(deadline=None)
@given(times)
def test_a_time_survives_its_text_form(time: datetime) -> None:
    assert parse_time(time.isoformat()) == time


@settings(deadline=None)
@given(st.integers(10**11, 10**14 - 1))
def test_an_epoch_number_means_the_same_in_every_unit(milliseconds: int) -> None:
    expected = EPOCH + timedelta(milliseconds=milliseconds)
    assert parse_time(milliseconds) == parse_time(milliseconds * 1000) == parse_time(milliseconds * 10**6) == expected


# --- ids -------------------------------------------------------------------------------------------------------------


def test_new_ids_are_unique_version_7_and_of_their_millisecond() -> None:
    made = new_ids(10_000, NOON)
    assert len(set(made)) == 10_000
    for text in made:
        value = uuid.UUID(text)
        assert (str(value), value.version, value.variant) == (text, 7, uuid.RFC_4122)
    assert {time_of_id(text) for text in made} == {NOON}


@settings(deadline=None)
@given(st.lists(times, min_size=2, max_size=20))
def test_new_ids_sort_as_their_milliseconds_do(moments: list[datetime]) -> None:
    milliseconds = sorted({moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in moments})
    made = [new_ids(1, moment)[0] for moment in milliseconds]
    assert made == sorted(made)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("019ab3c2-8f00-7000-8000-000000000000", "2025-11-24T02:47:43.616000+00:00"),
        ("019AB3C2-8F00-7FFF-BFFF-FFFFFFFFFFFF", "2025-11-24T02:47:43.616000+00:00"),
        ("00000000-0000-7000-8000-000000000000", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_a_version_7_id_tells_its_time(text: str, time: str) -> None:
    found = time_of_id(text)
    assert found is not None
    assert found.isoformat() == time


def test_a_version_7_id_beyond_the_last_year_counts_as_of_the_last_day() -> None:
    assert time_of_id("ffffffff-ffff-7fff-bfff-ffffffffffff") == LATEST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "8e2c07c4-a0f1-4362-b95a-6bfab6380ca8",
        "019ab3c2-8f00-8000-8000-000000000000",
        "019ab3cx-8f00-7000-8000-000000000000",
    ],
)
def test_any_other_id_tells_no_time(text: str) -> None:
    assert time_of_id(text) is None


@settings(deadline=None)
@given(st.dictionaries(st.text(), json_values), times)
def test_a_content_id_is_a_version_8_uuid_of_content_and_time_alone(content: dict[str, Any], time: datetime) -> None:
    made = content_id(content, time)
    value = uuid.UUID(made)
    assert (str(value), value.version, value.variant) == (made, 8, uuid.RFC_4122)
    assert content_id(dict(reversed(content.items())), time) == made
    assert content_id({**content, "another": 1}, time) != made or content.get("another") == 1


def test_content_ids_keep_the_order_of_time_and_those_without_time_come_first() -> None:
    later = NOON + timedelta(milliseconds=1)
    assert content_id({"a": 1}, None) < content_id({"b": 1}, NOON) < content_id({"a": 1}, later)
