from io import StringIO

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from eventsink.cli.rows import Columns, in_words
from eventsink.cli.screen import new_table, one_line, plain, size

EVENT = {
    "time": "2026-11-24T15:30:01Z",
    "type": "extractions.extraction_event",
    "user": "64a0000000000000000000a1",
    "data": {"job_id": "j1", "resource_name": "图像 07 🦔 été.png", "status": "done", "extractor": "ncsa.preview"},
}


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_row_fits_its_window_whatever_it_says(width: int):
    for text in ("x" * 500, "图" * 500, "a b " * 100, ""):
        row = Columns(width).row(msgspec.Raw(msgspec.json.encode(EVENT | {"user": text, "data": {"message": text}})))
        assert cell_len(row) <= max(width, 72)
        assert row.startswith("2026-11-24 15:30:01  extractions.extraction_event  ")


def test_the_columns_stand_below_their_names():
    columns = Columns(120)
    row = columns.row(msgspec.Raw(msgspec.json.encode(EVENT)))
    assert columns.header.index("User") == row.index("64a0000")
    assert row.endswith("图像 07 🦔 été.png ncsa.preview done job_id=j1")


def test_telling_data_comes_first_and_without_its_name():
    data = {"region": "urbana", "up": False, "target": "clowder.example.org", "sent": 10}
    assert in_words(data) == "clowder.example.org down urbana sent=10"


def test_no_event_commands_the_terminal():
    event = EVENT | {"data": {"message": "\x1b[2J\x07\x9b31m\u202e"}}
    row = Columns(200).row(msgspec.Raw(msgspec.json.encode(event)))
    assert row.isprintable()
    assert plain("a\x1bb") == "a�b"


@pytest.mark.parametrize("text", ["x" * 10_000, "图" * 10_000, "a b\n\t" * 3000])
def test_a_long_text_takes_one_line_of_a_table(text: str):
    screen = StringIO()
    console = Console(width=120, file=screen)
    table = new_table("Job", "Message")
    table.add_row("j1", one_line(text))
    table.add_row("j2", one_line("short"))
    console.print(table)
    lines = screen.getvalue().splitlines()
    assert len(lines) == 4
    assert all(cell_len(line) <= 120 for line in lines)
    assert "…" in lines[2] and lines[3].split() == ["j2", "short"]


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2.5e12, "2500.0 GB")]
)
def test_sizes_are_told_in_their_largest_unit(number: float, text: str):
    assert size(number) == text
