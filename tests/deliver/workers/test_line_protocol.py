"""Events become lines that InfluxDB takes, and that say what the events say."""

import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from eventsink.catalogue import CATALOGUE
from eventsink.deliver.workers.influxdb.line_protocol import (
    GENERATION,
    LONGEST_TEXT,
    MOST_HEADS,
    MOST_TYPES,
    OWN,
    TAGS,
    EventLines,
    Lines,
    Slots,
    field_kinds,
    quoted,
)
from eventsink.deliver.workers.influxdb.upstream_points import UpstreamLines
from eventsink.dialects.admit import Instants
from eventsink.errors import Refused
from eventsink.event import Event, new_ids
from eventsink.testing import sample_events

NOW = datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)
MILLISECOND = 1_795_428_000_123_000_000
VIEW = {"resource_type": "file", "resource_id": "f1"}
BARE = "lab.reading,source=test,type=lab.reading"


def event(event_type: str = "lab.reading", *, time: datetime = NOW, source: str = "test", **attributes: Any) -> Event:
    """An event of the present moment."""
    given = {"id": "e1", "data": {}} | attributes
    return Event(type=event_type, source=source, time=time, received=NOW + timedelta(seconds=1), **given)


def line(of: Event) -> str:
    """Its line without the time."""
    return EventLines().line(of).rpartition(" ")[0]


def fields(**data: Any) -> str:
    """What stands after the id in the line of a custom event."""
    return line(event(data=data)).partition(' event_id="e1"')[2].removeprefix(",")


# --- a line ----------------------------------------------------------------------------------------------------------


def test_a_component_is_a_measurement_and_tags_stand_in_the_order_of_their_names() -> None:
    data = {"status": "done", "extractor": "ncsa.wordcount", "job_id": "j1", "run_ms": 12, "bytes": 5}
    done = event("extractions.extraction_event", data=data, user="u1", subject="files/f1")
    assert line(done) == (
        "extractions,extractor=ncsa.wordcount,source=test,status=done,type=extractions.extraction_event"
        ' event_id="e1",user="u1",subject="files/f1",job_id="j1",run_ms=12,bytes=5i'
    )


def test_an_event_without_data_has_its_id() -> None:
    assert line(event()) == 'lab,source=test,type=lab.reading event_id="e1"'


def test_each_event_is_one_line_in_its_place() -> None:
    events = sample_events(3)
    lines = EventLines().encode(events).split(b"\n")
    assert [event.id.encode() in line for event, line in zip(events, lines, strict=True)] == [True] * 3


def test_no_event_is_no_line() -> None:
    assert EventLines().encode([]) == b""


# --- tags ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("plain", "plain"),
        ("a b,c=d", r"a\ b\,c\=d"),
        ("a\nb\tc\0d\x85e", r"a\ b\ c\ d\ e"),
        ("DOMAIN\\host", "DOMAIN/host"),
        ("ends with\\", r"ends\ with/"),
        ("  edges ", "edges"),
        ('say "so"', r'say\ "so"'),
        ("Zürich \U0001f4c8", "Zürich\\ \U0001f4c8"),
        ("x" * 600, "x" * 500),
        (5, "5"),
        (5.0, "5"),
        (0.5, "0.5"),
        (True, "1"),
        (["a", 1], r'["a"\,1]'),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_a_tag_is_made_to_fit(value: Any, tag: str) -> None:
    assert line(event(data={"region": value})) == f'lab,region={tag},source=test,type=lab.reading event_id="e1"'


@pytest.mark.parametrize("value", ["", " ", "\n", None])
def test_an_empty_tag_is_left_out(value: Any) -> None:
    assert line(event(data={"region": value})) == 'lab,source=test,type=lab.reading event_id="e1"'


@pytest.mark.parametrize("values", [(1, True), (1, 1.0), (0, False), (0.0, -0.0)])
def test_values_that_count_as_equal_are_the_same_tag_in_whatever_order_they_come(values: tuple[Any, Any]) -> None:
    lines, other = EventLines(), EventLines()
    first = [lines.line(event(data={"region": value})) for value in values]
    second = [other.line(event(data={"region": value})) for value in reversed(values)]
    assert first == second[::-1]


def test_a_tag_is_never_also_a_field() -> None:
    data = {"check": "clowder", "target": "h", "up": True, "status": 200, "region": "urbana"}
    head, _, body = line(event("health.anything", data=data)).partition(" ")
    assert head == "health,check=clowder,region=urbana,source=test,status=200,target=h,type=health.anything"
    assert body == 'event_id="e1",up=true,up_percent=100.0'


def test_in_a_component_of_others_only_the_region_is_a_tag() -> None:
    body = line(event(data={"region": "urbana", "status": "file 5 of 17", "extractor": "x"}))
    assert body == ('lab,region=urbana,source=test,type=lab.reading event_id="e1",status="file 5 of 17",extractor="x"')


