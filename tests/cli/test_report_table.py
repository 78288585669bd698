"""How a report stands in a terminal: what has room beside one another, and in which widths."""

import pytest

from eventsink.cli.report_table import print_report

COLUMNS = ["Runs", "Done", "Failed", "Skipped", "Cancelled", "Not ended", "Retries", "In the queue, median"]
TIMES = ["Run time, median", "Run time, 95 %", "Run time in all"]
NAMES = ["ncsa.csv.stats", "ncsa.image.metadata", "siteA.netcdf.metadata"]


def a_report(name: str, values: list[str]) -> dict:
    """A report of which the first column has these values, and many others have numbers."""
    columns = [{"name": name.lower(), "title": name, "unit": "text"}]
    columns += [{"name": title, "title": title, "unit": "count"} for title in COLUMNS]
    columns += [{"name": title, "title": title, "unit": "ms"} for title in TIMES]
    numbers = [391, 350, 28, 13, 0, 0, 3, 2976, 2256, 10_198, 1_363_921]
    rows = [[value, *numbers] for value in values]
    return {
        "title": "Extractors", "columns": columns, "rows": rows, "totals": [None, *numbers],
        "since": "", "footnotes": [],
    }  # fmt: skip


@pytest.mark.parametrize("width", [80, 120, 160])
@pytest.mark.parametrize("values", [NAMES, [f"{n:024x}" for n in range(3)]])
def test_names_and_ids_stand_unbroken_beside_many_columns(monkeypatch, capsys, width, values):
    monkeypatch.setenv("COLUMNS", str(width))
    print_report(a_report("Extractor", values))
    lines = capsys.readouterr().out.splitlines()
    rule = next(number for number, line in enumerate(lines) if line.startswith("─"))
    brief = [value if value in NAMES else f"{value[:7]}…{value[-6:]}" for value in values]
    assert [line.split()[0] for line in lines[rule + 1 :] if line.strip()] == [*brief, "Total"]
    assert max(map(len, lines)) <= width


def test_what_has_no_room_at_all_is_printed_all_the_same(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    print_report(a_report("Extractor", NAMES))
    shown = capsys.readouterr()
    assert max(map(len, shown.out.splitlines())) <= 30
    assert "Not shown" in shown.err


def test_the_word_for_sums_stands_unbroken_below_short_names(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "160")
    print_report(a_report("User", ["ab", "cd"]))
    words = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert words[-3:] == ["ab", "cd", "Total"]
