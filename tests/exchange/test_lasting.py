"""What is judged from numbers that are looked at again and again."""

import time

import pytest

from eventsink.exchange.rabbitmq.accounts_file import Book
from eventsink.exchange.rabbitmq.missing import SURE, Lasting, Missing


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_number_counts_as_the_least_that_it_was_for_long_enough(clock: list[float]) -> None:
    lasting, said = Lasting(), []
    for seconds, number in ((0, 5), (1, 9), (1, 3), (SURE, 8), (1, 8), (SURE, 8), (1, 0), (1, 8), (SURE, 8)):
        clock[0] += seconds
        said.append(lasting.least("a", number))
    assert said == [0, 0, 0, 3, 3, 8, 0, 0, 8]
    clock[0] += 0.1
    assert lasting.least("a", 8) == 8
    assert lasting.least("b", 8) == 0, "each by itself"


def _book(left: int = 0, delivered: int = 0, *, known: int = 0, begun: bool = True, types: str = "") -> Book:
    return Book(types.split(), left + delivered, delivered, 0, 0, left, begun, min(known, left), known, None)


def _judged(judge: Missing, before: Book, after: Book, clock: list[float], times: int = 3) -> tuple[list, dict]:
    found: tuple[list, dict] = ([], {})
    for _ in range(times):
        clock[0] += SURE
        found = judge.judge({"a": before}, {"a": after}, ["a"])
    return found


def test_what_is_left_while_nothing_waits_is_missing_and_not_at_the_first_look(clock: list[float]) -> None:
    judge = Missing()
    assert judge.judge({"a": _book(7)}, {"a": _book(7)}, ["a"]) == ([], {})
    assert judge.judge({"a": _book(7)}, {"a": _book(7)}, ["a"]) == ([], {})
    assert _judged(judge, _book(7), _book(7), clock) == ([], {"a": 7})
    assert _judged(judge, _book(7, known=7), _book(7, known=7), clock) == ([], {}), "it is known"
    assert _judged(judge, _book(0, known=0), _book(0, known=0), clock) == ([], {})


def test_while_events_flow_as_many_are_missing_as_cannot_have_been_settled(clock: list[float]) -> None:
    assert _judged(Missing(), _book(40, 100), _book(35, 110), clock) == ([], {"a": 30})
    assert _judged(Missing(), _book(40, 100, known=35), _book(35, 110, known=35), clock) == ([], {}), "it is a bound"
    assert _judged(Missing(), _book(40, 100), _book(10, 150), clock) == ([], {})


def test_events_that_came_after_all_are_missing_no_more(clock: list[float]) -> None:
    busy = _book(20, 30, known=50)
    assert Missing().judge({"a": busy}, {"a": busy}, []) == ([], {"a": 20}), (
        "and none that wait next are taken for them"
    )
    assert _judged(Missing(), _book(0, 50, known=50), _book(0, 50, known=50), clock) == ([], {"a": 0})


def test_two_looks_far_apart_are_not_all_the_time_between(clock: list[float]) -> None:
    judge, book = Missing(), {"a": _book(50)}
    judge.judge(book, book, ["a"])
    clock[0] += 100
    assert judge.judge(book, book, ["a"]) == ([], {}), "a queue without a leader looks empty now and then"


def test_an_account_does_not_begin_while_something_that_nobody_counted_may_wait_for_all(clock: list[float]) -> None:
    judge, books = Missing(), {"late": _book(begun=False), "store": _book(), "some": _book(types="users.*")}
    for _ in range(3):
        clock[0] += SURE
        assert judge.judge(books, books, ["late", "some"]) == ([], {}), "the store has something in its queue"
    assert judge.judge(books, books, ["late", "store"]) == (["late"], {})


def test_a_worker_that_is_not_idle_is_not_judged(clock: list[float]) -> None:
    judge = Missing()
    for _ in range(3):
        clock[0] += SURE
        assert judge.judge({"a": _book(7)}, {"a": _book(7)}, []) == ([], {})


def test_an_account_begins_when_nothing_has_changed_for_long_enough(clock: list[float]) -> None:
    judge, book = Missing(), _book(7, begun=False)
    assert judge.judge({"a": book}, {"a": book}, ["a"]) == ([], {})
    clock[0] += SURE / 2
    assert judge.judge({"a": book}, {"a": _book(8, begun=False)}, ["a"]) == ([], {})
    clock[0] += SURE / 2
    assert judge.judge({"a": book}, {"a": _book(8, begun=False)}, ["a"]) == ([], {})
    clock[0] += SURE / 2
    assert judge.judge({"a": book}, {"a": _book(8, begun=False)}, ["a"]) == (["a"], {})


def test_messages_that_nobody_has_settled_wait_in_every_queue(clock: list[float]) -> None:
    judge, said = Missing(), []
    books = {"a": _book(), "b": _book(3), "c": _book(types="users.*")}
    for depths in ({"a": 5, "b": 8, "c": 5}, {"a": 5, "b": 8, "c": 5}, {"a": 0, "b": 8, "c": 5}):
        clock[0] += SURE
        said.append(judge.given({}, books, books, depths, []))
    assert said == [{"a": 0, "b": 3, "c": 0}, {"a": 5, "b": 8, "c": 5}, {"a": 0, "b": 3, "c": 0}]


def test_messages_that_were_counted_meanwhile_are_not_given_twice(clock: list[float]) -> None:
    judge = Missing()
    for _ in range(3):
        clock[0] += SURE
        assert judge.given({}, {"a": _book(2)}, {"a": _book(10, 1)}, {"a": 11}, []) == {"a": 11}


def test_what_has_left_a_queue_is_not_forgotten_before_all_is_known_that_was_settled(clock: list[float]) -> None:
    judge, settled = Missing(), {"a": _book(0, 100)}
    assert judge.given({"a": 104}, settled, settled, {"a": 0}, []) == {"a": 104}
    assert judge.given({"a": 104}, settled, {"a": _book(0, 110)}, {"a": 0}, []) == {"a": 110}
    assert judge.given({"a": 104}, settled, settled, {"a": 0}, ["a"]) == {"a": 100}, "it was two of the same"
