"""What another user left where a command is run gets no key, and no code of theirs is run."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.fake_sink import Answer, FakeSink
from tests.users import MALLORY, belongs_to, needs_root

KEY = "clw_00000000_of-root"
WORKER = """
from dataclasses import dataclass
from pathlib import Path
from eventsink.deliver.worker import Worker

Path({marker!r}).touch()

@dataclass(frozen=True)
class Options:
    pass

class Trap(Worker[Options]):
    async def deliver(self, events):
        pass
"""


@pytest.fixture
def evil(tmp_path: Path, run: Any) -> Path:
    """The current folder, which belongs to somebody else."""
    return belongs_to(MALLORY, tmp_path, 0o755)


def found(path: str, text: str) -> Path:
    """A file of somebody else in the current folder."""
    file = Path(path)
    if not file.parent.exists():
        file.parent.mkdir()
        belongs_to(MALLORY, file.parent, 0o755)
    file.write_text(text)
    return belongs_to(MALLORY, file, 0o644)


def announced(url: str) -> None:
    """A sink of somebody else."""
    found("var/running.json", json.dumps({"url": url, "key": "theirs"}))


def answer(_: object) -> Answer:
    return 200, {}, {"types": [], "accepted": 1, "results": []}


# --- addresses -------------------------------------------------------------------------------------------------------


@needs_root
@pytest.mark.parametrize(
    "words", [("status",), ("types", "users"), ("send", "--type", "users.login"), ("dead", "list")]
)
def test_no_key_goes_to_an_address_that_another_user_left_here(run, evil, monkeypatch, words):
    monkeypatch.setenv("EVENTSINK_KEY", KEY)
    with FakeSink(answer) as fake:
        announced(fake.url)
        told = run(*words)
        assert told.exit_code == 1
        assert told.stderr == (
            f"var/running.json is not trusted: {evil}/var/running.json belongs to nobody."
            " If you trust it, name it with --data var.\n"
        )
        assert fake.headers == []
        run("types", "--data", "var")
        monkeypatch.setenv("EVENTSINK_DATA", "var")
        run("types")
        assert [headers["x-api-key"] for headers in fake.headers] == [KEY, KEY]


@needs_root
@pytest.mark.parametrize("key", [(), ("--key", KEY)])
def test_an_address_that_is_named_is_asked_without_a_look_at_what_lies_here(run, evil, key):
    with FakeSink(answer) as fake:
        announced(fake.url)
        run("types", "--url", fake.url, *key)
    assert [headers.get("x-api-key") for headers in fake.headers] == [KEY if key else None]


@needs_root
@pytest.mark.parametrize("command", [("status",), ("up",), ("config", "show"), ("doctor",), ("keys", "list")])
def test_settings_that_another_user_left_here_are_not_read(run, evil, command):
    found("eventsink.toml", "[collect]\nhost = '127.0.0.9'\n")
    told = run(*command)
    assert told.exit_code == 1
    assert told.stderr == (
        f"eventsink.toml is not trusted: {evil}/eventsink.toml belongs to nobody."
        " If you trust it, name it with --config eventsink.toml.\n"
    )
    assert "127.0.0.9" in run("config", "show", "--config", "eventsink.toml").stdout


@needs_root
def test_a_folder_of_another_user_without_anything_of_ours_is_as_good_as_any(run, evil, monkeypatch):
    monkeypatch.setenv("EVENTSINK_COLLECT__PORT", "9")
    told = run("status")
    assert told.exit_code == 1 and told.stderr.startswith("No event sink answers at http://127.0.0.1:9:")
    assert run("config", "check").exit_code == 0


# --- the data directory ----------------------------------------------------------------------------------------------


@needs_root
def test_up_puts_nothing_into_a_folder_of_another_user_that_nobody_named(run, evil):
    told = run("up", "--port", "0")
    assert told.exit_code == 1
    assert told.stderr.startswith(f"var is not trusted: {evil} belongs to nobody. If you trust it, name it with --data")
    assert list(evil.iterdir()) == []


@needs_root
@pytest.mark.parametrize("named", [(), ("--data", "var")])
def test_the_doctor_overwrites_nothing_behind_links_of_another_user(run, evil, tmp_path_factory, named):
    precious = tmp_path_factory.mktemp("root") / "precious"
    precious.write_text("precious")
    found("var/spool-1.db", "")
    Path("var/spool-1.lock").symlink_to(precious)
    told = run("doctor", *named, "--format", "json")
    assert precious.read_text() == "precious"
    assert told.exit_code == 1
    if not named:
        (first,) = map(json.loads, told.stdout.splitlines())  # nothing in it is looked at
        assert first["found"] == f"var is not looked at: {evil} belongs to nobody"
        assert first["remedy"] == "If you trust it, name it with --data var."


def test_the_doctor_names_what_others_can_read(run):
    Path("data").mkdir(0o755)
    Path("data/exchange.db").touch(0o644)
    told = run("doctor", "--data", "data", "--format", "json")
    (finding,) = [one for one in map(json.loads, told.stdout.splitlines()) if one["check"] == "secrecy of data"]
    data = Path("data").resolve()
    assert finding["found"] == f"others can get at 2: {data}, {data / 'exchange.db'}"
    assert finding["remedy"] == f"chmod 700 {data}, or give a directory with nothing else in it."
    assert not finding["ok"] and told.exit_code == 1


@needs_root
def test_the_doctor_names_also_what_it_may_not_mend(run):
    Path("data").mkdir()
    belongs_to(MALLORY, Path("data"), 0o755)
    told = run("doctor", "--data", "data", "--format", "json")
    (finding,) = [one for one in map(json.loads, told.stdout.splitlines()) if one["check"] == "secrecy of data"]
    assert finding["remedy"].startswith(f"As root: chown 0 {Path('data').resolve()} && chmod 700")


# --- code ------------------------------------------------------------------------------------------------------------


@needs_root
def test_code_that_another_user_left_here_is_run_only_when_it_is_named(run, evil, tmp_path_factory, monkeypatch):
    ours = tmp_path_factory.mktemp("ours")
    marker, settings = ours / "was-run", ours / "settings.toml"
    found("trap.py", WORKER.format(marker=str(marker)))
    settings.write_text("[workers.trap]\nuse = 'trap.py'\n")
    monkeypatch.setenv("EVENTSINK_CONFIG", str(settings))
    for command in (("config", "check"), ("try", "trap")):
        told = run(*command)
        assert told.exit_code == 1
        assert told.stderr == (
            f"trap.py is not run: {evil} belongs to nobody. If you trust it, name it with its whole path.\n"
        )
    assert not marker.exists()
    monkeypatch.delenv("EVENTSINK_CONFIG")
    assert run("try", "trap.py").exit_code == 0, "whoever writes its name means it"
    assert marker.exists()
    settings.write_text(f"[workers.trap]\nuse = '{evil / 'trap.py'}'\n")
    assert run("config", "check", "--config", settings).exit_code == 0
