"""Every command but `send` on a real sink, as a person and a script use it."""

import contextlib
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest

from eventsink.cli import COMMANDS
from eventsink.cli.locate import running
from eventsink.client.sink import Sink
from tests import processes
from tests.cli.fake_sink import Answer, FakeSink
from tests.servers.process import eventually
from tests.sink_process import SinkProcess

# --- help, errors, finding the sink ----------------------------------------------------------------------------------


def test_help_names_every_command_and_needs_nothing_heavy():
    code = (
        "import sys\nfrom eventsink.cli import main\nsys.argv = ['eventsink', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    print(sorted({'rich', 'msgspec', 'http.client'} & set(sys.modules)))"
    )
    answer = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {name} " in answer.stdout for name in COMMANDS)
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("delay", [0.01, 0.03, 0.06, 0.1, 0.15, 0.25])
def test_ctrl_c_while_a_command_starts_ends_it_quietly(delay):
    code = "from eventsink.__main__ import main\nprint('here', flush=True)\nmain()"
    command = [sys.executable, "-c", code, "status", "--url", "http://127.0.0.1:1", "--key", "x"]
    with processes.running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    # 1: there is no sink at this address; -2: it came when Python was at its end, which ends quietly as well
    assert process.returncode in (130, 1, -signal.SIGINT)
    assert "Traceback" not in told and "Exception" not in told


@pytest.mark.parametrize("words", [["--help"], ["types"], ["types", "--format", "json"], ["asyncapi"], ["--version"]])
def test_an_output_that_takes_no_more_is_said_in_one_line(words):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "eventsink", *words]
        answer = processes.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1] == (
        "The output could not be written: No space left on device. Its end is missing."
    )
    assert "Traceback" not in answer.stderr


def leaves() -> list[tuple[str, ...]]:
    groups = {"dead": ("list", "show", "retry", "drop", "export"), "keys": ("create", "list", "revoke")}
    groups["config"], groups["workers"] = ("show", "check"), ("list", "forget")
    groups["alerts"] = ("list", "test", "ack", "silence", "lift", "forget", "retry", "drop")
    groups["grafana"] = ("export",)
    groups["incident"] = ("open", "update", "close", "list")
    groups["extractors"] = ("list", "jobs", "submit", "cancel", "resubmit", "unread", "watch")
    return [(name, leaf) if leaf else (name,) for name in COMMANDS for leaf in groups.get(name, ("",))]


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_every_command_explains_itself_and_takes_a_settings_file(run, words):
    answer = run(*words, "--help")
    assert answer.exit_code == 0
    assert "--config FILE" in answer.stdout
    assert answer.stdout.splitlines()[2].strip()


def test_the_version_is_told(run):
    assert run("--version").stdout.startswith("eventsink 0.")


@pytest.mark.parametrize(
    "words",
    [
        ("evnts",),
        ("events", "--limit", "-1"),
        ("events", "--since", "soon"),
        ("status", "--format", "xml"),
        ("dead", "retry"),
        ("dead", "retry", "3", "--all"),
        ("keys", "create"),
        ("replay",),
        ("up", "--port", "70000"),
        ("try", "echo", "--options", "path"),
        ("try", "echo", "--options", "path=[1"),
    ],
)
def test_a_wrong_command_line_ends_with_2(run, words):
    answer = run(*words)
    assert answer.exit_code == 2
    assert "Error: " in answer.stderr
    assert "Traceback" not in answer.output


def test_an_expected_error_is_one_line_and_ends_with_1(run):
    answer = run("status", "--url", "http://127.0.0.1:9")
    assert answer.exit_code == 1
    assert answer.stderr == (
        "No event sink answers at http://127.0.0.1:9: start one with `eventsink up`, or name another with --url.\n"
    )


@pytest.mark.parametrize("command", [("status",), ("config", "check"), ("keys", "list"), ("doctor",), ("try", "echo")])
def test_a_settings_file_that_is_named_must_be_there(run, command):
    answer = run(*command, "--config", "absent.toml")
    assert (answer.exit_code, answer.stderr) == (1, "There is no settings file absent.toml.\n")


