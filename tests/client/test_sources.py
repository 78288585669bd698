import gzip
import json
import os
import threading
from pathlib import Path

import pytest

from eventsink.client import sources as source_module
from eventsink.client.source import Mark, Unreadable
from eventsink.client.sources import open_source

LINES = b'{"type":"a.b"}\n{"type":"c.d"}\n'
EVENTS = [b'{"type":"a.b"}', b'{"type":"c.d"}']


START = Mark()


def read(path: Path, start: Mark = START) -> list[bytes]:
    source = open_source(str(path))
    try:
        return [piece.line for piece in source.pieces(start) if piece]
    finally:
        source.close()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(LINES, id="lines"),
        pytest.param(LINES.rstrip(), id="no newline at the end"),
        pytest.param(b"\n\n" + LINES.replace(b"\n", b"\r\n\r\n"), id="blank lines and carriage returns"),
        pytest.param(b"\xef\xbb\xbf" + LINES, id="byte order mark"),
        pytest.param(b"[" + b",".join(EVENTS) + b"]", id="array"),
        pytest.param(b"\xef\xbb\xbf[" + b",".join(EVENTS) + b"]", id="array with byte order mark"),
        pytest.param(b"\n[\n" + b",\n".join(EVENTS) + b"\n]\n", id="array over many lines"),
        pytest.param(b"\n".join(EVENTS[:1]) + b"\n[" + EVENTS[1] + b"]", id="lines, the second an array", marks=[]),
        pytest.param(b"[" + EVENTS[0] + b"]\n[" + EVENTS[1] + b"]\n", id="an array a line"),
        pytest.param(gzip.compress(LINES), id="gzip"),
        pytest.param(gzip.compress(LINES[:15]) + gzip.compress(LINES[15:]), id="gzip of two members"),
        pytest.param(gzip.compress(b"[" + b",".join(EVENTS) + b"]"), id="gzip of an array"),
    ],
)
def test_the_events_of_a_file_are_found_whatever_its_form(tmp_path: Path, content: bytes):
    file = tmp_path / "events"
    file.write_bytes(content)
    assert [line.strip(b"[]") for line in read(file)] == EVENTS


def test_values_over_many_lines_are_read_one_after_the_other(tmp_path: Path):
    file = tmp_path / "events.json"
    values = [{"type": "a.b", "data": {"text": "one\ntwo"}}, {"type": "c.d"}]
    file.write_text("\n".join(json.dumps(value, indent=2) for value in values))
    lines = read(file)
    assert [json.loads(line) for line in lines] == values
    assert not any(b"\n" in line for line in lines)


def test_an_empty_file_has_no_events(tmp_path: Path):
    file = tmp_path / "empty"
    file.touch()
    assert read(file) == []


@pytest.mark.parametrize("packed", [False, True])
def test_reading_goes_on_at_a_mark(tmp_path: Path, packed: bool):
    file = tmp_path / "events.ndjson"
    file.write_bytes(gzip.compress(LINES) if packed else LINES)
    source = open_source(str(file))
    first = next(source.pieces(Mark()))
    source.close()
    assert first is not None
    assert first.end == (len(EVENTS[0]) + 1, 1)
    assert read(file, first.end) == EVENTS[1:]


def test_numbers_count_lines_as_an_editor_does(tmp_path: Path):
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n" + EVENTS[0] + b"\n\n" + EVENTS[1])
    source = open_source(str(file))
    assert [piece.end.number for piece in source.pieces(Mark()) if piece] == [2, 4]
    source.close()


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(source_module, "LONGEST_LINE", 100)
    file = tmp_path / "events.ndjson"
    file.write_bytes(EVENTS[0] + b"\n" + b"x" * 3_000_000 + b"\n" + EVENTS[1] + b"\n")
    assert read(file) == [EVENTS[0], b"", EVENTS[1]]


def test_a_malformed_array_is_refused_as_a_whole_and_says_where(tmp_path: Path):
    file = tmp_path / "events.json"
    file.write_bytes(b'[{"type":"a.b"},\nnope]')
    with pytest.raises(Unreadable, match=r"malformed JSON.*invalid character at byte 18"):
        read(file)


def test_a_damaged_gzip_gives_what_comes_before_the_damage(tmp_path: Path):
    file = tmp_path / "events.gz"
    file.write_bytes(gzip.compress(b"\n".join([EVENTS[0]] * 100_000))[:-9])
    source = open_source(str(file))
    found: list[object] = []
    with pytest.raises(Unreadable, match="cannot be read on"):
        found += iter(source.pieces(Mark()))
    source.close()
    assert len(found) > 1000


def test_a_damaged_gzip_that_is_read_as_a_whole_gives_nothing(tmp_path: Path):
    file = tmp_path / "events.json.gz"
    file.write_bytes(gzip.compress(b"[" + b",\n".join([EVENTS[0]] * 100_000) + b"]")[:-9])
    with pytest.raises(Unreadable, match=r"cannot be read, and nothing of it was sent: .+\w\.$"):
        read(file)


def test_an_array_that_is_nested_too_deeply_says_so(tmp_path: Path):
    file = tmp_path / "events.json"
    file.write_bytes(b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(Unreadable, match=r"nested too deeply, and nothing of it was sent\.$"):
        read(file)


def test_a_file_that_only_begins_like_gzip_says_so(tmp_path: Path):
    file = tmp_path / "events.gz"
    file.write_bytes(b"\x1f\x8bnonsense" * 10)
    with pytest.raises(Unreadable, match="cannot be read"):
        open_source(str(file))


@pytest.mark.parametrize(("name", "reason"), [("missing", "no file"), (".", "Is a directory")])
def test_what_cannot_be_opened_says_why(tmp_path: Path, name: str, reason: str):
    with pytest.raises(Unreadable, match=reason):
        open_source(str(tmp_path / name))


def test_a_pipe_gives_its_lines_as_they_come(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    quiet = threading.Event()

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            file.write(EVENTS[0] + b"\n")
            quiet.wait(60)
            file.write(EVENTS[1])

    writer = threading.Thread(target=write)
    writer.start()
    source = open_source(str(pipe))
    pieces = source.pieces(Mark())
    first = next(pieces)
    assert first is not None
    assert first.line == EVENTS[0]
    assert next(pieces) is None  # what there is can be sent, though more may come
    quiet.set()
    assert [piece.line for piece in pieces if piece] == EVENTS[1:]
    writer.join()
    source.close()
    assert source.file is None


def test_a_file_in_utf_16_is_told_from_one_that_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "powershell.ndjson"
    path.write_bytes('{"type": "a.b"}\r\n'.encode("utf-16"))
    with pytest.raises(Unreadable, match=r"is UTF-16, .* save it as UTF-8"):
        open_source(str(path))
