"""How many events wait, from how many messages wait."""

from hypothesis import given
from hypothesis import strategies as st

from eventsink.exchange.backlog import Books, even, waiting

KIND, OTHER = "storage.file_uploaded", "users.login"


def _books(surplus: int = 0, *, types: tuple[str, ...] = (), alone: int = 0, put: int = 0, zero: int = 0) -> Books:
    return Books(list(types), 0, 0, 0, {KIND: surplus} if surplus else {}, alone, put, zero)


def test_nothing_waits_in_empty_queues() -> None:
    assert waiting({"a": _books(50), "b": _books()}, {"a": 0, "b": 0}, 10.0) == {"a": 0, "b": 0}


def test_a_worker_that_is_down_waits_for_what_another_has_settled() -> None:
    # b has 3 messages that held 100, 20 and 1 events: a has settled them all.
    assert waiting({"a": _books(99 + 19), "b": _books()}, {"a": 0, "b": 3}, 1.0) == {"a": 0, "b": 121}


def test_a_worker_that_is_less_behind_waits_for_less() -> None:
    books = {"a": _books(118), "b": _books(), "c": _books(99)}
    assert waiting(books, {"a": 0, "b": 3, "c": 2}, 1.0) == {"a": 0, "b": 121, "c": 21}


def test_what_nobody_has_settled_is_estimated_by_what_messages_held_lately() -> None:
    assert waiting({"a": _books(), "b": _books()}, {"a": 4, "b": 4}, 25.0) == {"a": 100, "b": 100}


def test_what_was_put_into_one_queue_is_counted_and_what_waits_there_besides() -> None:
    books = {"a": _books(99), "b": _books(alone=2, put=18)}  # two messages of 20 events, and one of 100
    assert waiting(books, {"a": 0, "b": 3}, 1.0) == {"a": 0, "b": 120}


def test_what_was_put_into_a_queue_is_not_estimated() -> None:
    assert waiting({"a": _books(alone=2, put=18)}, {"a": 2}, 500.0) == {"a": 20}
    assert waiting({"a": _books(alone=2, put=18)}, {"a": 3}, 500.0) == {"a": 21 + 499}


def test_a_worker_of_some_types_waits_for_those_alone() -> None:
    books = {"a": Books([], 0, 0, 0, {KIND: 99, OTHER: 500}, 0, 0, 0), "b": _books(types=("storage.*",))}
    assert waiting(books, {"a": 0, "b": 1}, 1.0) == {"a": 0, "b": 100}


def test_a_worker_of_some_types_is_no_measure_of_what_all_have_in_common() -> None:
    assert waiting({"a": _books(), "b": _books(types=("users.*",))}, {"a": 3, "b": 0}, 10.0) == {"a": 30, "b": 0}


def test_what_a_worker_lacked_when_all_were_even_is_no_backlog() -> None:
    books = {"a": _books(1000), "new": _books(0)}
    zeros = even(books, {"a": 0, "new": 0})
    assert zeros == {"new": 1000}
    books = {"a": _books(1009), "new": _books(0, zero=1000)}
    assert waiting(books, {"a": 0, "new": 1}, 1.0) == {"a": 0, "new": 10}


def test_they_are_not_even_while_one_waits() -> None:
    assert even({"a": _books(1000), "b": _books()}, {"a": 0, "b": 1}) == {}


def test_when_even_nothing_is_noted_twice() -> None:
    assert even({"a": _books(10), "b": _books(4, zero=6)}, {"a": 0, "b": 0}) == {}
    assert even({"a": _books(10, alone=1, put=3)}, {"a": 0}) == {"a": 0}, "what was put there is gone"


_SIZES = st.lists(st.integers(1, 40), max_size=30)


@given(sizes=_SIZES, settled=st.lists(st.integers(0, 30), min_size=1, max_size=4), put=_SIZES)
def test_with_one_worker_that_has_settled_all_the_others_are_exact(
    sizes: list[int], settled: list[int], put: list[int]
) -> None:
    done = [len(sizes), *(min(count, len(sizes)) for count in settled)]
    books = {
        str(number): _books(sum(size - 1 for size in sizes[:count]), alone=len(put), put=sum(put) - len(put))
        for number, count in enumerate(done)
    }
    depths = {str(number): len(sizes) - count + len(put) for number, count in enumerate(done)}
    expected = {str(number): sum(sizes[count:]) + sum(put) for number, count in enumerate(done)}
    assert waiting(books, depths, 17.0) == expected
