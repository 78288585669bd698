"""Reports as people ask for them: of which months, in which form, with which settings."""

import csv
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventsink.errors import InvalidQuestion, SettingsError
from eventsink.event import Event
from eventsink.look.counter import CounterReports
from eventsink.settings import Counter
from eventsink.store import Store
from tests.look.counter.test_json import VALIDATOR
from tests.look.counter.usages import ABOUT, SOIL
from tests.store.events import an_event

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path)
    yield store
    await store.close()


def seen(time: datetime, kind: str = "viewed", **data: Any) -> Event:
    known = {"resource_type": "dataset", "resource_id": SOIL, "resource_name": "=Soil, 2021"}
    attributes = {"user": data.pop("user", "u"), "source": data.pop("source", "clowder.example.org")}
    return an_event(type=f"traffic.resource_{kind}", time=time, data=known | data, **attributes)


def reports(store: Store, now: datetime = NOW, **chosen: Any) -> CounterReports:
    return CounterReports(store, Counter(**chosen), now=lambda: now)


async def as_json(made: CounterReports, *months: str | None, **more: Any) -> dict[str, Any]:
    rendered = await made.render(*months, **more)
    assert rendered.media_type == "application/json"
    report: dict[str, Any] = json.loads(rendered.body)
    VALIDATOR.validate(report["report-header"] | {"report-datasets": report["report-datasets"]})
    return report