def test_a_sink_is_found_by_its_data_directory_or_by_address_and_key(run, town, monkeypatch):
    assert run("status", "--data", town.data).exit_code == 0
    Path("eventsink.toml").write_text(f"data = {json.dumps(str(town.data))}\n")
    assert run("status").exit_code == 0
    assert run("status", "--config", "eventsink.toml").exit_code == 0
    Path("eventsink.toml").unlink()
    assert run("status", "--url", town.url, "--key", town.key).exit_code == 0
    monkeypatch.setenv("EVENTSINK_URL", town.url)
    assert "Give it with --key" in run("status").stderr
    monkeypatch.setenv("EVENTSINK_KEY", town.key)
    assert run("status").exit_code == 0


@pytest.mark.parametrize("status", [200, 401])
def test_the_key_of_the_local_sink_is_for_no_other(on_town, status):
    with FakeSink(lambda _: (status, {}, {"types": []})) as fake:
        on_town("types", "--url", fake.url)
    assert not any("x-api-key" in headers for headers in fake.headers)


def test_a_sink_that_was_started_again_is_known_by_its_new_key(run, tmp_path):
    local = tmp_path / "var" / "running.json"
    local.parent.mkdir()

    def answer(_: object) -> Answer:
        if "x-api-key" not in fake.headers[-1]:
            local.write_text(json.dumps({"url": fake.url, "key": "new"}))
            return 401, {}, {"detail": "A key is needed."}
        return 200, {}, {"types": []}

    with FakeSink(answer) as fake:
        Path("eventsink.toml").write_text(f"[collect]\nport = {fake.url.rpartition(':')[2]}\n")
        assert "catalogue has no type" in run("types", "users").stderr
    assert [headers.get("x-api-key") for headers in fake.headers] == [None, "new"]


# --- events, tail, types ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def visits(town):
    """Seven events of one user that are stored."""
    events = [
        {"type": "demo.visit", "user": "visitor", "time": f"2005-03-0{day}T10:00:00Z", "data": {"day": day}}
        for day in range(1, 8)
    ]
    assert town.post(events)[0] == 202
    town.settle()
    deadline = time.monotonic() + 30
    while len(town.request("GET", "/v1/events?user=visitor")[1]["events"]) < len(events):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def days(answer) -> list[int]:
    assert answer.exit_code == 0, answer.output
    return [json.loads(line)["data"]["day"] for line in answer.stdout.splitlines()]


def test_events_are_listed_with_the_newest_last(on_town, visits):
    answer = on_town("events", "--user", "visitor", "--limit", 3)
    assert answer.stdout.splitlines()[0].split() == ["Time", "(UTC)", "Type", "User", "Data"]
    assert [line.split()[0] for line in answer.stdout.splitlines()[1:]] == ["2005-03-05", "2005-03-06", "2005-03-07"]


def test_events_as_json_are_one_a_line(on_town, visits, monkeypatch):
    assert days(on_town("events", "--user", "visitor", "--format", "json")) == [1, 2, 3, 4, 5, 6, 7]
    assert days(on_town("events", "--user", "visitor", "--format", "json", "--limit", 2)) == [6, 7]
    between = ("--since", "2005-03-03", "--until", "2005-03-05")
    assert days(on_town("events", "--type", "demo.visit", *between, "--format", "json")) == [3, 4]
    monkeypatch.setattr("eventsink.cli.events.PAGE", 3)
    assert days(on_town("events", "--user", "visitor", "--format", "json", "--limit", 0)) == [1, 2, 3, 4, 5, 6, 7]
    assert days(on_town("events", "--user", "visitor", "--format", "json", "--limit", 5)) == [3, 4, 5, 6, 7]


def test_no_events_are_said_to_be_none(on_town):
    answer = on_town("events", "--user", "nobody")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "No event is stored that fits.\n")


