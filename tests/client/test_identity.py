import json
from datetime import UTC, datetime, timedelta

import pytest

from eventsink import dialects
from eventsink.client.identity import NameEvent, completed, fresh_names, names_by_place

NAME = names_by_place("file")
BEGUN = datetime(2026, 11, 23, 10, tzinfo=UTC)


def with_id(line: bytes, position: int, name: NameEvent) -> bytes:
    """The line as it is sent from a stream."""
    return completed(line, position, 1, name, None)


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"users.login"}',
        b'{"type":"users.login","id":null}',
        b'{"type":"users.login","data":{"method":"userpass"},"time":1764000000}',
        b'{"type":"users.login","time":"2026-11-23 10:00","trace":"x1"}',
        b'{"specversion":"1.0","type":"users.login","source":"s"}',
        '{"type":"users.login","user":"Zoë"}'.encode("latin-1"),
    ],
)
def test_an_event_of_ours_without_an_id_gets_the_same_at_every_attempt(line: bytes):
    named = with_id(line, 100, NAME)
    assert named == with_id(line, 100, NAME)
    assert named != with_id(line, 101, NAME)
    assert named != with_id(line, 100, names_by_place("other file"))
    draft = dialects.read(json.loads(named.decode("latin-1")))
    assert draft.id is not None
    assert draft.id[14] == "8"
    assert draft.type == "users.login"


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"users.login","id":"mine"}',
        b'{"category":"view_resource","type":"file","resource_id":"64b","created":1628000183702}',
        b'{"category":"nonsense"}',
        b'{"type":12}',
        b'{"type":',
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_all_else_is_left_as_it_is(line: bytes):
    assert with_id(line, 0, NAME) == line


def test_the_time_of_an_event_stands_first_in_its_id():
    line = b'{"type":"users.login","time":"2026-11-23T10:00:00Z"}'
    event_id = json.loads(with_id(line, 0, NAME))["id"]
    milliseconds = int(event_id[:8] + event_id[9:13], 16)
    assert datetime.fromtimestamp(milliseconds / 1000, UTC) == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert json.loads(with_id(b'{"type":"users.login"}', 0, NAME))["id"].startswith("00000000-0000-8")


def test_fresh_names_are_all_different():
    name = fresh_names()
    names = {name(0, None) for _ in range(1000)}
    assert len(names) == 1000
    assert {event_id[14] for event_id in names} == {"7"}


@pytest.mark.parametrize(
    "line", [b'{"type":"a.b"}', b'{"type":"a.b","id":"mine"}', b'{"type":"a.b","time":null,"x":1}']
)
def test_an_event_without_a_time_gets_that_of_its_line(line: bytes):
    sent = json.loads(completed(line, 0, 7, NAME, lambda number: BEGUN + timedelta(milliseconds=number)))
    assert (sent["time"], sent["sequence"]) == ("2026-11-23T10:00:00.007000+00:00", "0000000007")
    assert sent["id"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"a.b","id":"mine","time":"2026-01-01T00:00:00Z"}',
        b'{"type":"a.b","id":"019ab3c0-1234-7abc-8def-0123456789ab"}',
        b'{"type":"a.b","id":"mine","time":1}',
        b'{"category":"user_activity","type":"login","user_id":"5"}',
    ],
)
def test_a_time_that_an_event_has_or_that_is_not_ours_to_give_stays(line: bytes):
    assert completed(line, 0, 7, NAME, lambda _: BEGUN) == line
