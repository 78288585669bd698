"""The report as the Code's table."""

from datetime import date
from typing import Any

import pytest

from eventsink.look.counter import Filters, Platform, footnotes, render_table, render_tsv
from eventsink.look.counter.filters import InvalidFilter
from eventsink.store.counter import Usage
from tests.look.counter.usages import ABOUT, CORES, PLATFORM, SOIL, a_month, usage_of, used

LATER = date(2026, 3, 1)
TWO_MONTHS = usage_of(
    a_month("2026-01", used(SOIL, "regular", 3, 2, 1, 1, 500, 500), used(SOIL, "machine", 1, 1), names={SOIL: "old"}),
    a_month("2026-02", used(SOIL, "regular", 4, 1), used(CORES, "machine", 1, 1, 1, 1), names={CORES: "a\tb\r\nc"}),
)


def table(usage: Usage, platform: Platform = PLATFORM, **filters: Any) -> list[list[str]]:
    rows = render_table(usage, platform, ABOUT, created=LATER, filters=Filters(**filters))
    written = "".join("\t".join(row) + "\n" for row in rows).encode()
    assert written == render_tsv(usage, platform, ABOUT, created=LATER, filters=Filters(**filters))
    return rows


def test_the_whole_of_a_table() -> None:
    rows = table(TWO_MONTHS)
    assert [row[0] for row in rows[:10]] == [
        "Report_Name", "Report_ID", "Release", "Metric_Types", "Report_Filters", "Report_Attributes", "Exceptions",
        "Reporting_Period", "Created", "Created_By",
    ]  # fmt: skip
    header = {row[0]: row[1] for row in rows[:10]}
    assert header["Report_Name"] == "Dataset Master Report"
    assert (header["Report_ID"], header["Release"]) == ("DSR", "RD1")
    assert header["Metric_Types"].startswith("Total_Dataset_Investigations; Unique_Dataset_Investigations; ")
    assert header["Report_Filters"] == header["Exceptions"] == ""
    assert header["Report_Attributes"].startswith(
        "Attributes_To_Show=Creators|Publication_Date|Dataset_Version|YOP|Access_Method; Counted_By=clowder-eventsink"
    )
    assert "; Time_Zone=UTC; " in header["Report_Attributes"]
    assert header["Reporting_Period"] == "begin_date=2026-01-01; end_date=2026-02-28"
    assert (header["Created"], header["Created_By"]) == ("2026-03-01", "Clowder Example")
    assert rows[10] == []
    assert rows[11] == [
        "Dataset_Title", "Publisher", "Publisher_ID", "Creators", "Publication_Date", "Dataset_Version", "DOI",
        "Other_ID", "URI", "YOP", "Access_Method", "Metric_Type", "Reporting_Period_Total", "Jan-2026", "Feb-2026",
    ]  # fmt: skip
    soil = [
        "Soil cores & moisture 2021", "NCSA", "grid.35403.31", "Okafor, A.; Meyer, J.", "2021-05-21", "1",
        "10.5072/FK2.00001", f"proprietary:{SOIL}", f"https://clowder.example.org/datasets/{SOIL}", "2021",
    ]  # fmt: skip
    cores = ["a b c", "NCSA", "grid.35403.31", "", "", "", "", f"proprietary:{CORES}"]
    cores += [f"https://clowder.example.org/datasets/{CORES}", "0001"]
    assert rows[12:] == [
        [*soil, "Regular", "Total_Dataset_Investigations", "7", "3", "4"],
        [*soil, "Regular", "Unique_Dataset_Investigations", "3", "2", "1"],
        [*soil, "Regular", "Total_Dataset_Requests", "1", "1", "0"],
        [*soil, "Regular", "Unique_Dataset_Requests", "1", "1", "0"],
        [*soil, "Machine", "Total_Dataset_Investigations", "1", "1", "0"],
        [*soil, "Machine", "Unique_Dataset_Investigations", "1", "1", "0"],
        [*cores, "Machine", "Total_Dataset_Investigations", "1", "0", "1"],
        [*cores, "Machine", "Unique_Dataset_Investigations", "1", "0", "1"],
        [*cores, "Machine", "Total_Dataset_Requests", "1", "0", "1"],
        [*cores, "Machine", "Unique_Dataset_Requests", "1", "0", "1"],
    ]