def test_tail_shows_what_comes_and_ends_with_ctrl_c(town):
    command = [sys.executable, "-m", "eventsink", "tail", "--type", "demo.tail", "--format", "json"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with processes.running(
        [*command, "--data", str(town.data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=buffered
    ) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert "Following" in tail.stderr.readline()
        for number in range(3):
            town.post({"type": "demo.tail", "data": {"number": number}})
            town.post({"type": "demo.other"})
            assert json.loads(tail.stdout.readline())["data"] == {"number": number}
        tail.send_signal(signal.SIGINT)
        assert tail.wait(60) == 0
        assert tail.stderr.read() == ""


def test_watching_the_status_hands_each_look_on_at_once(town):
    command = [sys.executable, "-m", "eventsink", "status", "--watch", "--format", "json", "--data", str(town.data)]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with processes.running(command, stdout=subprocess.PIPE, text=True, env=buffered) as watch:
        assert watch.stdout is not None
        timer = threading.Timer(60, watch.kill)  # a line that never comes ends the test
        timer.start()
        assert [set(json.loads(watch.stdout.readline())) >= {"workers", "spool"} for _ in range(2)] == [True, True]
        timer.cancel()
        watch.send_signal(signal.SIGINT)
        assert watch.wait(60) == 0


def test_watching_the_status_as_a_table_prints_one_after_the_other_into_a_pipe(town):
    command = [sys.executable, "-m", "eventsink", "status", "--watch", "--data", str(town.data)]
    with processes.running(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        seen = 0
        while seen < 3:
            seen += watch.stdout.readline().startswith("Worker ")
        watch.send_signal(signal.SIGINT)
        assert watch.wait(60) == 0


def test_types_are_those_of_the_catalogue(on_town):
    answer = on_town("types")
    assert "storage.file_uploaded" in answer.stdout
    assert answer.stderr == ""
    types = [json.loads(line)["type"] for line in on_town("types", "--format", "json").stdout.splitlines()]
    assert types[0] == "storage.file_uploaded"
    users = on_town("types", "users", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["type"] for line in users] == ["users.signup", "users.login"]


@pytest.mark.parametrize("name", ["storage.resource_created", "resource_created"])
def test_one_type_is_shown_with_its_fields(on_town, name):
    answer = on_town("types", name)
    assert answer.stdout.startswith("storage.resource_created: A dataset, collection, space or folder was created.")
    assert "collection, dataset, folder, space (required)" in answer.stdout


def test_an_unknown_type_gets_the_nearest(on_town):
    answer = on_town("types", "storage.file_uplaoded")
    assert answer.exit_code == 1
    assert "Did you mean 'storage.file_uploaded'?" in answer.stderr


def test_types_need_no_sink(run):
    answer = run("types", "users.login", "--url", "http://127.0.0.1:9")
    assert answer.exit_code == 0
    assert "this installation" in answer.stderr


# --- status, dead letters, replay ------------------------------------------------------------------------------------


def test_status_for_programs_has_the_account_of_every_worker(on_town):
    status = json.loads(on_town("status", "--format", "json").stdout)
    assert {"accepted", "delivered", "waiting", "dead", "lag_seconds"} <= status["workers"]["store"].keys()
    assert status["spool"] == {"events": 0, "bytes": 0}


def test_status_for_people_is_a_table(on_town):
    lines = on_town("status").stdout.splitlines()
    assert lines[0].split() == ["Worker", "Accepted", "Delivered", "Waiting", "Dead", "Missing", "Lag", "State"]
    assert any(line.startswith("store ") for line in lines)
    assert any(line.startswith("Spool ") for line in lines)


def letters(town, on_town, kind: str, count: int) -> list[int]:
    """Make so many dead letters of a kind; gives their numbers."""
    before = {letter["id"] for letter in listed(on_town)}
    town.post([{"type": kind, "data": {"number": number}} for number in range(count)])
    deadline = time.monotonic() + 30
    while len(fresh := [letter["id"] for letter in listed(on_town) if letter["id"] not in before]) < count:
        assert time.monotonic() < deadline, town.log.read_text()[-2000:]
        time.sleep(0.05)
    return fresh


def listed(on_town) -> list[dict]:
    answer = on_town("dead", "list", "--limit", 0, "--format", "json")
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_dead_letters_are_listed_shown_exported_retried_and_dropped(town, on_town, monkeypatch):
    numbers = letters(town, on_town, "demo.refused", 4)
    table = on_town("dead", "list", "--worker", "picky")
    assert "Events of this kind are not wanted." in table.stdout
    assert "There are more than 2" in on_town("dead", "list", "--limit", 2).stderr

    shown = on_town("dead", "show", numbers[0])
    assert "demo.refused" in shown.stdout
    assert json.loads(on_town("dead", "show", numbers[0], "--format", "json").stdout)["id"] == numbers[0]

    assert "picky could not deliver" in on_town("status").stdout
    monkeypatch.setattr("eventsink.cli.dead.PAGE", 3)
    exported = [json.loads(line) for line in on_town("dead", "export", "--worker", "picky").stdout.splitlines()]
    assert set(numbers) <= {letter["id"] for letter in exported}
    assert {letter["body"]["type"] for letter in exported} >= {"demo.refused"}

    assert on_town("dead", "retry", *numbers[:2]).stdout.startswith("2 dead letters to be delivered again")
    town.settle()  # they are refused again: what comes after the last command here is taken for that of another test
    assert on_town("dead", "retry", 999_999_999).exit_code == 1

    kept = on_town("dead", "drop", numbers[2], input="n\n")
    assert (kept.exit_code, numbers[2] in {letter["id"] for letter in listed(on_town)}) == (1, True)
    assert "1 dead letter thrown away." in on_town("dead", "drop", numbers[2], "--yes").stdout
    assert "thrown away" in on_town("dead", "drop", "--worker", "picky", input="y\n").stdout


def test_a_bug_is_shown_with_its_traceback(town, on_town):
    (number,) = letters(town, on_town, "demo.bug", 1)
    shown = on_town("dead", "show", number).stdout
    assert "KeyError: 'colour'" in shown
    assert "picky_worker.py" in shown
    assert on_town("dead", "drop", number, "--yes").exit_code == 0


def test_replay_says_how_many_and_puts_them_back(town, on_town, visits):
    between = ("--since", "2005-03-01", "--until", "2005-03-05")
    dry = json.loads(on_town("replay", "--to", "picky", *between, "--dry-run", "--format", "json").stdout)
    assert dry == {"to": "picky", "replayed": 0, "total": 4, "dry_run": True}
    before = town.accounts()["picky"]["accepted"]
    answer = on_town("replay", "--to", "picky", *between)
    assert answer.stdout.startswith("4 events wait for picky again")
    assert town.accounts()["picky"]["accepted"] == before + 4


def test_replay_goes_through_all_pages(on_town, town, visits, monkeypatch):
    monkeypatch.setattr("eventsink.cli.replay.PAGE", 2)
    answer = on_town("replay", "--to", "store", "--since", "2005-03-01", "--until", "2005-03-06", "--format", "json")
    assert json.loads(answer.stdout)["replayed"] == 5


def test_a_replay_that_breaks_off_says_how_many_will_be_delivered(run):
    def answer(_: object) -> Answer:
        if len(fake.paths) == 1:
            return 200, {}, {"replayed": 10_000, "next": 10_000, "total": 30_000}
        return 503, {}, {"detail": "The store is being closed."}

    with FakeSink(answer) as fake:
        said = run("replay", "--to", "chat", "--url", fake.url, "--key", "k")
    assert said.exit_code == 1
    assert said.stderr.startswith("Broken off after 10,000 of 30,000 events, which will be delivered.")


def test_replay_to_nobody_is_refused(on_town):
    answer = on_town("replay", "--to", "nobody")
    assert (answer.exit_code, answer.stderr) == (
        1,
        "There is no worker 'nobody': `eventsink workers list` shows all.\n",
    )


# --- keys, config, doctor --------------------------------------------------------------------------------------------


def test_keys_are_made_listed_used_and_revoked(on_town, town):
    made = json.loads(on_town("keys", "create", "--scope", "read,ingest", "--name", "grafana", "--format=json").stdout)
    assert made.keys() == {"id", "key", "scopes"}
    assert made["scopes"] == ["read", "ingest"]
    assert "grafana" in on_town("keys", "list").stdout
    assert made["key"] not in on_town("keys", "list", "--format", "json").stdout
    deadline = time.monotonic() + 30  # a running sink looks for new keys every second
    while town.request("GET", "/v1/status", key=made["key"])[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert on_town("keys", "revoke", made["id"]).stdout == f"Key {made['id']} is revoked.\n"
    assert on_town("keys", "revoke", made["id"]).exit_code == 1


def test_keys_need_no_running_sink(run):
    answer = run("keys", "create", "--data", "fresh", "--scope", "ingest", "--days", "30", "--rate", "10")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("clw_")
    assert answer.stdout.count("\n") == 1
    assert Path("fresh/keys.db").stat().st_mode & 0o077 == 0


def test_an_unknown_scope_is_refused(run):
    answer = run("keys", "create", "--scope", "root")
    assert (answer.exit_code, "known are ingest, read, admin" in answer.stderr) == (1, True)


def test_settings_are_shown_as_toml_without_secrets(run):
    Path("eventsink.toml").write_text(
        '[collect]\nport = 1234\n[workers.amplitude]\napi_key = "secret"\n"odd name" = [1]\n'
    )
    shown = run("config", "show").stdout
    settings = tomllib.loads(shown)
    assert "secret" not in shown
    assert settings["collect"]["port"] == 1234
    assert settings["workers"]["amplitude"]["odd name"] == [1]
    assert json.loads(run("config", "show", "--format", "json").stdout) == settings


def test_of_who_is_told_of_alerts_no_more_than_the_scheme_is_shown(run):
    Path("eventsink.toml").write_text(
        '[alerts]\nnotify = ["slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/"]\n'
        '[alerts.routes.night]\nnotify = ["mailto://me:hush@example.org", "hushhush"]\n'
    )
    shown = run("config", "show").stdout
    assert "A1BRTD4JD" not in shown and "hush@" not in shown and "example.org" not in shown
    assert tomllib.loads(shown)["alerts"]["notify"] == ["slack://…"]
    assert tomllib.loads(shown)["alerts"]["routes"]["night"]["notify"][0] == "mailto://…"


def test_settings_are_checked_down_to_the_options_of_workers(run):
    assert run("config", "check").stdout.startswith("The settings are well.")
    Path("eventsink.toml").write_text("[workers.echo]\npaht = 1\n")
    answer = run("config", "check")
    assert (answer.exit_code, "There is no setting 'paht' in workers.echo. Did you mean 'path'?" in answer.stderr) == (
        1,
        True,
    )
    Path("eventsink.toml").write_text("[collect]\nprot = 1\n")
    assert "Did you mean 'port'?" in run("config", "check").stderr
    Path("eventsink.toml").write_text("[counter]\nzone = 'Mars/Olympus'\n")
    assert "counter.zone is no time zone" in run("config", "check").stderr


def findings(answer) -> dict[str, dict]:
    return {finding["check"]: finding for finding in map(json.loads, answer.stdout.splitlines())}


def test_the_doctor_finds_a_running_sink_well(on_town, town, make_sink):
    sink = make_sink().start()
    answer = on_town("doctor", "--data", sink.data, "--format", "json")
    assert answer.exit_code == 0, answer.stdout
    found = findings(answer)
    assert {"data directory", "exchange", "keys", "store", "running sink", "ready for events", "status"} <= found.keys()
    assert "What to do" in on_town("doctor", "--data", sink.data).stdout


def test_the_doctor_says_what_to_do(run):
    Path("var").mkdir()
    Path("var/exchange.db").write_bytes(b"no database" * 100)
    Path("var/keys.db").touch(mode=0o644)
    Path("eventsink.toml").write_text("[collect]\nport = 9\n[workers.nonsense]\n")
    answer = run("doctor", "--format", "json")
    found = findings(answer)
    assert answer.exit_code == 1
    assert {name for name, finding in found.items() if not finding["ok"]} == {
        "exchange",
        "secrecy of keys",
        "secrecy of data",
        "worker nonsense",
        "running sink",
    }
    assert found["secrecy of keys"]["remedy"].startswith("chmod 600")
    assert all(finding["remedy"] for finding in found.values() if not finding["ok"])


# --- up --------------------------------------------------------------------------------------------------------------


def up(
    tmp_path: Path, *words: str, stdout: int = subprocess.PIPE
) -> contextlib.AbstractContextManager[processes.Popen]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENTSINK_")}
    command = [sys.executable, "-m", "eventsink", "up", "--data", str(tmp_path / "var"), *words]
    return processes.running(command, stdout=stdout, stderr=subprocess.PIPE, env=environment, text=True)


def test_up_says_what_is_wrong_and_starts_nothing(tmp_path, town):
    port = town.url.rpartition(":")[2]
    with up(tmp_path, "--port", port) as sink:
        _, errors = sink.communicate(timeout=30)
    assert sink.returncode == 1
    assert errors.startswith(f"Cannot listen on 127.0.0.1:{port}")
    assert errors.count("\n") == 1


def told_at_a_terminal(tmp_path: Path, *words: str) -> str:
    """What `up` says there at its start, up to its end or to the command that sends an event."""
    try:
        ours, theirs = pty.openpty()
    except OSError:  # a root directory without /dev/pts
        pytest.skip("there are no pseudo-terminals here: mount devpts")
    with up(tmp_path, *words, stdout=theirs) as sink:
        os.close(theirs)
        late = threading.Timer(30, sink.kill)
        late.start()
        told = b""
        with contextlib.suppress(OSError):  # the terminal of a process that has ended
            while b"\n  curl " not in told and (more := os.read(ours, 10_000)):
                told += more.replace(b"\r", b"")
        sink.terminate()
        sink.communicate(timeout=30)
        late.cancel()
    os.close(ours)
    return told.decode()


def test_a_start_that_fails_makes_no_keys_and_the_next_at_a_terminal_shows_them(tmp_path, town, run):
    assert told_at_a_terminal(tmp_path, "--port", town.url.rpartition(":")[2]) == ""
    told = told_at_a_terminal(tmp_path, "--port", "0")
    assert "  admin key   clw_" in told and "  ingest key  clw_" in told and "/#key=clw_" in told
    again = told_at_a_terminal(tmp_path, "--port", "0")
    assert f"keys create --scope ingest --data {tmp_path / 'var'}\n" in again, "it says how to make others"
    assert "key   clw_" not in again
    listed = run("keys", "list", "--data", str(tmp_path / "var"), "--format", "json").stdout.splitlines()
    assert [json.loads(key)["name"] for key in listed] == ["first admin key", "first ingest key"]


def test_a_start_while_the_keys_are_busy_goes_well_and_refuses_nobody_for_good(tmp_path, run):
    data = tmp_path / "var"
    key = run("keys", "create", "--data", str(data), "--scope", "ingest").stdout.strip()
    event = {"type": "demo.busy", "data": {}}
    with contextlib.closing(sqlite3.connect(data / "keys.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        sink = SinkProcess(data).start()
        try:
            assert sink.post(event, key=key)[0] == 503
            other.execute("ROLLBACK")
            assert sink.post(event, key=key)[0] == 202
        finally:
            sink.close()


def test_a_file_that_the_output_was_sent_to_gets_the_keys(tmp_path):
    log = tmp_path / "up.log"
    with log.open("w") as file, up(tmp_path, "--port", "0", stdout=file.fileno()) as sink:
        deadline = time.monotonic() + 30
        while "\n  curl " not in log.read_text():
            assert time.monotonic() < deadline and sink.poll() is None
            time.sleep(0.05)
        sink.terminate()
        sink.communicate(timeout=30)
    assert "  ingest key  clw_" in log.read_text()


def test_a_log_gets_no_key_and_says_how_to_make_one(tmp_path, run):
    with up(tmp_path, "--port", "0") as sink:
        assert sink.stdout is not None
        late = threading.Timer(30, sink.kill)
        late.start()
        told = ""
        while "\n  curl " not in told:
            told += sink.stdout.readline() or pytest.fail(told)
        late.cancel()
        sink.terminate()
        sink.communicate(timeout=30)
    assert "clw_" not in told
    assert "  ingest key  " in told and f" keys create --scope ingest --data {tmp_path / 'var'}\n" in told
    assert run("keys", "list", "--data", str(tmp_path / "var"), "--format", "json").stdout == "", "none was made"


def test_up_plays_a_month_when_asked(tmp_path):
    with up(tmp_path, "--demo", "--port", "0") as process:
        try:
            eventually(
                lambda: running(tmp_path / "var") is not None, "it runs", dead=lambda: process.poll() is not None
            )
            local = running(tmp_path / "var")
            assert local is not None
            with Sink(local.url, local.key) as sink:
                eventually(
                    lambda: sink.get("/v1/status")["workers"]["store"]["accepted"] >= 5_000, "much of a month is there"
                )
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert process.returncode == 0
