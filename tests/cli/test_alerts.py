"""`alerts` and `incident`, as an operator uses them on a running sink, over a check that is down."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from tests.cli.conftest import PICKY
from tests.servers.hook import Hook
from tests.sink_process import SinkProcess

SETTINGS = """
[alerts]
notify = ["{hook}", "json://127.0.0.1:1/hush"]
group = 0.2
failures = 1
successes = 1
ignore = ["sink/disk"]
[checks.down]
kind = "tcp"
host = "127.0.0.1"
port = 1
every = 1
public = true
severity = "warning"
[checks.quiet]
kind = "tcp"
host = "127.0.0.1"
port = 1
every = 1
alert = false
[alerts.maintenance.weekly]
checks = ["another"]
cron = "0 3 * * SUN"
minutes = 30
"""


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory, hook: Hook) -> Iterator[SinkProcess]:
    folder = tmp_path_factory.mktemp("alerts")
    (folder / "eventsink.toml").write_text(SETTINGS.format(hook=hook.url))
    environment = {"EVENTSINK_CONFIG": str(folder / "eventsink.toml"), "EVENTSINK_WORKERS__PICKY__USE": str(PICKY)}
    made = SinkProcess(folder / "var", environment=environment)
    made.start()
    hook.wait_for(lambda: "firing" in hook.told("check/down"), "it is told that it is down")
    yield made
    made.close()


@pytest.fixture
def on_sink(run: Callable[..., Result], sink: SinkProcess, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("EVENTSINK_DATA", str(sink.data))
    monkeypatch.setenv("COLUMNS", "180")
    return run


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _states(on_sink: Callable[..., Result]) -> dict[str, str]:
    everything = json.loads(on_sink("alerts", "list", "--all", "--format", "json").stdout)
    return {one["name"]: one["state"] for one in everything["alerts"]}


def test_what_is_down_is_listed_with_its_cause_and_who_was_told(on_sink: Callable[..., Result]) -> None:
    _until(lambda: _states(on_sink).get("check/quiet") == "ok")
    shown = on_sink("alerts", "list").stdout
    assert "down" in shown and "firing" in shown and "127.0.0.1 port 1: nothing listens there." in shown
    assert "quiet" not in shown and "weekly" in shown
    everything = json.loads(on_sink("alerts", "list", "--all", "--format", "json").stdout)
    assert _states(on_sink)["check/down"] == "firing"
    (alert,) = (one for one in everything["alerts"] if one["name"] == "check/down")
    assert alert["told"] and alert["severity"] == "warning" and len(alert["regions"]) == 1
    assert "see `eventsink alerts list`" in on_sink("status").stdout


def test_what_could_not_be_sent_is_shown_without_the_address(on_sink: Callable[..., Result]) -> None:
    _until(lambda: "nothing listens" in on_sink("alerts", "list").stdout.partition("Not sent")[2])
    shown = on_sink("alerts", "list").stdout + on_sink("status").stdout
    assert "json-" in shown and "hush" not in shown


def test_a_test_says_of_each_channel_what_came_of_it(on_sink: Callable[..., Result], hook: Hook) -> None:
    answer = on_sink("alerts", "test")
    assert answer.exit_code == 1
    assert "(alerts.notify[0]): sent" in answer.stdout and "NOT sent" in answer.stdout and "hush" not in answer.stdout
    label = next(line.partition(" ")[0] for line in answer.stdout.splitlines() if line.endswith(": sent"))
    assert on_sink("alerts", "test", label).exit_code == 0
    assert [notice["kind"] for notice in hook.notices if notice["alert"] == "test"] == ["test", "test"]
    assert "There is no channel" in on_sink("alerts", "test", "nobody").stderr


def test_what_is_taken_in_hand_is_shown_so(on_sink: Callable[..., Result]) -> None:
    assert on_sink("alerts", "ack", "down", "--reason", "Alice looks").stdout.startswith(
        "check/down: no more reminders"
    )
    assert "acknowledged: Alice looks" in on_sink("alerts", "list").stdout
    answer = on_sink("alerts", "ack", "nothing-of-this-name")
    assert answer.exit_code == 1 and "No alert fires" in answer.stderr


def test_a_silence_is_made_shown_and_ended(on_sink: Callable[..., Result]) -> None:
    made = on_sink("alerts", "silence", "db-*", "--for", "2h", "--reason", "New disks")
    number = made.stdout.split()[1]
    assert f"`eventsink alerts lift {number}` ends it before" in made.stdout
    assert "New disks" in on_sink("alerts", "list").stdout
    assert on_sink("alerts", "lift", number).stdout == f"{number} has ended.\n"
    assert "New disks" not in on_sink("alerts", "list").stdout
    assert on_sink("alerts", "lift", number).exit_code == 1
    later = ("--from", "2030-01-01T02:00", "--maintenance", "--format", "json")
    kept = json.loads(on_sink("alerts", "silence", "down", "--for", "30m", *later).stdout)
    assert (kept["kind"], kept["begin"], kept["end"]) == ("maintenance", "2030-01-01T02:00:00Z", "2030-01-01T02:30:00Z")
    assert on_sink("alerts", "lift", kept["id"]).exit_code == 0


@pytest.mark.parametrize("length", ["2x", "0h", "-1h", "", "h"])
def test_a_length_that_is_none_is_refused_with_an_example(on_sink: Callable[..., Result], length: str) -> None:
    answer = on_sink("alerts", "silence", "x", f"--for={length}")
    assert answer.exit_code == 2 and "30m, 1h30m, 2h, 7d or 2w" in answer.stderr


def test_what_does_not_come_again_is_forgotten(on_sink: Callable[..., Result]) -> None:
    answer = on_sink("alerts", "forget", "nobody")
    assert answer.exit_code == 1 and "No check or monitor 'nobody' is known" in answer.stderr
    told: list[str] = []

    def forgotten() -> bool:  # once it was heard of, as it is every second
        told.append(on_sink("alerts", "forget", "check/quiet").stdout)
        return bool(told[-1])

    _until(forgotten)
    assert "check/quiet is forgotten (1 check)" in told[-1]


def test_an_incident_is_opened_written_on_and_closed(on_sink: Callable[..., Result]) -> None:
    made = on_sink("incident", "open", "Uploads are slow", "We look.", "--check", "down", "--format", "json")
    number = json.loads(made.stdout)["id"]
    assert on_sink("incident", "update", number, "A disk is full.").exit_code == 0
    assert "open" in on_sink("incident", "list").stdout
    assert on_sink("incident", "close", number, "Over.").exit_code == 0
    assert on_sink("incident", "close", number).exit_code == 1
    (found,) = map(json.loads, on_sink("incident", "list", "--format", "json").stdout.splitlines())
    assert [update["text"] for update in found["updates"]] == ["We look.", "A disk is full.", "Over."]
    assert found["closed"] and found["checks"] == ["down"]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("[alerts]\nnotify = ['slak://x']", "alerts.notify[0]"),
        ("[alerts]\ntitle = 'a $b'", "alerts.title"),
        ("[alerts.routes.night]\nnotify = ['console://']\nhours = '25:00-01:00'", "alerts.routes.night.hours"),
        ("[alerts.maintenance.x]\nchecks = ['*']\ncron = 'often'\nminutes = 5", "alerts.maintenance.x.cron"),
        (
            "[alerts.maintenance.x]\nchecks = ['*']\nbegin = '2026-12-01T02:00'",
            "give begin and end, or cron and minutes",
        ),
        ("[checks.x]\nkind = 'ping'\nhost = 'x'\nfailures = 0", "checks.x.failures"),
        ("[checks.x]\nkind = 'ping'\nhost = 'x'\ndepends = ['y']", "there is no section [checks.y]"),
        ("[alerts]\nfailurs = 3", "Did you mean 'failures'?"),
    ],
)
def test_a_setting_that_is_wrong_is_found_before_the_start(
    run: Callable[..., Result], section: str, expected: str
) -> None:
    Path("eventsink.toml").write_text(section)
    answer = run("config", "check")
    assert answer.exit_code == 1 and expected in answer.stderr, answer.stderr
