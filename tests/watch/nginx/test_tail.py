"""A log is read to its end whatever happens to its files: each line once, in order."""

import gzip
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventsink.watch.nginx.place import Place
from eventsink.watch.nginx.rotated import rotated
from eventsink.watch.nginx.tail import Tail


class Log:
    """A log that is written to and rotated."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "access.log"
        self.written: list[bytes] = []
        self.tails: list[Tail] = []

    def tail(self, at: Place | None = None, **more: float) -> Tail:
        self.tails.append(Tail(self.path, at, **more))
        return self.tails[-1]

    def write(self, count: int = 3, *, to: Path | None = None) -> None:
        lines = [b"line %06d of a log of nginx" % (len(self.written) + number) for number in range(count)]
        self.written += lines
        with (to or self.path).open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))

    def age(self, seconds: float = 100) -> None:
        """Make all files older, so that they are taken to be complete."""
        for file in self.path.parent.iterdir():
            status = file.stat()
            os.utime(file, (status.st_atime - seconds, status.st_mtime - seconds))

    def rename(self, name: str) -> Path:
        self.age()
        target = self.path.with_name(name)
        self.path.rename(target)
        return target


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path)
    yield log
    for tail in log.tails:
        tail.close()


def lines(tail: Tail, until: Place | None = None) -> list[bytes]:
    return b"".join(part.lines for part in tail.parts(until)).split(b"\n")[:-1]


def packed(path: Path) -> None:
    """What gzip does: the time of the file stays."""
    status = path.stat()
    target = path.with_name(path.name + ".gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()


def test_what_is_added_is_read_and_a_cut_line_waits(log: Log) -> None:
    tail = log.tail()
    assert lines(tail) == []
    log.write()
    assert lines(tail) == log.written
    with log.path.open("ab") as file:
        file.write(b"the first half")
    assert lines(tail) == []
    assert tail.caught_up
    with log.path.open("ab") as file:
        file.write(b" and the second\n")
    assert lines(tail) == [b"the first half and the second"]


def test_a_renamed_log_is_read_to_its_end(log: Log) -> None:
    tail = log.tail(settle=60)
    log.write()
    lines(tail)
    log.write(2)
    log.rename("access.log.1")
    log.write()
    assert lines(tail) == log.written[3:]  # nobody has written to the old one for long


def test_nginx_writes_to_the_old_file_until_it_reopens_its_logs(log: Log) -> None:
    tail = log.tail(settle=60)
    log.write()
    assert lines(tail) == log.written
    old = log.path.with_name("access.log.1")
    log.path.rename(old)
    later = Log(log.path.parent)
    later.write()
    log.write(2, to=old)
    assert lines(tail) == log.written[3:]
    assert not tail.caught_up  # there is a new file, and the old one was just written to
    log.write(1, to=old)
    assert lines(tail) == log.written[5:]
    log.age()
    assert lines(tail) == later.written
    assert tail.caught_up


def test_several_rotations_between_two_looks(log: Log) -> None:
    tail = log.tail()
    log.write()
    lines(tail)
    log.rename("access.log.3")
    log.write()
    log.rename("access.log.2")
    log.write()
    packed(log.path.with_name("access.log.2"))
    log.rename("access.log.1")
    log.write()
    assert lines(tail) == log.written[3:]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("rotations", [0, 1, 3])
def test_after_a_restart_it_goes_on_where_it_was(log: Log, rotations: int, compress: bool) -> None:
    tail = log.tail()
    log.write(100)
    lines(tail)
    place = tail.place()
    tail.close()
    log.write(5)
    for number in range(rotations):
        old = log.rename(f"access.log-2026112{number}")
        if compress:
            packed(old)
        log.write(4)
    again = log.tail(place)
    assert lines(again) == log.written[100:]
    assert not again.lost


def test_a_copied_and_truncated_log_is_read_to_its_end_and_from_its_beginning(log: Log) -> None:
    tail = log.tail()
    log.write(5)
    lines(tail)
    log.write(2)
    shutil.copy(log.path, log.path.with_name("access.log.1"))
    os.truncate(log.path, 0)
    assert lines(tail) == log.written[5:]
    log.age()
    log.write(4)
    assert lines(tail) == log.written[7:]


def test_a_truncated_log_that_has_grown_past_the_old_place_is_known_by_its_beginning(log: Log) -> None:
    tail = log.tail()
    log.write(2)
    lines(tail)
    shutil.copy(log.path, log.path.with_name("access.log.1"))
    os.truncate(log.path, 0)
    log.age()
    log.write(50)
    assert lines(tail) == log.written[2:]


def test_after_a_restart_a_truncated_log_is_known_too(log: Log) -> None:
    tail = log.tail()
    log.write(3)
    lines(tail)
    place = tail.place()
    log.write(2)
    shutil.copy(log.path, log.path.with_name("access.log.1"))
    log.age()
    packed(log.path.with_name("access.log.1"))
    os.truncate(log.path, 0)
    log.write(50)
    assert lines(log.tail(place)) == log.written[3:]


def test_a_log_that_vanishes_is_read_to_its_end(log: Log) -> None:
    tail = log.tail()
    log.write()
    lines(tail)
    log.write()
    log.path.unlink()
    assert lines(tail) == log.written[3:]
    assert lines(tail) == []
    log.age()
    new = Log(log.path.parent)
    new.write()
    tail._settle = 0
    assert lines(tail) == new.written


def test_what_is_gone_is_said_to_be_missing(log: Log) -> None:
    tail = log.tail()
    log.write()
    lines(tail)
    place = tail.place()
    tail.close()
    log.path.unlink()
    log.write()  # other lines: equal ones would be taken for the same file
    again = log.tail(place, since=time.time() - 50)
    assert again.lost == "The file that was read last is gone: what was not read of it is missing."
    assert lines(again) == log.written[3:]


def test_what_was_cut_without_a_copy_is_said_to_be_missing(log: Log) -> None:
    tail = log.tail()
    log.write(5)
    lines(tail)
    log.write(2)
    os.truncate(log.path, 0)
    log.write(1)
    assert lines(tail) == log.written[7:]
    assert tail.lost == "access.log was cut, and no copy is here: what was not read of it is missing."


def test_what_a_damaged_file_has_beyond_the_damage_is_said_to_be_missing(log: Log) -> None:
    tail = log.tail()
    log.write()
    lines(tail)
    place = tail.place()
    log.write(20_000)
    packed(log.rename("access.log.1"))
    damaged = log.path.with_name("access.log.1.gz")
    os.truncate(damaged, damaged.stat().st_size // 2)
    log.age()
    log.write()
    again = log.tail(place)
    assert lines(again)[-3:] == log.written[-3:]
    assert again.lost == "access.log.1.gz cannot be read on: what is left of it is missing."


def test_the_last_line_of_a_rotated_file_needs_no_line_feed(log: Log) -> None:
    tail = log.tail()
    log.write()
    with log.path.open("ab") as file:
        file.write(b"cut by a full disk")
    lines(tail)
    log.rename("access.log.1")
    new = Log(log.path.parent)
    new.write()
    assert lines(tail) == [b"cut by a full disk", *new.written]


def test_a_line_of_a_megabyte_is_told_and_not_kept(log: Log) -> None:
    tail = log.tail()
    log.write()
    with log.path.open("ab") as file:
        file.write(b"x" * 2_500_000)
    parts = [part for part in tail.parts(None) if part.too_long]
    assert len(parts) == 1
    assert len(parts[0].too_long) <= 1000
    place = tail.place()
    assert place is not None and place.within
    for one in (tail, log.tail(place)):
        if one is tail:
            with log.path.open("ab") as file:
                file.write(b"x" * 10 + b"\n")
            log.write()
        parts = [*one.parts(None)]
        assert [part for part in parts if part.too_long] == []
        assert b"".join(part.lines for part in parts) == b"".join(line + b"\n" for line in log.written[3:])


def test_it_can_be_read_again_up_to_a_place(log: Log) -> None:
    tail = log.tail()
    log.write()
    lines(tail)
    place = tail.place()
    log.write()
    log.rename("access.log.1")
    log.write()
    log.path = log.path.with_name("access.log.1")
    assert lines(log.tail(), place) == log.written[:3]


def test_only_rotated_files_are_taken_for_such(tmp_path: Path) -> None:
    names = ["access.log.2.gz", "access.log.1", "access.log-20261128", "access-20261127.log.gz"]
    others = ["access.log", "access.log.json", "access.log.bak", "error.log.1", "access.log.1.gz", "access.logs.1"]
    for age, name in enumerate([*names, *others]):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    assert [path.name for path in rotated(tmp_path / "access.log")] == names
