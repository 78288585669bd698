"""`eventsink nginx`: what logs say, on the screen and for programs."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import Result

from tests import processes
from tests.sink_process import SinkProcess
from tests.watch.nginx.lines import combined

START = 1_800_000_000  # 2027-01-15T08:00:00Z
ID = "64b000000000000000000001"
Run = Callable[..., Result]


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    """A log and two rotated ones, which the shell lists in the wrong order."""
    now, before, first = (tmp_path / name for name in ("access.log", "access.log.1", "access.log.2.gz"))
    first.write_bytes(gzip.compress(b"".join(combined(START + n, address="203.0.113.9") for n in range(100))))
    before.write_bytes(b"".join(combined(START + 3600 + n, address="203.0.113.8", user="mallory") for n in range(50)))
    now.write_bytes(b"".join(combined(START + 7200 + n, status=404) for n in range(10)))
    return [now, before, first]


@pytest.fixture
def one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read twice is read on the same day."""
    monkeypatch.setattr("eventsink.watch.nginx.people.datetime", Mock(now=Mock(return_value=datetime.now(UTC))))


def test_a_table_of_intervals(run: Run, logs: list[Path]) -> None:
    result = run("nginx", *logs)
    lines = result.stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:4]] == [
        ["2027-01-15", "08:00:00", "100"],
        ["2027-01-15", "09:00:00", "50"],
        ["2027-01-15", "10:00:00", "10"],
    ]
    assert lines[4].split()[:4] == ["Total", "160", "0", "3"]
    assert result.exit_code == 0
    assert not any(secret in result.output for secret in ("203.0.113", "mallory"))


def test_json_and_csv(run: Run, logs: list[Path]) -> None:
    *rows, total = map(json.loads, run("nginx", *logs, "--format", "json", "--every", "1d").stdout.splitlines())
    assert [row["requests"] for row in rows] == [160]
    assert (rows[0]["time"], rows[0]["interval_s"]) == ("2027-01-15T00:00:00Z", 86400)
    assert total["total"]["clients"] == 3
    head, *table = run("nginx", *logs, "--format", "csv", "--every", "60").stdout.splitlines()
    assert head.startswith("time,interval_s,requests,robots,clients,connections,bytes")
    assert [line.split(",")[2] for line in table] == ["60", "40", "50", "10"]


def test_since_and_until(run: Run, logs: list[Path]) -> None:
    out = run("nginx", *logs, "--since", "2027-01-15T08:00:30Z", "--until", "2027-01-15T09:00:10Z", "--format", "json")
    assert json.loads(out.stdout.splitlines()[-1])["total"]["requests"] == 80


def test_standard_input_and_a_file_under_two_names(run: Run, logs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "again").hardlink_to(logs[1])
    assert run("nginx", logs[1], tmp_path / "again").stdout.splitlines()[-1].split()[1] == "50"

    command = [sys.executable, "-m", "eventsink", "nginx", "-"]
    done = processes.run(command, input=logs[0].read_bytes(), stdout=subprocess.PIPE, check=True)
    assert done.stdout.splitlines()[-1].split()[1] == b"10"


