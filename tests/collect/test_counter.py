"""COUNTER's report over HTTP, of a running sink: its forms, its refusals, and that the settings reach it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.look.counter.test_json import VALIDATOR
from tests.sink_process import SinkProcess

SOIL = "64c000000000000000000001"
FILE = {"resource_type": "file", "resource_id": "64b00000000000000000000a", "dataset_id": SOIL}
ASKED = "/v1/reports/counter?since=2026-01&until=2026-01"


def seen(time: str, kind: str = "viewed", user: str = "u", **data: Any) -> dict[str, Any]:
    dataset = {"resource_type": "dataset", "resource_id": SOIL, "resource_name": "Soil"}
    return {"type": f"traffic.resource_{kind}", "time": time, "user": user, "data": data or dataset}


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A sink with a report of its own kind, and a month of usage."""
    folder = tmp_path_factory.mktemp("counter")
    settings = folder / "eventsink.toml"
    settings.write_text(
        '[counter]\nplatform = "Clowder NCSA"\npublisher = "NCSA"\nzone = "America/Chicago"\n'
        'internal_users = ["tester"]\n'
    )
    sink = SinkProcess(folder / "var", environment={"EVENTSINK_CONFIG": str(settings)})
    try:
        sink.start()
        events = [
            seen("2026-01-15T10:00:00Z"),
            seen("2026-01-15T10:05:00Z", "downloaded", **FILE, bytes=1000),
            seen("2026-01-15T10:05:10Z", "downloaded", **FILE, bytes=1000),
            seen("2026-01-16T10:00:00Z", user="tester"),
            seen("2026-02-01T05:00:00Z"),  # in Chicago it is January
        ]
        assert sink.post(events)[0] == 202
        sink.settle()
        yield sink
    finally:
        sink.close()


def test_json_is_what_datacite_takes_with_the_settings_in_it(sink: SinkProcess) -> None:
    status, report = sink.request("GET", ASKED)
    assert status == 200
    header = report["report-header"]
    VALIDATOR.validate(header | {"report-datasets": report["report-datasets"]})
    assert sink.last_headers["content-disposition"] == 'attachment; filename="dsr-2026-01.json"'
    attributes = {pair["name"]: pair["value"] for pair in header["report-attributes"]}
    assert (attributes["time-zone"], attributes["internal-users"]) == ("America/Chicago", "1")
    (dataset,) = report["report-datasets"]
    assert (dataset["platform"], dataset["publisher"], dataset["dataset-title"]) == ("Clowder NCSA", "NCSA", "Soil")
    (performance,) = dataset["performance"]
    assert {one["metric-type"]: one["count"] for one in performance["instance"]} == {
        "total-dataset-investigations": 3,
        "unique-dataset-investigations": 2,
        "total-dataset-requests": 1,
        "unique-dataset-requests": 1,
    }


def test_the_other_forms(sink: SinkProcess) -> None:
    status, tsv = sink.request("GET", f"{ASKED}&format=tsv")
    assert (status, sink.last_headers["content-type"]) == (200, "text/tab-separated-values; charset=utf-8")
    assert "Reporting_Period\tbegin_date=2026-01-01; end_date=2026-01-31" in str(tsv)
    assert sink.request("GET", f"{ASKED}&format=csv")[0] == 200
    assert sink.last_headers["content-type"] == "text/csv; charset=utf-8"
    assert sink.last_headers["content-disposition"] == 'attachment; filename="dsr-2026-01.csv"'
    status, table = sink.request("GET", f"{ASKED}&format=rows&metric_type=Total_Dataset_Requests")
    assert (status, [column["name"] for column in table["columns"]][4:]) == (200, ["requests"])
    assert [row[4:] for row in table["rows"]] == [[1]]
    assert "content-disposition" not in sink.last_headers


@pytest.mark.parametrize(
    ("query", "codes"), [("", [3030]), ("?since=2199-01", [3031]), ("?since=1990-01&until=1990-12", [104, 3030])]
)
def test_a_time_without_usage_is_an_exception_of_the_report(sink: SinkProcess, query: str, codes: list[int]) -> None:
    status, report = sink.request("GET", f"/v1/reports/counter{query}")
    assert status == 200
    assert [one["code"] for one in report["report-header"]["exceptions"]] == codes
    assert report["report-datasets"] == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=soon", "'soon' is no month: write it as 2026-01."),
        ("since=2026-02&until=2026-01", "The period ends (2026-01) before it begins (2026-02): exchange the two."),
        ("access_method=TDM", "'TDM' is no access method: there are regular, machine."),
        ("metric_type=clicks", "'clicks' is no metric type: there are Total_Dataset_Investigations, Unique_Dataset"),
        ("format=xlsx", "it may be json or tsv or csv or rows."),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(sink: SinkProcess, query: str, said: str) -> None:
    status, problem = sink.request("GET", f"/v1/reports/counter?{query}")
    assert status == 400
    assert said in problem["detail"]


def test_a_key_that_may_read_is_needed(sink: SinkProcess) -> None:
    assert sink.request("GET", ASKED, key="")[0] == 401


def test_a_zone_that_there_is_not_stops_the_start(make_sink: Callable[..., SinkProcess], tmp_path: Path) -> None:
    sink = make_sink(environment={"EVENTSINK_COUNTER__ZONE": "Mars/Olympus"})
    with pytest.raises(AssertionError, match=r"counter\.zone is no time zone"):
        sink.start()
    assert "Traceback" not in sink.log.read_text()
