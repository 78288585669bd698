"""What the file of the embedded exchange costs those who do not wait for it: nothing that grows with what waits."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventsink.exchange.embedded import sqlite_log

WAITING = 50_000  # rows


@pytest.fixture
def backlog(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A log of which one queue has settled nothing, and another everything."""
    connection = sqlite_log.connect(tmp_path / "exchange.db")
    sqlite_log.prepare(connection, checked=True)
    connection.execute("BEGIN")
    for number in range(1, WAITING + 1):
        sqlite_log.append(connection, number, 1, b'{"id":"%d"}' % number)
    sqlite_log.add_queue(connection, "dead", 1)
    sqlite_log.add_queue(connection, "alive", WAITING + 1)
    connection.execute("COMMIT")
    yield connection
    connection.close()


def _steps(connection: sqlite3.Connection, what: str) -> int:
    """Hundreds of instructions that SQLite's machine runs for something."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(step, 100)
    getattr(sqlite_log, what)(connection)
    connection.set_progress_handler(None, 0)
    return count


def test_a_dead_queue_costs_the_others_no_look_at_what_waits_for_it(backlog: sqlite3.Connection) -> None:
    assert _steps(backlog, "purge") <= 1
    assert sqlite_log.purge(backlog) == 0


def test_what_all_are_past_is_removed_piece_by_piece_and_the_last_row_stays(backlog: sqlite3.Connection) -> None:
    sqlite_log.advance(backlog, "dead", 1, WAITING + 1, delivered=WAITING, lost=0)
    before, removed = sqlite_log.size(backlog), []
    while freed := sqlite_log.purge(backlog, 100_000):
        removed.append(freed)
    assert all(100_000 <= freed < 100_020 for freed in removed[:-1])
    assert sum(removed) == before - sqlite_log.size(backlog)
    assert backlog.execute("SELECT first FROM log").fetchall() == [(WAITING,)]
    assert sqlite_log.head(backlog) == WAITING + 1


def test_a_row_that_a_queue_is_in_the_middle_of_stays(tmp_path: Path) -> None:
    connection = sqlite_log.connect(tmp_path / "exchange.db")
    sqlite_log.prepare(connection, checked=True)
    for first in (1, 11, 21):
        sqlite_log.append(connection, first, 10, b"\n".join([b"{}"] * 10))
    sqlite_log.add_queue(connection, "one", 15)
    assert sqlite_log.purge(connection) > 0
    assert [first for (first,) in connection.execute("SELECT first FROM log")] == [11, 21]
    connection.close()


def test_a_queue_that_has_nothing_to_let_go_misses_nothing(backlog: sqlite3.Connection) -> None:
    assert sqlite_log.let_go(backlog, ["dead", "alive"], 11) == 10
    assert sqlite_log.let_go(backlog, ["dead", "alive"], 11) == 0
    assert {name: (lost, since is not None) for name, _, _, _, _, _, lost, since, *_ in sqlite_log.books(backlog)} == {
        "alive": (0, False),
        "dead": (10, True),
    }
    sqlite_log.add_queue(backlog, "there", 11)
    assert sqlite_log.let_go(backlog, ["there"], 11) == 0
    assert [name for name, *_, since, _, _ in sqlite_log.books(backlog) if since] == ["dead"], "nor is it said"


def test_the_newest_events_are_those_at_the_end_that_there_is_room_for(tmp_path: Path) -> None:
    connection = sqlite_log.connect(tmp_path / "exchange.db")
    sqlite_log.prepare(connection, checked=True)
    for first, size in ((1, 100), (11, 20), (21, 10)):
        sqlite_log.append(connection, first, 10, b"x" * size)
    found = {most: sqlite_log.newest(connection, most) for most in (0, 9, 10, 29, 30, 129, 130, 1000)}
    assert found == {0: 31, 9: 31, 10: 21, 29: 21, 30: 11, 129: 11, 130: 1, 1000: 1}
    connection.close()
