"""The table of notices: one row a transition and channel, in order, and never lost."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest

from eventsink.watch.alerts import outbox
from tests.watch.alerts.telling import NOON, notice

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(outbox.SCHEMA)
    yield connection
    connection.close()


def _put(table: sqlite3.Connection, *numbers: int, channels=("a",), now=NOON, due=NOON, **more) -> None:
    for number in numbers:
        outbox.put(table, notice(number, **more), channels, now, due)


def _ids(waiting) -> list[str]:
    return [each.notice.id for each in waiting]


def _numbers(waiting) -> list[int]:
    return [each.number for each in waiting]


def test_a_transition_is_there_once_for_each_channel(table):
    assert outbox.put(table, notice(1), ["a", "b"], NOON, NOON) == 2
    assert outbox.put(table, notice(1, message="another"), ["a", "b", "c"], NOON + MINUTE, NOON) == 1
    assert outbox.due(table, "a", NOON, 10)[0].notice == notice(1)
    table.executescript(outbox.SCHEMA)  # at the next start


def test_what_was_told_is_not_taken_again(table):
    _put(table, 1)
    found = outbox.due(table, "a", NOON, 10)
    outbox.begin(table, _numbers(found), NOON)
    outbox.done(table, _numbers(found), NOON)
    _put(table, 1, now=NOON + HOUR)
    assert outbox.due(table, "a", NOON + HOUR, 10) == []
    assert outbox.next_due(table, "a", NOON) is None
    assert outbox.counts(table) == {}


def test_nothing_is_sent_before_it_is_due(table):
    _put(table, 1, due=NOON + MINUTE)
    assert outbox.due(table, "a", NOON, 10) == []
    assert outbox.next_due(table, "a", NOON) == NOON + MINUTE
    assert _ids(outbox.due(table, "a", NOON + MINUTE, 10)) == ["n1"]


def test_what_is_older_goes_with_what_is_due(table):
    _put(table, 1, due=NOON + HOUR)
    _put(table, 2, due=NOON + MINUTE)
    _put(table, 3, due=NOON + HOUR)
    assert _ids(outbox.due(table, "a", NOON + MINUTE, 10)) == ["n1", "n2"]


def test_what_failed_holds_up_what_came_after_it(table):
    _put(table, 1)
    found = outbox.due(table, "a", NOON, 10)
    outbox.begin(table, _numbers(found), NOON)
    outbox.postpone(table, _numbers(found), NOON, NOON + HOUR, "it is away")
    _put(table, 2)
    assert outbox.due(table, "a", NOON + MINUTE, 10) == []
    assert outbox.next_due(table, "a", NOON) == NOON + HOUR
    assert _ids(outbox.due(table, "a", NOON + HOUR, 10)) == ["n1", "n2"]
    assert not any(each.again for each in outbox.due(table, "a", NOON + HOUR, 10))


def test_an_alert_that_is_left_out_holds_up_no_other(table):
    _put(table, 1, 2)
    found = outbox.due(table, "a", NOON, 1)
    outbox.begin(table, _numbers(found), NOON)
    outbox.postpone(table, _numbers(found), NOON, NOON + HOUR, "400")
    assert outbox.due(table, "a", NOON, 10) == []
    assert _ids(outbox.due(table, "a", NOON, 10, ["check/site-1"])) == ["n2"]
    assert outbox.next_due(table, "a", NOON, ["check/site-1", "check/site-2"]) is None


def test_another_channel_is_not_held_up(table):
    _put(table, 1, channels=("a", "b"))
    found = outbox.due(table, "a", NOON, 10)
    outbox.begin(table, _numbers(found), NOON)
    outbox.postpone(table, _numbers(found), NOON, NOON + HOUR, "it is away")
    assert _ids(outbox.due(table, "b", NOON, 10)) == ["n1"]


def test_what_may_have_arrived_comes_again_as_it_was_and_alone(table):
    _put(table, 1, 2)
    outbox.begin(table, _numbers(outbox.due(table, "a", NOON, 10)), NOON)
    _put(table, 3)  # and the process is killed
    found = outbox.due(table, "a", NOON, 10)
    assert _ids(found) == ["n1", "n2"] and all(each.again for each in found)
    outbox.begin(table, _numbers(found), NOON + MINUTE)
    outbox.postpone(table, _numbers(found), NOON, NOON + HOUR, "500")  # a second attempt that surely failed
    found = outbox.due(table, "a", NOON + HOUR, 10)
    assert _ids(found) == ["n1", "n2"] and all(each.again for each in found)
    outbox.done(table, _numbers(found), NOON)
    found = outbox.due(table, "a", NOON + HOUR, 10)
    assert _ids(found) == ["n3"] and not found[0].again


def test_no_answer_is_as_good_as_a_kill(table):
    _put(table, 1)
    found = outbox.due(table, "a", NOON, 10)
    outbox.begin(table, _numbers(found), NOON)
    outbox.postpone(table, _numbers(found), NOON, NOON, "no answer", unsure=True)
    assert outbox.due(table, "a", NOON, 10)[0].again


def test_a_clock_that_was_set_back_holds_up_nothing(table):
    _put(table, 1, now=NOON + 24 * HOUR, due=NOON + 24 * HOUR)
    assert outbox.next_due(table, "a", NOON) == NOON
    assert _ids(outbox.due(table, "a", NOON, 10)) == ["n1"]


def test_the_dead_are_counted_listed_retried_and_dropped(table):
    _put(table, 1, 2, 3, channels=("a",))
    found = outbox.due(table, "a", NOON, 10)
    outbox.begin(table, _numbers(found), NOON)
    outbox.give_up(table, _numbers(found)[:2], NOON, "nobody is there")
    outbox.postpone(table, _numbers(found)[2:], NOON + MINUTE, NOON + HOUR, "it is away")
    assert outbox.counts(table) == {"a": outbox.Counts(1, 2, NOON, "it is away")}
    assert [(each.state, each.reason, each.tries) for each in outbox.listed(table)] == [
        ("waiting", "it is away", 1),
        ("dead", "nobody is there", 1),
        ("dead", "nobody is there", 1),
    ]
    assert outbox.retry_dead(table, NOON + HOUR, "b") == 0
    assert outbox.retry_dead(table, NOON + HOUR) == 2
    assert _ids(outbox.due(table, "a", NOON + HOUR, 10)) == ["n1", "n2", "n3"]
    outbox.give_up(table, _numbers(found), NOON, "nobody is there")
    assert outbox.drop_dead(table, NOON, "a") == 3
    assert outbox.counts(table) == {} and outbox.listed(table) == []
    assert outbox.put(table, notice(1), ["a"], NOON, NOON) == 0  # it is remembered


def test_what_has_no_channel_any_more_is_given_up(table):
    _put(table, 1, channels=("a", "gone-1234"))
    assert outbox.bury_strangers(table, ["a"], NOON, "is not there") == {"gone-1234": 1}
    assert outbox.bury_strangers(table, ["a"], NOON, "is not there") == {}
    assert outbox.counts(table)["gone-1234"].reason == "gone-1234 is not there"
    assert _ids(outbox.due(table, "a", NOON, 10)) == ["n1"]


def test_the_old_is_deleted(table):
    _put(table, 1, 2)
    first, second = _numbers(outbox.due(table, "a", NOON, 10))
    outbox.done(table, [first], NOON)
    outbox.give_up(table, [second], NOON, "nobody is there")
    outbox.forget_old(table, NOON + timedelta(days=6))
    assert table.execute("SELECT count(*) FROM notices").fetchone() == (2,)
    outbox.forget_old(table, NOON + timedelta(days=8))
    assert table.execute("SELECT state FROM notices").fetchall() == [("dead",)]
    outbox.forget_old(table, NOON + timedelta(days=91))
    assert table.execute("SELECT count(*) FROM notices").fetchone() == (0,)