def counts(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    """By month, the counts by metric; of all datasets and access methods the last."""
    return {
        performance["period"]["begin-date"][:7]: {
            instance["metric-type"].replace("-dataset", ""): instance["count"] for instance in performance["instance"]
        }
        for dataset in report["report-datasets"]
        for performance in dataset["performance"]
    }


def exceptions(report: dict[str, Any]) -> list[int]:
    return [found["code"] for found in report["report-header"]["exceptions"] if found["code"] > 0]


async def test_the_latest_month_that_is_over_is_what_nobody_needs_to_ask_for(store: Store) -> None:
    await store.append([seen(datetime(2026, month, 2, tzinfo=UTC)) for month in (1, 2, 3)])
    made = await reports(store).render()
    assert made.filename == "dsr-2026-02.json"
    report = json.loads(made.body)
    assert report["report-header"]["reporting-period"] == {"begin-date": "2026-02-01", "end-date": "2026-02-28"}
    assert report["report-header"]["created-by"] == "Clowder"
    assert exceptions(report) == []
    assert counts(report) == {"2026-02": {"total-investigations": 1, "unique-investigations": 1}}


async def test_which_month_is_over_is_a_question_of_the_zone(store: Store) -> None:
    midnight = datetime(2026, 3, 1, 2, tzinfo=UTC)
    assert (await reports(store, midnight).render()).filename == "dsr-2026-02.json"
    made = await reports(store, midnight, zone="America/Chicago").render()
    assert made.filename == "dsr-2026-01.json"
    assert json.loads(made.body)["report-header"]["created"] == "2026-02-28"


async def test_several_months_are_one_report(store: Store) -> None:
    await store.append([seen(datetime(2026, month, 2, tzinfo=UTC)) for month in (1, 3)])
    report = await as_json(reports(store), "2026-01", "2026-03")
    assert [*counts(report)] == ["2026-01", "2026-03"]
    assert exceptions(report) == [3040]
    assert (await reports(store).render("2026-01", "2026-03", "tsv")).filename == "dsr-2026-01-to-2026-03.tsv"


async def test_months_before_the_first_event_are_not_months_without_usage(store: Store) -> None:
    await store.append([seen(datetime(2026, 2, 2, 9, 30, tzinfo=UTC))])  # as where keep_months has deleted January
    report = await as_json(reports(store), "2025-12", "2026-02")
    (note,) = (found for found in report["report-header"]["exceptions"] if found["code"] > 0)
    assert (note["code"], note["severity"], note["data"]) == (104, "warning", "2025-12, 2026-01")
    assert exceptions(await as_json(reports(store), "2026-01", "2026-01")) == [104, 3030]
    rows = json.loads((await reports(store).render("2025-12", "2026-02", "rows")).body)
    assert "The first event is of 2026-02-02 09:30 UTC: what was before it is not known." in rows["footnotes"]


@pytest.mark.parametrize(
    ("first", "last", "codes"),
    [
        ("2026-02", None, [3030]),
        ("2027-01", None, [3031]),
        ("2026-02", "2026-04", [3030, 3031]),
        ("2026-03", None, [3030]),
        ("1970-01", "1970-01", [3030]),
        ("9998-10", "9998-12", [3031]),
        ("9998-12", None, [3031]),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_without_usage_a_report_says_so(
    store: Store, first: str, last: str | None, codes: list[int], zone: str
) -> None:
    report = await as_json(reports(store, zone=zone), first, last)
    assert report["report-datasets"] == []
    assert exceptions(report) == codes
    for form in ("tsv", "csv", "rows"):
        made = await reports(store, zone=zone).render(first, last, form)
        assert str(codes[0]).encode() in made.body


async def test_the_table_for_spreadsheets_has_the_rows_of_the_other_and_no_formula(store: Store) -> None:
    await store.append([seen(datetime(2026, 2, 2, tzinfo=UTC))])
    made = reports(store, publisher="NCSA, Illinois")
    tsv, found = await made.render(form="tsv"), await made.render(form="csv")
    rows = [line.split("\t") for line in tsv.body.decode().splitlines()]
    assert (tsv.media_type, tsv.filename) == ("text/tab-separated-values", "dsr-2026-02.tsv")
    assert (found.media_type, found.filename) == ("text/csv", "dsr-2026-02.csv")
    read = list(csv.reader(found.body.decode().splitlines()))
    assert read[:10] == rows[:10] and read[10] == []
    assert (rows[12][:2], read[12][:2]) == (["=Soil, 2021", "NCSA, Illinois"], ["'=Soil, 2021", "NCSA, Illinois"])
    assert [row[2:] for row in read[12:]] == [row[2:] for row in rows[12:]]


async def test_a_title_behind_a_blank_is_no_formula_either(store: Store) -> None:
    await store.append([seen(datetime(2026, 2, 2, tzinfo=UTC), resource_name="\t=cmd|' /C calc'!A0")])
    found = await reports(store).render(form="csv")
    read = list(csv.reader(found.body.decode().splitlines()))
    assert read[12][0] == "' =cmd|' /C calc'!A0"


async def test_rows_for_programs(store: Store) -> None:
    february = datetime(2026, 2, 2, 10, tzinfo=UTC)
    await store.append(
        [
            seen(datetime(2026, 1, 2, tzinfo=UTC), robot=True),
            seen(february),
            seen(february.replace(minute=5), "downloaded", device="tool"),
            seen(february.replace(minute=9), "downloaded", bytes=7, user=None),
        ]
    )
    made = await reports(store, volume=True, address="https://c.example.org").render("2026-01", "2026-02", "rows")
    found = json.loads(made.body)
    assert (found["report"], found["zone"], found["created"]) == ("counter", "UTC", "2026-03-05")
    assert (found["since"], found["until"]) == ("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z")
    metrics = ["investigations", "unique_investigations", "requests", "unique_requests"]
    columns = ["month", "dataset", "title", "access_method", *metrics, "volume", "unique_volume"]
    assert [column["name"] for column in found["columns"]] == columns
    assert found["rows"] == [
        ["2026-02", SOIL, "=Soil, 2021", "regular", 2, 2, 1, 1, 7, 7],
        ["2026-02", SOIL, "=Soil, 2021", "machine", 1, 1, 1, 1, 0, 0],
    ]
    assert found["footnotes"][0] == "3 of 4 views and downloads were counted, by months and hours of UTC."
    assert "Not counted: 1 of robots." in found["footnotes"]
    assert [note["code"] for note in found["exceptions"]] == [0, 0, 101, 103]


async def test_filters_say_what_is_shown(store: Store) -> None:
    await store.append([seen(datetime(2026, 2, 2, tzinfo=UTC), "downloaded")])
    report = await as_json(reports(store), metric_type="Total_Dataset_Requests", access_method="Regular")
    assert counts(report) == {"2026-02": {"total-requests": 1}}
    assert report["report-header"]["report-filters"] == [
        {"name": "metric-type", "value": "total-dataset-requests"},
        {"name": "access-method", "value": "regular"},
    ]
    report = await as_json(reports(store), yop="2021")
    assert exceptions(report) == [3030]
    known = CounterReports(store, Counter(), ABOUT, lambda: NOW)
    assert counts(await as_json(known, yop="2021"))
    with pytest.raises(InvalidQuestion, match="no metric type"):
        await known.render(metric_type="clicks")
    with pytest.raises(InvalidQuestion, match="no month"):
        await known.render("2026")


async def test_every_setting_reaches_the_report(store: Store) -> None:
    chosen = Counter(
        platform="Clowder NCSA",
        created_by="NCSA",
        publisher="University of Illinois",
        publisher_id="grid.35403.31",
        address="https://c.example.org",
        volume=True,
        help_url="https://c.example.org/help",
        zone="America/Chicago",
        sources=["a", "b"],
        views="server",
        downloads="tracker",
        visitor="cookie",
        session_slice="day",
        anonymous="separate",
        partial="first",
        internal_users=["x", "y", "z"],
        extractor_downloads="machine",
        extraction_s=60.0,
    )
    assert all(getattr(chosen, name) != getattr(Counter(), name) for name in chosen.__struct_fields__ if name not in
               ("views", "publisher_id_type"))  # fmt: skip
    await store.append(
        [
            seen(datetime(2026, 2, 1, 5, tzinfo=UTC), source="a"),  # of January there
            seen(datetime(2026, 2, 3, tzinfo=UTC), source="a"),
            seen(datetime(2026, 2, 3, tzinfo=UTC), source="c"),
            seen(datetime(2026, 2, 4, tzinfo=UTC), source="b", user="y"),
            seen(datetime(2026, 2, 5, tzinfo=UTC), source="b", user=None),
        ]
    )
    report = await as_json(CounterReports(store, chosen, now=lambda: NOW))
    header = report["report-header"]
    assert header["created-by"] == "NCSA"
    attributes = {pair["name"]: pair["value"] for pair in header["report-attributes"]}
    attributes.pop("counted-by"), attributes.pop("robots")
    assert attributes == {
        "time-zone": "America/Chicago",
        "status-codes": "200|304|206 of first parts",
        "double-click-seconds": "30",
        "session-slice": "day",
        "visitor-id": "cookie",
        "anonymous": "separate",
        "views-of": "server",
        "downloads-of": "tracker",
        "sources": "a|b",
        "internal-users": "3",
        "extractor-downloads": "machine",
        "extraction-seconds": "60",
    }
    (dataset,) = report["report-datasets"]
    assert (dataset["platform"], dataset["publisher"]) == ("Clowder NCSA", "University of Illinois")
    assert dataset["publisher-id"] == [{"type": "grid", "value": "grid.35403.31"}]
    assert dataset["uri"] == f"https://c.example.org/datasets/{SOIL}"
    assert counts(report) == {"2026-02": {"total-investigations": 2, "unique-investigations": 2}}
    assert {found["help-url"] for found in header["exceptions"]} == {"https://c.example.org/help"}


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"zone": "Mars/Olympus"}, "counter.zone is no time zone: write one as UTC or"),
        ({"platform": " "}, "counter.platform is empty: COUNTER's reports name the platform, as 'Clowder NCSA'."),
        (
            {"created_by": "NCSA!"},
            "counter.created_by, or counter.platform in its place, names who makes the reports: it must end",
        ),
        ({"address": "c.example.org"}, "counter.address must be an address, as https://clowder.example.org."),
        ({"help_url": "help"}, "counter.help_url must be an address"),
    ],
)
def test_a_wrong_setting_is_named(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as error:
        CounterReports(None, Counter(**chosen))
    assert str(error.value).startswith(said)
