"""A file is read in blocks of whole lines: plain, compressed, cut, and with lines of any length."""

import gzip
import io
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from eventsink.watch.nginx.blocks import LONGEST_LINE, LogFile, Unreadable, blocks


def read(data: bytes) -> tuple[bytes, list[int]]:
    """All lines, and the lengths that are told of those that are too long."""
    found = [*blocks(io.BytesIO(data).read)]
    return b"".join(block.lines for block in found), [len(block.too_long) for block in found if block.too_long]


@pytest.mark.parametrize("seed", range(5))
def test_all_lines_come_in_their_order(seed: int) -> None:
    chance = random.Random(seed)
    lines = [chance.randbytes(chance.choice([0, 10, 200, 50_000])).replace(b"\n", b"") for _ in range(200)]
    data = b"".join(line + b"\n" for line in lines)
    assert read(data) == (data, [])
    assert read(data + b"no line feed") == (data + b"no line feed\n", [])


@pytest.mark.parametrize("length", [LONGEST_LINE + 1, 1 << 20, 3_000_000])
@pytest.mark.parametrize("before", [0, 10, 524_280, 700_000])
def test_a_line_that_is_too_long_is_told_once_and_not_kept(length: int, before: int) -> None:
    data = b"a" * before + b"\n" + b"x" * length + b"\nafter\n"
    lines, too_long = read(data)
    assert lines == b"a" * before + b"\nafter\n"
    assert len(too_long) == 1
    assert too_long[0] <= 1000


def test_a_line_of_the_greatest_length_is_read() -> None:
    data = b"a\n" + b"x" * LONGEST_LINE + b"\nb\n"
    assert read(data) == (data, [])


def test_files_and_compressed_files_are_read_alike(tmp_path: Path) -> None:
    data = b"".join(b"line %d\n" % number for number in range(100_000))
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "a.gz").write_bytes(gzip.compress(data))
    for name in ("a", "a.gz"):
        log = LogFile(str(tmp_path / name))
        assert log.first_lines(2) == [b"line 0", b"line 1"]
        assert b"".join(block.lines for block in log.blocks()) == data
        assert log.progress() == log.size
        log.close()


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="There is no file"):
        LogFile(str(tmp_path / "none"))
    with pytest.raises(Unreadable, match="cannot be read: Is a directory"):
        LogFile(str(tmp_path))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(5000))[:2000])
    log = LogFile(str(tmp_path / "cut.gz"))
    with pytest.raises(Unreadable, match="cannot be read on"):
        list(log.blocks())
    log.close()


@pytest.mark.parametrize("damaged", [lambda packed: packed[:-9], lambda packed: packed + b"garbage"])
def test_what_came_before_the_damage_of_a_packed_log_is_read(tmp_path: Path, damaged: Callable[[bytes], bytes]) -> None:
    data = b"".join(b"line %d\n" % number for number in range(1000))
    (tmp_path / "a.gz").write_bytes(damaged(gzip.compress(data)))
    log = LogFile(str(tmp_path / "a.gz"))
    found = list[bytes]()
    with pytest.raises(Unreadable, match="What came before is counted"):
        found += (block.lines for block in log.blocks())
    log.close()
    assert b"".join(found) == data
