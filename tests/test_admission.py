"""The last check before an event is made durable."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventsink.dialects.admit import Admission, Instants, Notice, Stamps
from eventsink.errors import InvalidEvent
from eventsink.event import Draft, Event, Plain, new_ids

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
STAMPED = NOW + timedelta(microseconds=1)  # the time of an event without one: no whole millisecond
HOUR = timedelta(hours=1)


def admit(draft: Plain | None = None, *, strict: bool = False, **attributes: Any) -> tuple[Event, list[Notice]]:
    """Admit a draft as it would arrive now."""
    draft = draft or Draft(**{"type": "users.login", **attributes})
    return Admission(strict=strict).admit(draft, Stamps(NOW, "clowder"))


def refusal_of(*, strict: bool = False, **attributes: Any) -> InvalidEvent:
    """Why such a draft is not admitted."""
    with pytest.raises(InvalidEvent) as refusal:
        admit(strict=strict, **attributes)
    return refusal.value


# --- what arrival adds -----------------------------------------------------------------------------------------------


def test_arrival_stamps_id_time_and_source() -> None:
    event, notices = admit()
    assert (event.source, event.time, event.received, event.user, notices) == ("clowder", STAMPED, STAMPED, None, [])
    assert event.id[14] == "7"


@pytest.mark.parametrize("name", ["id", "source", "subject", "user"])
def test_what_the_sender_says_stands(name: str) -> None:
    assert getattr(admit(**{name: "Ünï 1/😀"})[0], name) == "Ünï 1/😀"


@pytest.mark.parametrize("name", ["id", "source", "subject", "user"])
def test_an_empty_attribute_counts_as_absent(name: str) -> None:
    assert getattr(admit(**{name: ""})[0], name) in (None, "clowder") or name == "id"
    assert admit(**{name: ""})[0].id


@pytest.mark.parametrize("user", ["000000000000000000000000", "", None, "anonymous", "Anonymous", "aNonYmouS"])
def test_the_anonymous_user_becomes_none(user: str | None) -> None:
    assert admit(user=user)[0].user is None


def test_ids_made_for_one_request_are_all_different() -> None:
    stamps = Stamps(NOW, "clowder")
    assert len({stamps.fresh_id() for _ in range(1000)}) == 1000


# --- ids, sources, users ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "most"), [("id", 200), ("source", 500), ("subject", 1000), ("user", 500)])
def test_an_attribute_may_be_long_but_not_longer(name: str, most: int) -> None:
    assert getattr(admit(**{name: "x" * most})[0], name) == "x" * most
    refusal = refusal_of(**{name: "x" * (most + 1)})
    assert (refusal.pointer, refusal.expected) == (f"/{name}", f"at most {most} characters")


@pytest.mark.parametrize("name", ["id", "source", "subject", "user"])
@pytest.mark.parametrize("character", ["\0", "\n", "\x1f", "\x7f", "\x85", "\ud800"])
def test_control_characters_are_refused_in_every_attribute(name: str, character: str) -> None:
    refusal = refusal_of(**{name: f"a{character}b"})
    assert (refusal.pointer, refusal.expected) == (f"/{name}", "text without control characters")
    assert refusal.got.isascii()


@pytest.mark.parametrize("text", ["a b", "a\u00a0b", "\u200bx", "\u202ex", "日本"])
def test_unusual_but_lawful_text_is_taken(text: str) -> None:
    assert admit(user=text)[0].user == text


# --- times -----------------------------------------------------------------------------------------------------------


def test_a_uuid_of_version_7_gives_its_time_to_an_event_without_one() -> None:
    made = NOW - 3 * HOUR
    assert admit(id=new_ids(1, made)[0])[0].time == made
    assert admit(id=new_ids(1, made)[0], time=NOW - HOUR)[0].time == NOW - HOUR, "the sender's time goes before"
    assert admit(id="no-uuid")[0].time == STAMPED


def test_no_two_events_without_a_time_have_the_same() -> None:
    instants = Instants()
    one, other = (Admission(instants=instants) for _ in range(2))
    times = []
    for now in (NOW, NOW, NOW + timedelta(microseconds=5), NOW - HOUR, NOW + HOUR):
        for admission in (one, other):
            stamps = Stamps(now, "clowder")
            for _ in range(1500):
                event = admission.admit(Plain(type="a.b"), stamps)[0]
                assert event.time == event.received
                times.append(event.time)
    assert times == sorted(set(times)), "each is later than the one before, also where the clock is set back"
    assert not [time for time in times if time.microsecond % 1000 == 0], "those of others look like that"
    assert times[-1] - NOW < HOUR + timedelta(milliseconds=4), "and none is far from now"


def test_an_id_without_a_time_is_remarked_once_a_request() -> None:
    stamps, admission = Stamps(NOW, "clowder"), Admission()
    noticed = [admission.admit(Plain(type="a.b", id=name), stamps)[1] for name in ("1", "2", new_ids(1, NOW)[0])]
    assert [[notice.pointer for notice in notices] for notices in noticed] == [["/time"], [], []]
    assert "sent again" in noticed[0][0].message
    assert not admission.admit(Plain(type="a.b", id="3", time=NOW), Stamps(NOW, "clowder"))[1]


@pytest.mark.parametrize("ahead", [timedelta(), HOUR, timedelta(days=1)])
def test_a_clock_may_be_a_day_ahead(ahead: timedelta) -> None:
    assert admit(time=NOW + ahead)[0].time == NOW + ahead


@pytest.mark.parametrize(
    "attributes",
    [
        {"time": NOW + timedelta(days=1, seconds=1)},
        {"time": "2999-01-01"},
        {"time": 4102444800},
        {"id": new_ids(1, NOW + timedelta(days=2))[0]},
        {"id": "ffffffff-ffff-7fff-bfff-ffffffffffff"},
    ],
)
def test_a_time_more_than_a_day_ahead_is_refused(attributes: dict[str, Any]) -> None:
    refusal = refusal_of(**attributes)
    assert (refusal.pointer, refusal.expected) == ("/time", "at most 2026-11-24T10:00:00+00:00")


@pytest.mark.parametrize("time", [datetime(1969, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), "1969-01-01", -1])
def test_a_time_before_1970_is_refused(time: Any) -> None:
    assert refusal_of(time=time).pointer == "/time"


@pytest.mark.parametrize("time", [1763892000, 1763892000000, datetime(2025, 11, 23, 10), "2025-11-23T11:00:00+01:00"])  # noqa: DTZ001
def test_every_form_of_time_becomes_utc(time: Any) -> None:
    assert admit(time=time)[0].time.isoformat() == "2025-11-23T10:00:00+00:00"


# --- types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lab.freezer_opened", "a.b.c", "A-1.b_2", "x" * 100 + "." + "y" * 99])
def test_a_custom_type_is_taken(name: str) -> None:
    event, notices = admit(type=name, data={"any": ["thing"]})
    assert (event.type, notices) == (name, [])


def test_a_custom_type_that_looks_like_ours_gets_a_hint() -> None:
    event, notices = admit(type="storage.file_upload", data={"bytes": "whatever"})
    assert event.type == "storage.file_upload"
    (notice,) = notices
    assert notice.pointer == "/type"
    assert "Did you mean 'storage.file_uploaded'?" in notice.message


@pytest.mark.parametrize(
    "name", ["", "login", ".", "a.", ".b", "a..b", "a b.c", "é.b", "a.b\n", "a.b\0", "a/b.c", "x" * 200 + ".y"]
)
def test_a_type_of_another_form_is_refused(name: str) -> None:
    refusal = refusal_of(type=name)
    assert (refusal.pointer, refusal.expected) == ("/type", "component.event_type, of letters, digits, _ and -")
    assert refusal.got == repr(name)[:60]


@pytest.mark.parametrize(
    ("name", "hint"), [("storage.file_upload", " Did you mean 'storage.file_uploaded'?"), ("lab.freezer_opened", "")]
)
def test_strict_refuses_types_that_the_catalogue_does_not_know(name: str, hint: str) -> None:
    refusal = refusal_of(strict=True, type=name)
    assert refusal.pointer == "/type"
    assert refusal.message == f"The catalogue does not know this type.{hint}"


def test_strict_takes_types_that_the_catalogue_knows() -> None:
    assert admit(strict=True, data={"method": "x"})[0].data == {"method": "x"}


@pytest.mark.parametrize("value", [2**63, float("nan"), "\ud800", {"deep": [2**70]}])
def test_the_data_of_a_custom_type_must_be_storable(value: Any) -> None:
    assert refusal_of(type="lab.opened", data={"x": value}).pointer.startswith("/data/x")


# --- data, size, extensions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "pointer", "hint"),
    [
        ("user_nam", "/data/user_nam", " Did you mean 'user_name'?"),
        ("colour", "/data/colour", ""),
        ("a/b~c", "/data/a~1b~0c", ""),
    ],
)
def test_an_unknown_field_is_kept_and_noticed(field: str, pointer: str, hint: str) -> None:
    event, notices = admit(data={field: 1})
    assert event.data == {field: 1}
    assert notices == [Notice(pointer, f"users.login has no field {field!r}; it is kept.{hint}")]


def test_an_event_may_be_as_large_as_the_limit_and_not_larger() -> None:
    admission = Admission(largest=2000)
    small, large = (Draft(type="lab.opened", data={"x": "é" * count}) for count in (800, 1000))
    assert admission.admit(small, Stamps(NOW, "s", bytes=10**6))[0].data == small.data
    with pytest.raises(InvalidEvent, match="too large") as refusal:
        admission.admit(large, Stamps(NOW, "s", bytes=10**6))
    assert refusal.value.expected == "at most 2000 bytes"


def test_another_version_of_cloudevents_is_refused() -> None:
    assert refusal_of(specversion="0.3").pointer == "/specversion"
    assert admit(specversion="1.0")[0].type == "users.login"


def test_attributes_that_no_event_has_are_noticed_unless_it_says_it_is_a_cloudevent() -> None:
    assert [notice.pointer for notice in admit(extensions={"shard": 1})[1]] == ["/shard"]
    assert admit(extensions={"shard": 1}, specversion="1.0")[1] == []
    assert admit(extensions={"shard": 1})[0].extensions == {"shard": 1}