@pytest.mark.parametrize(
    ("route", "tag"),
    [
        ("/api/datasets/{id}/files", "/api/datasets/{id}/files"),
        ("/api/datasets/60a7d3b1e4b0c1f2a3b4c5d1/files", "/api/datasets/{id}/files"),
        ("/api/files/17/42?key=secret", "/api/files/{id}/{id}"),
        ("/jobs/019ab3c0-1234-7abc-8def-0123456789ab", "/jobs/{id}"),
        ("/api/v2/cafe", "/api/v2/cafe"),
    ],
)
def test_an_address_that_came_for_a_route_makes_no_series_of_its_own(route: str, tag: str) -> None:
    asked = event("traffic.api_request", data={"method": "GET", "route": route, "status": 200})
    assert f",route={tag}," in line(asked)


def test_tags_are_what_has_few_values() -> None:
    known = {name for entry in CATALOGUE.values() for name in entry.fields}
    assert known >= TAGS
    assert not [name for name in TAGS if name.endswith(("_id", "_name")) or name in ("url", "user", "session", "title")]


# --- fields ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", '"plain"'),
        ("", '""'),
        ('say "so"', r'"say \"so\""'),
        ("back\\slash", r'"back\\slash"'),
        ("end\\", r'"end\\"'),
        ("two\nlines, a=b", '"two\nlines, a=b"'),
        (5, "5"),
        (-5, "-5"),
        (2.5, "2.5"),
        (1e300, "1e+300"),
        (True, "true"),
        (False, "false"),
        ([1, "a"], r'"[1,\"a\"]"'),
        ({"a": None}, r'"{\"a\":null}"'),
    ],
)
def test_a_field_of_others_is_of_the_kind_that_it_came_as_and_numbers_are_floats(value: Any, text: str) -> None:
    assert fields(x=value) == f"x={text}"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_value_is_left_out(value: Any) -> None:
    assert fields(x=value) == ""
    assert line(event("health.ping_update", data={"min_ms": value})).endswith('event_id="e1"')


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a b,c=d", r"a\ b\,c\=d"),
        ("a\\", "a/"),
        ("time", "data_time"),
        ("event_id", "data_event_id"),
        ("user", "data_user"),
        ("type", "data_type"),
        ("source", "data_source"),
        ("_field", "data__field"),
        ("_measurement", "data__measurement"),
        ("", "data_"),
        ("a\nb", r"a\ b"),
        ('"q"', '"q"'),
        ("größe", "größe"),
        ("x" * 600, "x" * 500),
    ],
)
def test_the_name_of_a_field_is_made_to_fit(name: str, key: str) -> None:
    assert fields(**{name: 1}) == f"{key}=1"


def test_no_name_of_the_catalogue_is_taken() -> None:
    assert not [name for entry in CATALOGUE.values() for name in entry.fields if name in OWN or name.startswith("_")]


@pytest.mark.parametrize(
    ("event_type", "value", "text"),
    [
        ("storage.file_uploaded", 5, "bytes=5i"),
        ("storage.file_uploaded", 5.0, "bytes=5i"),
        ("storage.of_others", 5, "bytes=5i"),
        ("lab.reading", 5, "bytes=5"),
    ],
)
def test_a_field_of_the_catalogue_has_one_kind_in_all_types_of_its_component(
    event_type: str, value: float, text: str
) -> None:
    assert line(event(event_type, data={"bytes": value})).endswith(f",{text}")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("file_id", 17, 'file_id="17"'),
        ("file_id", 17.5, 'file_id="17.5"'),
        ("file_id", ["a"], r'file_id="[\"a\"]"'),
        ("bytes", None, ""),
    ],
)
def test_text_takes_anything(name: str, value: Any, text: str) -> None:
    assert line(event("storage.of_others", data={name: value})).partition('"e1"')[2].removeprefix(",") == text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"bytes": "12 MB"}, "The field bytes of health must be an integer, and is text."),
        ({"bytes": 1.5}, "The field bytes of health must be an integer, and is a number."),
        ({"bytes": [1]}, "The field bytes of health must be an integer, and is a list or an object."),
        ({"min_ms": True}, "The field min_ms of health must be a number, and is true or false."),
        ({"up": 1}, "The field up of health must be true or false, and is an integer."),
    ],
)
def test_what_a_field_of_the_catalogue_cannot_hold_is_refused_before_it_decides_the_kind(
    data: dict[str, Any], reason: str
) -> None:
    good, bad = event("health.of_others", data={"bytes": 5, "up": True}), event("health.of_others", data=data, id="e2")
    with pytest.raises(Refused) as refusal:
        EventLines().encode([good, bad, good, bad])
    assert (refusal.value.reason, refusal.value.events) == (reason, (bad, bad))