def test_lines_that_do_not_fit_are_told(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "l"
    log.write_bytes(combined() + b"203.0.113.7 mallory \x1b[2J\n" + combined())
    result = run("nginx", log)
    assert result.exit_code == 0
    assert "1 lines do not fit the format (combined); the first, in" in result.stderr
    assert "after 1 others: 999.9.999.9 xxxxxxx �[9x" in result.stderr
    log.write_bytes(b"junk\n" * 3)
    result = run("nginx", log)
    assert result.exit_code == 1
    assert "No line could be read." in result.stderr
    log.write_bytes(b"")
    assert run("nginx", log).exit_code == 1


def test_a_format_of_ones_own(run: Run, tmp_path: Path) -> None:
    log, conf = tmp_path / "l", tmp_path / "nginx.conf"
    log.write_text("1800000000.250 200 0.125\n1800000001.250 503 0.250\n")
    conf.write_text("log_format mine '$msec $status '\n '$request_time';")
    for options in (
        ["--log-format", "$msec $status $request_time"],
        ["--conf", conf],
        ["--conf", conf, "--format-name", "mine"],
    ):
        total = json.loads(run("nginx", log, *options, "--format", "json").stdout.splitlines()[-1])["total"]
        assert (total["requests"], total["status_5xx"], total["p99_ms"]) == (2, 1, 250)
    assert run("nginx", log, "--log-format", "none").exit_code == 2
    assert run("nginx", log, "--log-format", "main", "--conf", conf).exit_code == 2
    assert run("nginx", log, "--every", "soon").exit_code == 2
    assert run("nginx", tmp_path / "none").exit_code == 1


@pytest.mark.usefixtures("one_day")
def test_events_are_for_send_and_nothing_else_is_printed(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "l"
    lines = [
        combined(START + n, request=f"GET /files/{ID}/blob HTTP/1.1", address=f"203.0.113.{n}", user="mallory")
        for n in range(20)
    ]
    log.write_bytes(b"".join(lines) + combined(request=f"GET /datasets/{ID} HTTP/1.1", agent="Googlebot/2.1"))
    result = run("nginx", log, "--events")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert len({event["id"] for event in events}) == 20
    assert "20 events of 21 lines. Left out: 1 of robots." in result.stderr
    assert not any(secret in result.output for secret in ("203.0.113", "mallory"))
    assert len({event["data"]["visitor"] for event in events}) == 20
    (tmp_path / "l.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    again = [json.loads(line) for line in run("nginx", tmp_path / "l.1.gz", "--events").stdout.splitlines()]
    assert [event["id"] for event in again] == [event["id"] for event in events]
    assert again != events, "without a data directory every run has a salt of its own"
    (tmp_path / "var").mkdir()
    first, second = (run("nginx", name, "--events").stdout for name in (log, tmp_path / "l.1.gz"))
    assert first == second, "in one it is kept for the day"
    *_, robot = run("nginx", log, "--events", "--robots", "--source", "x").stdout.splitlines()
    assert json.loads(robot)["data"]["robot"] is True


def test_events_of_a_log_are_stored_once(on_town: Run, town: SinkProcess, tmp_path: Path) -> None:
    log = tmp_path / "l"
    log.write_bytes(b"".join(combined(START - 10**8 + n // 3, request=f"GET /spaces/{ID} HTTP/1.1") for n in range(30)))
    for name in ("first", "second"):
        (tmp_path / name).write_text(on_town("nginx", log, "--events", "--source", "nginx-test").stdout)
        sent = on_town("send", tmp_path / name)
        assert sent.exit_code == 0, sent.output
    town.settle()
    _, found = town.request("GET", "/v1/events?type=traffic.resource_viewed&limit=1000")
    ours = [event for event in found["events"] if event["source"] == "nginx-test"]
    assert len(ours) == 30
    assert {event["subject"] for event in ours} == {f"spaces/{ID}"}


def test_the_events_of_a_log_are_usage_with_unique_counts(on_town: Run, town: SinkProcess, tmp_path: Path) -> None:
    log, dataset = tmp_path / "l", "64c00000000000000000abcd"
    page, content = f"GET /datasets/{dataset} HTTP/1.1", f"GET /datasets/{dataset}/download HTTP/1.1"
    lines = [  # two people, each of whom looks twice within 30 seconds, and downloads
        combined(START - 10**8 + second, request=request, address=f"203.0.113.{n}")
        for second, request in ((0, page), (20, page), (60, content))
        for n in (1, 2)
    ]
    log.write_bytes(b"".join(lines))
    for _ in range(2):
        (tmp_path / "events").write_text(on_town("nginx", log, "--events", "--source", "https://of.example.org").stdout)
        assert on_town("send", tmp_path / "events").exit_code == 0
    town.settle()
    _, report = town.request("GET", "/v1/reports/counter?since=2023-11&until=2023-11&format=rows")
    (row,) = [row for row in report["rows"] if row[1] == dataset]
    assert row[4:] == [4, 2, 2, 2]
