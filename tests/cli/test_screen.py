"""What is printed: nothing that others wrote commands the terminal, and programs get the same data."""

import io
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.text import Text

from eventsink.cli.screen import errors, new_table, note, output, print_json, say
from eventsink.keys import KeyFile
from tests import processes

UNSEEN = "\x1b[2J\x07\x7f\x85\x9b31m\u00ad\u061c\u200b\u200e\u2028\u2029\u202e\u2066\u2069\ufeff\U000e0041"


class Terminal(io.StringIO):
    """A terminal that keeps what it is sent."""

    def isatty(self) -> bool:
        return True


def printed(write: Callable[[], Any], stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    with redirect_stdout(stream), redirect_stderr(stream):
        write()
    return stream.getvalue()


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
@example({UNSEEN: [UNSEEN, "\\\u202e", "é 图 🦔"]})
def test_json_is_the_same_data_and_commands_no_terminal(value: Any) -> None:
    for given_value in (value, msgspec.Raw(msgspec.json.encode(value))):
        line = printed(lambda given_value=given_value: print_json(given_value))  # type: ignore[misc]
        assert line.endswith("\n")
        assert line[:-1].isprintable()
        assert msgspec.json.decode(line) == value


def test_what_people_write_stays_in_json_as_it_is() -> None:
    assert printed(lambda: print_json({"a": "é 图 🦔"})) == '{"a":"é 图 🦔"}\n'
    assert printed(lambda: print_json("\u202e\x9b\U000e0041")) == '"\\u202e\\u009b\\udb40\\udc41"\n'


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize(
    "write",
    [
        lambda: say(f"a{UNSEEN}b"),
        lambda: note(f"a{UNSEEN}b", "red"),
        lambda: output().print(f"a{UNSEEN}b"),
        lambda: output().print(Text(f"a{UNSEEN}b")),
        lambda: errors().print(_table(f"a{UNSEEN}b")),
        lambda: errors().status(f"a{UNSEEN}b").__enter__().stop(),
    ],
    ids=["say", "note", "text", "rich text", "table", "status"],
)
def test_whatever_is_printed_commands_no_terminal(
    stream: type[io.StringIO], write: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")  # without colours, whose commands are our own
    shown = printed(write, stream())
    assert all(letter.isprintable() or letter == "\n" for letter in shown), repr(shown)
    assert "�" in shown or not shown


def _table(text: str) -> Any:
    table = new_table(text, title=text)
    table.add_row(text)
    return table


def test_lines_of_a_note_stay_lines() -> None:
    assert printed(lambda: note("a\nb\tc\n")) == "a\nb       c\n\n"
    assert printed(lambda: say("a\nb")) == "a�b\n"


def test_a_line_is_handed_over_at_once() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with redirect_stdout(stream):
        say("a")
    assert stream.buffer.getvalue() == b"a\n"
    assert sys.stdout is not stream


def test_who_closed_all_streams_has_an_answer_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "data" / "store").mkdir(parents=True)
    KeyFile(tmp_path / "data" / "keys.db").create(["ingest"])
    backup = f"{sys.executable} -m eventsink backup --data {tmp_path / 'data'} --out {tmp_path / 'backup.tar'}"
    assert processes.run(["sh", "-c", f"exec {backup} <&- >&- 2>&-"]).returncode == 0
    assert (tmp_path / "backup.tar").exists()


def test_a_stream_without_our_characters_gets_their_numbers() -> None:
    command = [sys.executable, "-m", "eventsink", "types"]
    answer = processes.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert answer.returncode == 0 and b"Traceback" not in answer.stderr