def test_no_two_types_of_a_component_disagree_on_the_kind_of_a_field() -> None:
    found: dict[tuple[str, str], set[type]] = {}
    for entry in CATALOGUE.values():
        for name, kind in field_kinds(entry).items():
            found.setdefault((entry.name.partition(".")[0], name), set()).add(kind)
    assert [key for key, kinds in found.items() if len(kinds) > 1 and key[1] not in TAGS] == []


def test_every_type_of_the_catalogue_has_kinds_for_all_its_fields() -> None:
    assert all(field_kinds(entry).keys() == entry.fields for entry in CATALOGUE.values())


# --- long texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["x", "é", "語", "\U0001f4c8", '"', "\\"])
def test_text_longer_than_influxdb_takes_is_cut_and_says_so(character: str) -> None:
    text = character * 70_000
    cut = quoted(text).replace('\\"', '"').replace("\\\\", "\\")
    assert cut.endswith("…")
    assert text.startswith(cut[:-1])
    assert LONGEST_TEXT - 4 <= len(cut.encode()) <= LONGEST_TEXT


@pytest.mark.parametrize("length", [16_384, 16_385, 65_536])
def test_text_that_fits_is_whole(length: int) -> None:
    assert fields(x="y" * length) == f'x="{"y" * length}"'


def test_long_text_is_cut_wherever_it_stands() -> None:
    long = "y" * 70_000
    assert len(fields(x=long)) == len(fields(x=[long])) - 1 == len('x=""') + LONGEST_TEXT - 2
    known = line(event("storage.file_uploaded", data={"file_name": long}))
    assert known.endswith('y…"')


# --- times -----------------------------------------------------------------------------------------------------------


def moment(of: Event, lines: EventLines | None = None) -> int:
    """The time in its line."""
    return int((lines or EventLines()).line(of).rpartition(" ")[2])


@pytest.mark.parametrize(
    "time",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        NOW,
        datetime(2026, 11, 23, 10, 0, 0, 999_999, tzinfo=UTC),
        datetime(2262, 4, 11, tzinfo=UTC),
        NOW.astimezone(UTC).replace(tzinfo=None).astimezone(),
    ],
)
def test_a_time_is_that_of_the_event_in_milliseconds_and_what_follows_is_made_of_its_id(time: datetime) -> None:
    milliseconds = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert moment(event(time=time)) // 1_000_000 == milliseconds


def test_the_time_of_an_event_is_the_same_in_every_process() -> None:
    assert moment(event(id="019ab3c0-1234-7abc-8def-0123456789ab")) == MILLISECOND + 547_786


