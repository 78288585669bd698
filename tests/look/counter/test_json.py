"""The report as JSON: its structure, and DataCite's own schema."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from eventsink.errors import SettingsError
from eventsink.look.counter import About, Filters, Platform, monthly, render_json
from eventsink.store.counter import Usage
from tests.look.counter.usages import ABOUT, CORES, PLATFORM, SOIL, a_month, counts, usage_of, used

SCHEMA = json.loads((Path(__file__).parents[2] / "fixtures/counter/datacite_sashimi_usage_schema.json").read_text())
VALIDATOR = jsonschema_rs.Draft4Validator(SCHEMA)
LATER = date(2026, 3, 1)


def rendered(usage: Usage, created: date = LATER, platform: Platform = PLATFORM, **filters: Any) -> dict[str, Any]:
    """The report, after DataCite's checks: the header as the hub validates it, with the datasets put inside it."""
    written = render_json(usage, platform, ABOUT, created=created, filters=Filters(**filters))
    assert written == render_json(usage, platform, ABOUT, created=created, filters=Filters(**filters))
    report: dict[str, Any] = json.loads(written)
    VALIDATOR.validate(report["report-header"] | {"report-datasets": report["report-datasets"]})
    return report


def test_the_whole_of_a_report() -> None:
    month = a_month(
        "2026-01",
        used(SOIL, "regular", 9, 4, 8, 3, 126_673_268, 1_000, US=counts(5, 2, 4, 2, 126_672_268), DE=counts(3, 1, 3)),
        used(SOIL, "machine", 1, 1),
        names={SOIL: "an old name"},
        robot=7,
    )
    report = rendered(usage_of(month))
    header = report["report-header"]
    attributes = {pair["name"]: pair["value"] for pair in header.pop("report-attributes")}
    assert header == {
        "report-name": "dataset report",
        "report-id": "dsr",
        "release": "rd1",
        "created": "2026-03-01",
        "created-by": "Clowder Example",
        "reporting-period": {"begin-date": "2026-01-01", "end-date": "2026-01-31"},
        "report-filters": [],
        "exceptions": [{"code": 0, "severity": "info", "message": "Events that were not counted", "data": "robot: 7"}],
    }
    assert (attributes["time-zone"], attributes["status-codes"], attributes["anonymous"]) == ("UTC", "200|304", "merge")
    (dataset,) = report["report-datasets"]
    (performance,) = dataset.pop("performance")
    assert dataset == {
        "dataset-title": "Soil cores & moisture 2021",
        "dataset-id": [{"type": "doi", "value": "10.5072/FK2.00001"}],
        "dataset-contributors": [{"type": "name", "value": "Okafor, A."}, {"type": "name", "value": "Meyer, J."}],
        "dataset-dates": [{"type": "pub-date", "value": "2021-05-21"}],
        "platform": "Clowder Example",
        "publisher": "NCSA",
        "publisher-id": [{"type": "grid", "value": "grid.35403.31"}],
        "data-type": "dataset",
        "yop": "2021",
        "uri": f"https://clowder.example.org/datasets/{SOIL}",
    }
    assert performance["period"] == {"begin-date": "2026-01-01", "end-date": "2026-01-31"}
    assert [
        (i["access-method"], i["metric-type"], i["count"], i["country-counts"]) for i in performance["instance"]
    ] == [
        ("regular", "total-dataset-investigations", 9, {"us": 5, "de": 3}),
        ("regular", "unique-dataset-investigations", 4, {"us": 2, "de": 1}),
        ("regular", "total-dataset-requests", 8, {"us": 4, "de": 3}),
        ("regular", "unique-dataset-requests", 3, {"us": 2}),
        ("machine", "total-dataset-investigations", 1, {}),
        ("machine", "unique-dataset-investigations", 1, {}),
    ], "no metric of zero"
    assert not any("volume" in instance for instance in performance["instance"])


def test_a_dataset_of_which_nothing_is_known() -> None:
    platform = Platform(name="Clowder", created_by="Clowder")
    (dataset,) = rendered(usage_of(a_month("2026-01", used(CORES, "regular", 1, 1))), platform=platform)[
        "report-datasets"
    ]
    del dataset["performance"]
    assert dataset == {
        "dataset-title": "",
        "dataset-id": [{"type": "proprietary", "value": CORES}],
        "platform": "Clowder",
        "publisher": "",
        "publisher-id": [],
        "data-type": "dataset",
        "yop": "0001",
    }


def test_names_of_events_stand_for_titles_that_are_not_known() -> None:
    names = {CORES: '=cmd(), "ä" <b>\n'}
    report = rendered(usage_of(a_month("2026-01", used(CORES, "regular", 1, 1), names=names)))
    assert report["report-datasets"][0]["dataset-title"] == names[CORES]


