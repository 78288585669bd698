"""`eventsink report` on a real sink, as a person and a script use it, and its schedule by a made-up clock."""

import csv
import io
import json
import os
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from eventsink.cli.report_files import Every, Schedule, write
from eventsink.client.sink import Unreachable
from eventsink.errors import EventSinkError
from tests.sink_process import SinkProcess

OCTOBER = "2026-10-05T10:00:00Z"


@pytest.fixture(scope="module", autouse=True)
def used(town: SinkProcess) -> None:
    """Somebody did something."""
    town.post(
        [
            {"type": "storage.file_uploaded", "time": OCTOBER, "user": "report-user", "id": "r1",
             "data": {"file_id": "r-file", "file_name": '=cmd(),\n"x"', "bytes": 1_834_211, "space_id": "r-space"}},
            {"type": "extractions.extraction_event", "time": OCTOBER, "user": "report-user", "id": "r2",
             "data": {"status": "done", "extractor": "ncsa.x", "job_id": "r-job", "run_ms": 8000}},
        ]
    )  # fmt: skip
    while town.accounts()["store"]["waiting"]:
        pass


def test_without_a_name_all_are_listed(on_town):
    answer = on_town("report")
    assert answer.exit_code == 0
    assert "usage" in answer.stdout and "month, space, dataset, user, institution" in answer.stdout
    assert {"name", "title", "about", "by", "columns", "filters"} == set(
        json.loads(on_town("report", "--format", "json").stdout)[0]
    )


def test_a_table_has_units_and_its_notes_are_beside_it(on_town):
    answer = on_town("report", "usage", "--since", "2026-10", "--until", "2026-10", "--filter", "space=r-space")
    assert answer.exit_code == 0, answer.output
    assert "1.83 MB" in answer.stdout
    assert "from 2026-10-01 00:00 to 2026-11-01 00:00 (UTC)" in answer.stdout
    assert answer.stderr.startswith("* ")


def test_csv_is_csv_alone(on_town):
    answer = on_town("report", "files", "--filter", "space=r-space", "--format", "csv")
    rows = list(csv.reader(io.StringIO(answer.stdout, newline="")))
    assert rows[1][1:3] == ["r-file", '\'=cmd(),\n"x"']
    assert "Events do not carry location" in answer.stderr


def test_json_and_a_page_are_what_the_sink_gives(on_town):
    found = json.loads(on_town("report", "extractors", "--since", "2026-10", "--format", "json").stdout)
    assert [row[7:10] for row in found["rows"] if row[7] == "r-job"] == [["r-job", "work", 1]]
    page = on_town("report", "usage", "--format", "html").stdout
    assert page.startswith("<!DOCTYPE html>") and "<script" not in page


def test_files_are_written_by_their_ending(on_town, tmp_path):
    for name in ("u.csv", "u.html", "u.json"):
        assert on_town("report", "usage", "--out", tmp_path / name).exit_code == 0
    assert (tmp_path / "u.csv").read_bytes().startswith(b"month,users,")
    assert json.loads((tmp_path / "u.json").read_bytes())["name"] == "usage"
    assert on_town("report", "storage", "--out", tmp_path, "--format", "csv").exit_code == 0
    assert (tmp_path / "storage.csv").exists()
    assert not list(tmp_path.glob(".*.new"))


def test_a_folder_gets_of_counter_what_datacite_takes(on_town, tmp_path):
    assert on_town("report", "counter", "--since", "2026-10", "--until", "2026-10", "--out", tmp_path).exit_code == 0
    (written,) = tmp_path.iterdir()
    assert written.suffix == ".json" and json.loads(written.read_bytes())["report-header"]["report-id"] == "dsr"