def test_thousands_of_events_of_one_series_and_millisecond_have_times_of_their_own() -> None:
    lines = EventLines()
    events = [event(id=event_id) for event_id in new_ids(5000, NOW)]
    times = [moment(one, lines) for one in events]
    assert len(set(times)) == 5000, "twelve or so of them met"
    assert {time // 1_000_000 for time in times} == {MILLISECOND // 1_000_000}
    random.Random(1).shuffle(events)
    assert {moment(one, lines) for one in events} == set(times), "in whatever order they come again"


def test_events_that_were_stamped_at_a_door_stay_at_their_microsecond() -> None:
    instants = Instants()
    stamped = [instants.next(NOW) for _ in range(20_000)]
    events = [msgspec.structs.replace(event(id=str(n), time=time), received=time) for n, time in enumerate(stamped)]
    alone = [Slots().place("m", one) for one in events]
    assert len(set(alone)) == len(events), "whoever writes them, and in whatever order"
    assert [place // 1000 for place in alone] == [time // timedelta(microseconds=1) for time in _since(stamped)]


def _since(times: list[datetime]) -> list[timedelta]:
    return [time - datetime(1970, 1, 1, tzinfo=UTC) for time in times]


@pytest.mark.parametrize("form", [str, int, "{:010d}".format])
def test_a_sequence_tells_a_million_events_of_one_instant_apart(form: Any) -> None:
    events = [event(id=str(n % 7), source=str(n), extensions={"sequence": form(n)}) for n in range(999_000, 1_001_000)]
    assert len({Slots().place("m", one) for one in events}) == len(events)


def test_of_a_sequence_of_thousands_of_digits_the_last_six_decide() -> None:
    long, short = event(extensions={"sequence": "7" * 5000 + "123456"}), event(extensions={"sequence": 123_456})
    assert moment(long) == moment(short)


@pytest.mark.parametrize("sequence", ["", "first", "-1", "٣", None, 1.5, [1]])
def test_a_sequence_that_is_no_number_says_nothing(sequence: Any) -> None:
    assert moment(event(extensions={"sequence": sequence})) == moment(event())


def test_a_whole_request_stamped_with_one_instant_costs_no_more_than_any_other() -> None:
    slots = Slots()
    events = [msgspec.structs.replace(event(id=str(number)), received=NOW) for number in range(20_000)]
    assert len({slots.place("m", one) for one in events}) == len(events)


@pytest.mark.parametrize("numbered", [False, True])
def test_an_event_that_comes_again_in_the_next_generation_keeps_its_place(*, numbered: bool) -> None:
    slots, instants = Slots(), Instants()
    events = [event(id=str(n), extensions={"sequence": n} if numbered else {}) for n in range(GENERATION + 200)]
    if not numbered:
        times = [instants.next(NOW) for _ in events]
        events = [msgspec.structs.replace(one, time=at, received=at) for one, at in zip(events, times, strict=True)]
    places = [slots.place("m", one) for one in events]
    assert [slots.place("m", one) for one in events] == places


def test_events_that_meet_keep_their_places() -> None:
    slots = Slots()
    events = [event(id=str(number)) for number in range(3000)]
    first = [slots.place("m", one) for one in events]
    assert [slots.place("m", one) for one in events] == first
    assert [Slots().place("m", one) for one in events] != first, "some had to move on"


def test_events_of_other_series_do_not_meet() -> None:
    lines = EventLines()
    events = [event(source=f"s{number}") for number in range(50)]
    assert len({moment(one, lines) for one in events}) == 1


@pytest.mark.parametrize("lines", [EventLines, UpstreamLines])
def test_two_sources_with_one_id_are_two_points_each_of_which_keeps_its_place(lines: type[Lines]) -> None:
    # Where the source is no tag, or where tags are made equal, nothing but the nanosecond tells them apart.
    one, two = event(source="a/b"), event(source="a\\b")
    writes = lines()
    points = [writes.line(sent).rpartition(" ") for sent in (one, two, one, two)]
    places = [(begin.partition(" ")[0], moment) for begin, _, moment in points]
    assert places[:2] == places[2:]
    assert places[0] != places[1]


def test_the_last_nanosecond_of_a_millisecond_is_followed_by_its_first() -> None:
    slots = Slots()
    for number in range(200):
        assert slots._search("m", number, MILLISECOND, 999_900) // 1_000_000 == MILLISECOND // 1_000_000


def test_an_event_that_moved_on_keeps_its_place_as_long_as_it_is_remembered() -> None:
    slots, (one, two) = Slots(), _that_meet()
    places = slots.place("m", one), slots.place("m", two)
    assert places[1] == places[0] + 1
    for other in range(GENERATION - 10):
        slots.place("m", event(id=f"other {other}", time=NOW + timedelta(seconds=1)))
    assert (slots.place("m", two), slots.place("m", one)) == places[::-1]


def test_what_is_remembered_is_bounded() -> None:
    slots = Slots()
    tracemalloc.start()
    try:
        for start in range(0, 4 * GENERATION, 1000):
            time = NOW + timedelta(milliseconds=start)
            for event_id in new_ids(1000, time):
                slots.place("m", event(id=event_id, time=time))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 8 << 20


def test_tables_of_types_and_series_are_bounded() -> None:
    lines = EventLines()
    for number in range(MOST_TYPES + 10):
        lines.line(event(f"a{number}.b"))
    for number in range(MOST_HEADS + 10):
        lines.line(event(source=str(number)))
    assert len(lines._fields) <= MOST_TYPES
    assert len(lines._heads) <= MOST_HEADS


def _that_meet() -> tuple[Event, Event]:
    """Two events that have the same nanosecond by their ids."""
    seen: dict[int, Event] = {}
    for number in range(100_000):
        one = event(id=str(number))
        other = seen.setdefault(Slots().place("m", one), one)
        if other is not one:
            return other, one
    raise AssertionError("no two of them meet")


@pytest.mark.parametrize(
    ("data", "device"),
    [
        ({"robot": True}, "robot"),
        ({"robot": True, "device": "mobile"}, "robot"),
        ({"robot": False, "device": "mobile"}, "mobile"),
        ({"device": "robot"}, "robot"),
        ({"robot": "true"}, None),
        ({}, None),
    ],
)
def test_a_robot_that_only_its_flag_tells_has_the_tag_too(data: dict[str, Any], device: str | None) -> None:
    lines = EventLines()
    lines.line(event("traffic.resource_viewed", data=VIEW))  # the head of one without the flag is at hand
    if data.get("robot") == "true":
        with pytest.raises(Refused):
            lines.line(event("traffic.resource_viewed", data=VIEW | data))
        return
    tags = lines.line(event("traffic.resource_viewed", data=VIEW | data)).partition(" ")[0].split(",")
    assert [tag for tag in tags if tag.startswith("device=")] == ([f"device={device}"] if device else [])
