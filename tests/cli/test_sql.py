"""`eventsink sql` and `eventsink export` on a real sink."""

import csv
import errno
import io
import json
import socket
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from eventsink.cli import export as export_command
from tests.cli.fake_sink import FakeSink
from tests.sink_process import SinkProcess

MARK = "sql.tests"


@pytest.fixture(scope="module")
def stored(town: SinkProcess) -> SinkProcess:
    """The sink, with some events of two months."""
    events: list[dict[str, Any]] = [
        {"type": MARK, "time": "2026-03-05T10:00:00Z", "user": "alice", "data": {"n": 1, "text": "=1+1"}},
        {"type": MARK, "time": "2026-03-06T10:00:00Z", "data": {"n": 2, "text": "Zoë \x1b[31m"}},
        {"type": MARK, "time": "2026-04-01T00:00:00Z", "data": {"n": 3, "text": "x" * 20_000}},
    ]
    assert town.post(events)[0] == 202
    deadline = time.monotonic() + 30
    while town.accounts()["store"]["waiting"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return town


SELECT = (
    f"SELECT data->>'$.text' AS text, \"user\" FROM events WHERE type = '{MARK}' AND time < '2026-04-01' ORDER BY time"
)


# --- sql -------------------------------------------------------------------------------------------------------------


def test_a_table_is_for_people_and_commands_no_terminal(on_town, stored):
    answer = on_town("sql", SELECT)
    assert answer.exit_code == 0
    assert "=1+1" in answer.stdout and "alice" in answer.stdout and "2 rows." in answer.stdout
    assert "\x1b" not in answer.stdout


def test_csv_holds_no_formula(on_town, stored):
    answer = on_town("sql", SELECT, "--format", "csv")
    rows = list(csv.reader(io.StringIO(answer.stdout)))
    assert rows[0] == ["text", "user"]
    assert rows[1] == ["'=1+1", "alice"]
    names = on_town("sql", "SELECT -5 AS \"=a\", '@b', E'\\tc', '-d', 'a,\"b\"'", "--format", "csv")
    assert list(csv.reader(io.StringIO(names.stdout)))[1] == ["-5", "'@b", "'\tc", "'-d", 'a,"b"']
    assert names.stdout.startswith("'=a,")
    hidden = on_town("sql", "SELECT ' =1', '\u200b+1', '\uff1d1', ' text'", "--format", "csv")
    assert list(csv.reader(io.StringIO(hidden.stdout)))[1] == ["' =1", "'\u200b+1", "'\uff1d1", " text"], (
        "as of reports"
    )


def test_json_is_an_object_a_line(on_town, stored):
    answer = on_town("sql", SELECT, "--format", "json")
    assert [json.loads(line)["user"] for line in answer.stdout.splitlines()] == ["alice", None]
    twice = on_town("sql", "SELECT 1 AS a, 2 AS a", "--format", "json")
    assert (twice.exit_code, "name them with AS" in twice.stderr) == (1, True)


def test_standard_input_times_and_limits(on_town, stored):
    text = f"SELECT count(*) AS n FROM events WHERE type = '{MARK}'"
    answer = on_town("sql", "-", "--since", "2026-03-06", "--until", "2026-04-01", "--format", "json", input=text)
    assert answer.stdout == '{"n":1}\n'
    answer = on_town("sql", "FROM range(5)", "--limit", "2")
    assert "2 rows." in answer.stdout and "first 2 rows: there are more" in answer.stderr
    answer = on_town("sql", "FROM range(2000)")
    assert "1,000 rows." in answer.stdout and "--limit" in answer.stderr


def test_the_tables_are_told(on_town, stored):
    for words in (("sql",), ("sql", "--tables")):
        answer = on_town(*words)
        assert "events" in answer.stdout and "extensions" in answer.stdout
    lines = on_town("sql", "--tables", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["events", "facts"]
    assert len(json.loads(lines[0])["columns"]) == 12


def test_a_refusal_is_one_line(on_town, stored):
    answer = on_town("sql", "SELECT * FROM read_csv('/etc/passwd')")
    assert (answer.exit_code, answer.stderr) == (1, "The function 'read_csv' is not offered as a table.\n")


@pytest.mark.parametrize(
    "body", [b"{}", b'{"query":5}', b'{"query":"SELECT 1","limit":0}', b'{"query":"SELECT 1","x":1}']
)
def test_a_body_that_is_wrong_is_refused(stored, body):
    assert stored.request("POST", "/v1/sql", body)[0] == 400


# --- export ----------------------------------------------------------------------------------------------------------


def test_each_month_is_a_file_that_others_read(on_town, stored, tmp_path):
    out = tmp_path / "out"
    answer = on_town("export", "--out", out, "--type", MARK)
    assert answer.exit_code == 0, answer.output
    assert sorted(file.name for file in out.iterdir()) == ["events-2026-03.parquet", "events-2026-04.parquet"]
    rows = duckdb.connect().execute(f"SELECT data FROM '{out}/*.parquet' ORDER BY time").fetchall()
    assert [json.loads(data)["n"] for (data,) in rows] == [1, 2, 3]
    assert json.loads(rows[2][0])["text"] == "x" * 20_000
    assert "3 events in 2 files." in answer.stdout
    again = on_town("export", "--out", out, "--type", MARK, "--since", "2026-03-06", "--until", "2026-04-01")
    assert "1 event in 1 file." in again.stdout
    assert sorted(file.name for file in out.iterdir()) == ["events-2026-03.parquet", "events-2026-04.parquet"]


def test_lines_of_json_can_be_sent_again(on_town, stored, tmp_path):
    answer = on_town("export", "--out", tmp_path / "out", "--type", MARK, "--format", "ndjson")
    assert answer.exit_code == 0, answer.output
    lines = (tmp_path / "out" / "events-2026-03.ndjson").read_text().splitlines()
    assert [json.loads(line)["data"]["n"] for line in lines] == [1, 2]


def test_nothing_that_fits_is_no_file(on_town, stored, tmp_path):
    answer = on_town("export", "--out", tmp_path / "out", "--type", "no.such")
    assert (answer.exit_code, answer.stdout) == (0, "No event is stored that fits.\n")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_sentence(on_town, stored, tmp_path):
    (tmp_path / "file").write_text("")
    answer = on_town("export", "--out", tmp_path / "file")
    assert answer.exit_code == 1
    assert "cannot be written to" in answer.stderr and "Traceback" not in answer.output


def test_what_cannot_be_written_leaves_the_former_file(on_town, stored, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert on_town("export", "--out", out, "--type", MARK).exit_code == 0
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    class _Full:
        def __init__(self, name: str) -> None:
            self.name = name

        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    real = export_command._write
    monkeypatch.setattr(export_command, "_write", lambda file, content: real(_Full(file.name), content))
    answer = on_town("export", "--out", out, "--type", MARK)
    assert answer.exit_code == 1 and "No space left" in answer.stderr, answer.stderr
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_a_file_that_breaks_off_is_not_taken_for_whole(run, tmp_path):
    point = {"time": "2026-03-01T00:00:00Z", "type": "a.b", "count": 1}
    with FakeSink(lambda _: (200, {}, {"series": [point]})) as fake:
        answer = run("export", "--out", tmp_path / "out", "--url", fake.url, "--key", "x")
    assert answer.exit_code in (0, 1) and list((tmp_path / "out").iterdir()) == []


def test_a_reader_that_goes_away_is_no_fault_of_the_folder(run, tmp_path, monkeypatch):
    def gone(_: str) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(export_command, "say", gone)
    point = {"time": "2026-03-01T00:00:00Z", "type": "a.b", "count": 1}
    with FakeSink(lambda _: (200, {"x-events": "1"}, {"series": [point]})) as fake:
        answer = run("export", "--out", tmp_path / "out", "--url", fake.url, "--key", "x")
    assert (answer.exit_code, answer.stderr) == (1, "")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["events-2026-03.parquet"]


def test_who_goes_away_leaves_nothing_and_the_next_has_a_turn(stored, tmp_path):
    port = int(stored.url.rpartition(":")[2])
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as gone:
            gone.sendall(f"GET /v1/export HTTP/1.1\r\nHost: x\r\nX-API-Key: {stored.key}\r\n\r\n".encode())
    deadline = time.monotonic() + 30
    while stored.request("GET", "/v1/export")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    left = Path(stored.data) / "store" / "tmp"
    while list(left.glob("export-*")):  # the last answer is there before its folder is gone
        assert time.monotonic() < deadline
        time.sleep(0.05)