def test_uptime_is_a_report_like_others(on_town):
    answer = on_town("report", "uptime", "--period", "7d")
    assert answer.exit_code == 0, answer.output
    assert on_town("report", "uptime", "--format", "csv", "--by", "day").stdout.startswith(
        "check,begin,uptime_percent,"
    )
    found = json.loads(on_town("report", "uptime", "--format", "json").stdout)
    assert [column["name"] for column in found["columns"]][:2] == ["check", "target"]
    assert "incidents" in json.loads(on_town("uptime", "--format", "json").stdout)
    assert on_town("report", "uptime", "--since", "2099-01", "--until", "2099-02").exit_code == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("usag",), 1, "did you mean 'usage'"),
        (("usage", "--by", "mont"), 1, "did you mean 'month'"),
        (("usage", "--filter", "spce=x"), 1, "did you mean 'space'"),
        (("usage", "--filter", "space"), 2, "is no filter"),
        (("usage", "--filter", "zone=UTC"), 2, "an option of its own"),
        (("usage", "--since", "soon"), 2, "is no time"),
        (("usage", "--since", "2026-12", "--until", "2026-10"), 1, "before it begins"),
        (("usage", "--zone", "Mars"), 1, "zone"),
        (("usage", "--every", "month"), 2, "--out DIR"),
        (("usage", "--every", "month", "--out", "d", "--period", "7d"), 2, "chooses the period itself"),
        (("usage", "--out", "d.csv", "--format", "table"), 2, "for a terminal"),
        (("counter", "--format", "html"), 2, "COUNTER knows no page: give --format json"),
        (("counter", "--out", "d.html"), 2, "COUNTER knows no page: give --format json"),
        (("usage", "--format", "tsv"), 2, "Only counter is written as tsv"),
        (("../status",), 1, "There is nothing at this address"),
    ],
)
def test_what_is_wrong_is_said(on_town, words, code, said):
    answer = on_town("report", *words)
    assert (answer.exit_code, said in " ".join(answer.stderr.split())) == (code, True), answer.output


def test_a_disk_that_takes_nothing_is_a_sentence(on_town):
    answer = on_town("report", "usage", "--out", "/proc/nothing/u.csv")
    assert answer.exit_code == 1
    assert "cannot be written" in answer.stderr


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path):
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(pipe, "usage", "csv", b"month\n")
    reader.join(10)
    assert (pipe.is_fifo(), read) == (True, [b"month\n"]), "else root would put a file in the place of /dev/full"


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path: Path):
    link, kept = tmp_path / "latest.csv", tmp_path / "kept.csv"
    link.symlink_to(kept)
    for content in (b"new\n", b"newer\n"):
        write(link, "usage", "csv", content)
        assert (link.is_symlink(), kept.read_bytes(), len(list(tmp_path.iterdir()))) == (True, content, 2)


def test_what_killed_processes_have_left_does_not_pile_up(tmp_path: Path):
    left, other, lives = (tmp_path / f".{name}.new" for name in ("u.csv.1234", "another.csv.1234", "u.csv.5678"))
    for path in (left, other, lives):
        path.touch()
    for path in (left, other):
        os.utime(path, (time.time() - 4000, time.time() - 4000))
    write(tmp_path / "u.csv", "usage", "csv", b"month\n")
    assert [left.exists(), other.exists(), lives.exists()] == [False, True, True]


def test_the_answer_of_a_page_allows_nothing_else(town: SinkProcess):
    asked = urllib.request.Request(f"{town.url}/v1/reports/usage?format=html", headers={"X-API-Key": town.key})
    with urllib.request.urlopen(asked) as answer:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    asked.full_url = f"{town.url}/v1/reports/files?format=csv"
    with urllib.request.urlopen(asked) as answer:
        assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''files.csv"
        assert "Events do not carry location" in answer.headers["x-report-notes"]
    asked.full_url = f"{town.url}/v1/reports"
    asked.remove_header("X-api-key")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(asked)


# --- the schedule ----------------------------------------------------------------------------------------------------


class _Sink:
    """Gives reports of the last month that is over, unless it is away."""

    where = "here"

    def __init__(self, now: list[datetime]) -> None:
        self._now = now
        self.away = False
        self.asked: list[dict[str, Any]] = []

    def twin(self, _: float) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def fetch(self, _: str, **query: Any) -> tuple[bytes, dict[str, str]]:
        if self.away:
            raise Unreachable("No event sink answers.")
        self.asked.append(query)
        if query["format"] not in ("json", "rows"):
            return str(query["format"]).encode(), {}
        until = self._now[0].replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        since = (until - timedelta(days=1)).replace(day=1)
        return json.dumps({"since": since.isoformat(), "until": until.isoformat(), "zone": "UTC"}).encode(), {}


@pytest.fixture
def clock(tmp_path: Path) -> tuple[list[datetime], list[float], _Sink, Schedule]:
    """A clock that sleeping turns."""
    now, slept = [datetime(2026, 11, 29, 12, tzinfo=UTC)], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += timedelta(seconds=seconds)

    sink = _Sink(now)
    out: Any = sink
    given: dict[str, Any] = {"now": lambda: now[0], "sleep": sleep}
    return now, slept, sink, Schedule(out, "usage", {"by": "space"}, tmp_path / "out", Every.month, **given)