def test_a_column_left_out_sums_its_values_up() -> None:
    rows = table(TWO_MONTHS, columns=(), monthly=False, metrics=("Total_Dataset_Investigations",))
    assert rows[11] == [
        "Dataset_Title", "Publisher", "Publisher_ID", "DOI", "Other_ID", "URI", "Metric_Type", "Reporting_Period_Total",
    ]  # fmt: skip
    assert [row[-1] for row in rows[12:]] == ["8", "1"]
    attributes = rows[5][1]
    assert attributes.endswith("; Exclude_Monthly_Details=True")
    assert "Attributes_To_Show" not in attributes


def test_a_filter_on_a_column_that_is_not_shown_still_restricts() -> None:
    rows = table(TWO_MONTHS, columns=(), methods=("machine",), years="0001", metrics=("Total_Dataset_Requests",))
    assert rows[4] == ["Report_Filters", "Access_Method=Machine; YOP=0001"]
    assert [row[-3:] for row in rows[12:]] == [["1", "0", "1"]]


def test_bytes_are_the_last_column() -> None:
    rows = table(TWO_MONTHS, Platform(name="Clowder", created_by="Clowder", volume=True))
    assert rows[11][-1] == "Reporting_Period_Volume"
    assert [row[-1] for row in rows[12:16]] == ["", "", "500", "500"]


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [("isni", "0000 0001", "isni:0000 0001"), ("grid", "grid.1", "grid.1"), ("grid", "1", "grid:1"), ("urn", "", "")],
)
def test_the_id_of_the_publisher_says_of_which_kind_it_is(kind: Any, value: str, written: str) -> None:
    platform = Platform(name="C", created_by="C", publisher="P", publisher_id=value, publisher_id_type=kind)
    assert {row[2] for row in table(TWO_MONTHS, platform)[12:]} == {written}


def test_exceptions_stand_in_their_row() -> None:
    rows = table(
        usage_of(a_month("2026-01", used(SOIL, "regular", 2, 1), double_click=3, nobody=1), a_month("2026-03"))
    )
    assert rows[6][1] == (
        "0: Events that were not counted (double_click: 3); 101: Usage without user, session or address: unique counts"
        " are lower bounds (1 of 2 events); 3040: Partial Data Returned (processed up to 2026-03-01)"
    )
    assert rows[7][1] == "begin_date=2026-01-01; end_date=2026-03-01"


@pytest.mark.parametrize(
    "wrong",
    [{"years": "20"}, {"years": "2015-2010"}, {"columns": ("Colour",)}, {"metrics": ("All",)}, {"methods": ("tdm",)}],
)
def test_a_filter_that_is_none_is_refused_with_what_there_is(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidFilter, match=r"write 2010|there are "):
        Filters(**wrong)


def test_footnotes_say_what_was_left_out() -> None:
    month = a_month("2026-01", used(SOIL, "regular", 2, 1), double_click=3, robot=1, nobody=1, unclassified=2)
    assert list(footnotes(usage_of(month, zone="America/Chicago"), volume=False)) == [
        "2 of 6 views and downloads were counted, by months and hours of America/Chicago.",
        "Not counted: 3 followed by the same of the same user within 30 seconds; 1 of robots.",
        "1 came with neither user, session nor visitor: unique counts are lower bounds.",
        "Of 2 nothing tells whether a person or a program asked: they count as regular.",
    ]


def test_a_report_without_volumes_has_no_footnote_on_them() -> None:
    usage = usage_of(a_month("2026-01", used(SOIL, "regular", 2, 1), sizes_unknown=2))
    said = "Of 2 downloads the size is unknown: the volume is a lower bound."
    assert said in footnotes(usage, volume=True)
    assert said not in footnotes(usage, volume=False)
