"""Every line is counted once, whenever the process ends and whatever happens to the log meanwhile."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eventsink.watch.nginx.follow import Follower, Told
from eventsink.watch.nginx.log_format import PRESETS
from eventsink.watch.nginx.parser import Parser
from eventsink.watch.nginx.tally import WANTED
from tests.watch.nginx.lines import combined
from tests.watch.nginx.test_tail import packed

START = 1_800_000_000  # a whole minute
PLENTY = 100  # seconds in which a log is read to its end, whatever else the machine does


Following = Callable[..., Follower]


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Following]:
    made: list[Follower] = []

    def follow(*, history: bool = True, lag: float = 10.0, every: int = 60) -> Follower:
        parser = Parser(PRESETS["combined"], WANTED)
        state = tmp_path / "state" / "s.json"
        made.append(Follower(tmp_path / "access.log", parser, state, every=every, lag=lag, history=history))
        return made[-1]

    yield follow
    for one in made:
        one.close()


def write(folder: Path, *seconds: float, **more: str) -> None:
    with (folder / "access.log").open("ab") as file:
        file.write(b"".join(combined(second, **more) for second in seconds))


def requests(told: list[Told]) -> dict[int, int]:
    return {one.start - START: one.numbers["requests"] for one in told}


def test_an_interval_is_told_when_it_is_over(tmp_path: Path, follower: Following) -> None:
    write(tmp_path, START + 1, START + 59, START + 61)
    one = follower()
    assert one.read(START + 65, PLENTY) == []  # NGINX may hold back lines of the first minute
    assert requests(one.read(START + 71, PLENTY)) == {0: 2}
    assert requests(one.read(START + 71, PLENTY)) == {0: 2}  # until it is kept
    one.keep()
    assert one.read(START + 72, PLENTY) == []


def test_several_intervals_are_told_one_by_one(tmp_path: Path, follower: Following) -> None:
    one = follower()
    write(tmp_path, *range(START, START + 600, 10), START + 4025)
    assert requests(one.read(START + 4030, PLENTY)) == dict.fromkeys(range(0, 600, 60), 6)
    one.keep()
    assert requests(one.read(START + 4300, PLENTY)) == {4020: 1, 4200: 0}  # nobody came; of one minute that is told


def test_a_late_line_is_counted_in_the_first_open_interval(tmp_path: Path, follower: Following) -> None:
    one = follower()
    write(tmp_path, START + 1, START + 2)
    assert requests(one.read(START + 90, PLENTY)) == {0: 2}
    one.keep()
    write(tmp_path, START + 3, START + 61)
    one.close()
    again = follower()
    assert requests(again.read(START + 140, PLENTY)) == {60: 2}


def test_without_history_counting_begins_with_the_next_whole_interval(tmp_path: Path, follower: Following) -> None:
    write(tmp_path, *range(START, START + 30))
    one = follower(history=False)
    assert one.read(START + 30, PLENTY) == []
    one.close()
    one = follower(history=False)
    write(tmp_path, START + 40, START + 60, START + 61)
    assert requests(one.read(START + 200, PLENTY)) == {60: 2, 120: 0}


def test_what_was_told_and_not_kept_is_told_again_the_same_way(tmp_path: Path, follower: Following) -> None:
    write(tmp_path, START + 1, START + 61)
    first = follower().read(START + 75, PLENTY)
    write(tmp_path, START + 2)  # too late for the first minute, which somebody may have heard of
    again = follower()
    assert again.read(START + 75, PLENTY) == first
    assert requests(again.read(START + 140, PLENTY)) == {0: 1, 60: 2}
    again.keep()
    assert follower().read(START + 140, PLENTY) == []


def test_lines_that_do_not_fit_are_counted_where_they_stand(tmp_path: Path, follower: Following) -> None:
    write(tmp_path, START + 1)
    with (tmp_path / "access.log").open("ab") as file:
        file.write(b"junk of 192.0.2.99\n" + os.urandom(300).replace(b"\n", b" ") + b"\n")
    write(tmp_path, START + 61)
    one = follower()
    (told,) = one.read(START + 75, PLENTY)
    assert (told.numbers["requests"], told.numbers["unreadable"]) == (1, 2)
    assert "192" not in one.example
    assert one.example.startswith("xxxx xx 999.9.9.99")


def test_a_time_to_come_keeps_nothing_open(tmp_path: Path, follower: Following) -> None:
    write(tmp_path, START + 1, START + 10**8, START + 61)
    (told,) = follower().read(START + 75, PLENTY)
    assert (told.numbers["requests"], told.numbers["unreadable"]) == (1, 1)


def test_a_log_that_cannot_be_read_in_time_is_read_on_the_next_time(tmp_path: Path, follower: Following) -> None:
    write(tmp_path, *[START + number / 100 for number in range(30_000)])
    one, looks = follower(), 0
    told: list[Told] = []
    while not told or sum(requests(told).values()) < 30_000:
        told, looks = one.read(START + 311, 0.0), looks + 1
        assert looks < 100
    assert looks > 5
    assert requests(told) == dict.fromkeys(range(0, 300, 60), 6000)


def test_no_address_and_no_name_is_written(tmp_path: Path, follower: Following) -> None:
    write(tmp_path, *range(START, START + 120), address="203.0.113.77", user="mallory")
    one = follower()
    told = one.read(START + 130, PLENTY)
    state = (tmp_path / "state" / "s.json").read_bytes()
    for secret in ("203.0.113.77", "mallory"):
        assert secret.encode() not in state
        assert secret not in repr(told)


class Life:
    """A log that is written to, rotated, copied, compressed and read, by chance.

    Args:
        seed: of chance; of every third, the log is rotated by copying and truncating, and not by renaming.
    """

    def __init__(self, folder: Path, follow: Following, seed: int) -> None:
        self._folder, self._follow, self._log = folder, follow, folder / "access.log"
        self._chance, self._copying = random.Random(seed), seed % 3 == 2
        self._now, self._rest, self._rotations = float(START), b"", 0
        self._follower = follow()
        self._heard: dict[int, Told] = {}
        self.lines, self.garbage = 1, 0
        self._append(combined(START))
        self._hear(PLENTY)  # from now on it is followed

    def write(self) -> None:
        """Write some lines, out of order, the last of which may be cut."""
        self._now += self._chance.choice([1, 5, 20, 70])
        times = [self._now - self._chance.choice([0, 0, 0, 3, 9, 40]) for _ in range(self._chance.randrange(12))]
        self.lines += len(times)
        block = self._rest + b"".join(combined(time, address=f"192.0.2.{self._chance.randrange(9)}") for time in times)
        if self._chance.random() < 0.1:
            block += b"garbage\n"
            self.garbage += 1
        cut = len(block) if self._chance.random() < 0.7 else self._chance.randrange(len(block) + 1)
        self._append(block[:cut])
        self._rest = block[cut:]

    def read(self) -> None:
        """Hear what is told. What is told twice of an interval is the same."""
        if self._chance.random() < 0.7:
            self._hear(self._chance.choice([PLENTY, PLENTY, 0]))
            if self._chance.random() < 0.7:
                self._follower.keep()

    def rotate(self) -> None:
        """What logrotate does; then nobody has written to any file for a while."""
        if self._rest or self._chance.random() < 0.85:
            return
        self._rotations += 1
        old = self._folder / f"access.log.{1000 - self._rotations}"
        if self._copying:
            shutil.copy(self._log, old)
            os.truncate(self._log, 0)
        else:
            self._log.rename(old)
            self._log.touch()
        for file in self._folder.glob("access.log*"):
            status = file.stat()
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns - 100 * 10**9))
        if self._chance.random() < 0.3:
            packed(old)

    def kill(self) -> None:
        """The process ends without a word, and another begins."""
        if self._chance.random() < 0.25:
            self._follower.close()
            self._follower = self._follow()

    def end(self) -> tuple[int, int]:
        """Wait until all is told. Gives the requests and the lines that do not fit."""
        self._append(self._rest)
        for _ in range(200):
            self._now += 60
            self._hear(PLENTY)
            self._follower.keep()
        numbers = [told.numbers for told in self._heard.values()]
        return sum(one["requests"] for one in numbers), sum(one["unreadable"] for one in numbers)

    def _append(self, block: bytes) -> None:
        with self._log.open("ab") as file:
            file.write(block)

    def _hear(self, seconds: float) -> None:
        for told in self._follower.read(self._now, seconds):
            assert self._heard.setdefault(told.start, told) == told, "another number was told of it before"
        assert not self._follower.lost()


@pytest.mark.parametrize("seed", range(20))
def test_every_line_is_counted_once_whatever_happens(tmp_path: Path, follower: Following, seed: int) -> None:
    life = Life(tmp_path, follower, seed)
    for _ in range(120):
        life.write()
        life.read()
        life.rotate()
        life.kill()
    assert life.end() == (life.lines, life.garbage)