def test_the_last_month_is_written_at_once_and_each_when_it_is_over(clock, tmp_path):
    now, slept, sink, schedule = clock
    schedule.step()
    files = tmp_path / "out"
    assert sorted(path.name for path in files.iterdir()) == [
        f"usage-2026-10-by-space.{form}" for form in ("csv", "html", "json")
    ]
    assert sink.asked[1]["since"] == "2026-10-01T00:00:00+00:00" and sink.asked[1]["by"] == "space"
    asked = len(sink.asked)
    while now[0] < datetime(2026, 12, 1, 0, 9, tzinfo=UTC):
        schedule.step()
    assert len(sink.asked) == asked, "it is not asked before"
    assert max(slept) <= 3600
    schedule.step()
    schedule.step()
    assert (files / "usage-2026-11-by-space.csv").read_text() == "csv"


def test_what_is_there_is_not_written_again_and_what_is_missing_is(clock, tmp_path):
    _, _, _, schedule = clock
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "usage-2026-10-by-space.csv").write_text("mine")
    schedule.step()
    assert (tmp_path / "out" / "usage-2026-10-by-space.csv").read_text() == "mine"
    assert (tmp_path / "out" / "usage-2026-10-by-space.html").read_text() == "html"


def test_a_sink_that_is_away_is_asked_again_and_spoken_of_once(clock, tmp_path, capsys):
    now, slept, sink, schedule = clock
    sink.away = True
    for _ in range(3):
        schedule.step()
    assert slept == [60.0] * 3
    sink.away = False
    schedule.step()
    told = capsys.readouterr()
    assert told.err.count("No event sink answers.") == 1
    assert "It works again." in told.err
    assert (tmp_path / "out" / "usage-2026-10-by-space.csv").exists()
    assert now[0].month == 11


def test_a_report_without_a_period_has_no_schedule(clock, capsys):
    _, _, sink, schedule = clock
    sink.fetch = lambda *_, **__: (b"[]", {})
    schedule.step()
    assert "has no period of its own" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_does_not_end_the_schedule(clock, tmp_path, capsys):
    _, slept, _, schedule = clock
    (tmp_path / "out").write_text("a file")
    for _ in range(3):
        schedule.step()
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("cannot be written") == 1
    assert "Give a place in which a folder can be made, with --out. It is tried again every minute." in told
    assert slept == [60.0] * 3
    with pytest.raises(EventSinkError, match="cannot be written"):
        schedule._write()


def test_a_clock_before_that_of_the_sink_makes_no_haste(tmp_path: Path) -> None:
    sink, slept = _Sink([datetime(2026, 11, 29, 12, tzinfo=UTC)]), list[float]()
    ahead = datetime(2026, 12, 2, tzinfo=UTC)
    schedule = Schedule(sink, "usage", {}, tmp_path, Every.month, now=lambda: ahead, sleep=slept.append)
    for _ in range(3):
        schedule.step()
    assert slept == [60.0, 60.0, 60.0]


def test_two_schedules_of_one_folder_are_two(tmp_path: Path) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    for spaces in (["a"], ["b/../c"], ["b/.._c"], ["a", "b"], ["a-b"], ["s" * 60, "a"], ["s" * 60, "b"]):
        query = {"space": spaces, "by": None}
        Schedule(_Sink([now]), "usage", query, tmp_path, Every.month, now=lambda: now, sleep=lambda _: None).step()
    names = {path.name for path in tmp_path.glob("*.csv")}
    assert len(names) == 7
    assert {"usage-2026-10-space-a.csv", "usage-2026-10-space-a-b.csv"} < names


def test_a_clock_that_is_set_back_stops_no_schedule(clock, tmp_path):
    now, slept, _, schedule = clock
    right, now[0] = now[0], datetime(2030, 1, 5, tzinfo=UTC)  # as of a machine that has just begun
    schedule.step()
    now[0] = right
    schedule.step()
    assert (tmp_path / "out" / "usage-2026-10-by-space.csv").exists()
    schedule.step()
    assert slept == [3600.0], "and waits for the next"


def test_a_clock_far_behind_that_of_the_sink_makes_no_haste(tmp_path: Path) -> None:
    sink, slept = _Sink([datetime(2030, 1, 5, tzinfo=UTC)]), list[float]()
    behind = datetime(2026, 12, 2, tzinfo=UTC)
    out: Any = sink
    schedule = Schedule(out, "usage", {}, tmp_path, Every.month, now=lambda: behind, sleep=slept.append)
    for _ in range(3):
        schedule.step()
    assert slept == [60.0, 60.0, 60.0]