def test_volume_is_an_extension_of_requests() -> None:
    month = a_month("2026-01", used(SOIL, "regular", 2, 1, 2, 1, 2000, 1000, US=counts(2, 1, 2, 1, 2000, 1000)))
    platform = Platform(name="Clowder", created_by="Clowder", volume=True)
    (dataset,) = rendered(usage_of(month), platform=platform)["report-datasets"]
    volumes = {
        i["metric-type"]: (i.get("volume"), i.get("country-volume")) for i in dataset["performance"][0]["instance"]
    }
    assert volumes == {
        "total-dataset-investigations": (None, None),
        "unique-dataset-investigations": (None, None),
        "total-dataset-requests": (2000, {"us": 2000}),
        "unique-dataset-requests": (1000, {"us": 1000}),
    }


@pytest.mark.parametrize(
    ("created", "end", "codes"),
    [
        (date(2026, 2, 1), "2026-01-31", []),
        (date(2026, 1, 31), "2026-01-31", [3040]),
        (date(2026, 1, 20), "2026-01-20", [3040]),
        (date(2026, 1, 1), "2026-01-01", [3040]),
    ],
)
def test_a_month_that_is_not_over(created: date, end: str, codes: list[int]) -> None:
    report = rendered(usage_of(a_month("2026-01", used(SOIL, "regular", 1, 1))), created)
    header = report["report-header"]
    assert header["reporting-period"] == {"begin-date": "2026-01-01", "end-date": end}
    assert report["report-datasets"][0]["performance"][0]["period"]["end-date"] == end
    assert [exception["code"] for exception in header["exceptions"]] == codes
    assert all(e["message"] == "Partial Data Returned" and end in e["data"] for e in header["exceptions"])


def test_nothing_and_the_future_are_explained() -> None:
    past = rendered(usage_of(a_month("2026-01")))
    assert past["report-datasets"] == []
    assert [(e["code"], e["severity"]) for e in past["report-header"]["exceptions"]] == [(3030, "error")]
    future = rendered(usage_of(a_month("2027-01")))["report-header"]
    assert [(e["code"], e["severity"], e["data"]) for e in future["exceptions"]] == [(3031, "error", "2027-01")]
    assert future["reporting-period"] == {"begin-date": "2027-01-01", "end-date": "2027-01-31"}
    both = rendered(usage_of(a_month("2026-01", used(SOIL, "regular", 1, 1)), a_month("2026-04")))["report-header"]
    assert [(e["code"], e["severity"]) for e in both["exceptions"]] == [(3031, "warning")]


def test_warnings_say_how_many() -> None:
    month = a_month(
        "2026-01", used(SOIL, "regular", 5, 2, 2, 2), nobody=3, unclassified=5, no_dataset=4, sizes_unknown=2
    )
    platform = Platform(name="Clowder", created_by="Clowder", volume=True)
    exceptions = rendered(usage_of(month), platform=platform)["report-header"]["exceptions"]
    assert [(e["code"], e["data"]) for e in exceptions] == [
        (0, "5 of 5 events: counted as Regular"),
        (0, "no_dataset: 4"),
        (101, "3 of 5 events"),
        (102, "4 events"),
        (103, "2 requests of unknown size"),
    ]


def test_a_year_is_twelve_reports_for_datacite_or_one_with_a_performance_a_month() -> None:
    months = [a_month(f"2026-{number:02}", used(SOIL, "regular", number, 1)) for number in (1, 2)]
    whole = rendered(usage_of(*months))
    begins = [p["period"]["begin-date"] for p in whole["report-datasets"][0]["performance"]]
    assert begins == ["2026-01-01", "2026-02-01"]
    parts = [rendered(part)["report-header"]["reporting-period"] for part in monthly(usage_of(*months))]
    assert parts == [
        {"begin-date": "2026-01-01", "end-date": "2026-01-31"},
        {"begin-date": "2026-02-01", "end-date": "2026-02-28"},
    ]


def test_filters_restrict_and_are_told() -> None:
    month = a_month(
        "2026-01", used(SOIL, "regular", 3, 1, 1, 1), used(SOIL, "machine", 1, 1), used(CORES, "machine", 1, 1)
    )
    report = rendered(
        usage_of(month), methods=("machine",), metrics=("Total_Dataset_Investigations",), years="2020-2022"
    )
    assert report["report-header"]["report-filters"] == [
        {"name": "metric-type", "value": "total-dataset-investigations"},
        {"name": "access-method", "value": "machine"},
        {"name": "yop", "value": "2020-2022"},
    ]
    (dataset,) = report["report-datasets"]
    assert [(i["access-method"], i["count"]) for i in dataset["performance"][0]["instance"]] == [("machine", 1)]
    assert rendered(usage_of(month), metrics=("Total_Dataset_Requests",), methods=("machine",))["report-datasets"] == []


def test_internal_users_are_told_by_number_alone() -> None:
    written = render_json(
        usage_of(a_month("2026-01"), internal_users=("64a0000000000000000000ff",)), PLATFORM, About(), created=LATER
    )
    assert b"64a0000000000000000000ff" not in written


@pytest.mark.parametrize("name", ["", "Universität", "ends in a space "])
def test_who_makes_reports_is_as_datacite_wants_it(name: str) -> None:
    if name.endswith("t"):
        assert Platform(name="Clowder", created_by=name).created_by == name
        return
    with pytest.raises(SettingsError, match=r"counter\.created_by"):
        Platform(name="Clowder", created_by=name)
