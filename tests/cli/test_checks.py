"""The commands about checks, as a person and a script use them."""

import http.server
import json
import threading
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eventsink.cli import app
from tests.servers.process import free_ports
from tests.sink_process import SinkProcess
from tests.users import MALLORY, belongs_to, needs_root

CHECK = '''
"""Is the moon up."""

from dataclasses import dataclass
from typing import Annotated

from eventsink.watch.check import Check, Down, Measurement


@dataclass(frozen=True)
class Options:
    """Which moon."""

    moon: Annotated[str, "Its name."] = "Luna"


class Moon(Check[Options]):
    """One moon."""

    @property
    def target(self) -> str:
        """Its name."""
        return self.options.moon

    async def measure(self) -> Measurement:
        """Look."""
        if self.options.moon == "Nemesis":
            raise Down("content", "There is no such moon.")
        return Measurement({"height_degrees": 1 / (len(self.options.moon) - 2)})
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "moon.py").write_text(CHECK)
    return tmp_path


STATUS = {
    "version": {"number": "1.23.0"},
    "counts": {"files": 7, "users": "?"},
    "plugins": {"rabbitmq": {"status": "connected"}},
}


class _Clowder(http.server.BaseHTTPRequestHandler):
    """As much of a Clowder as a check looks at."""

    def do_GET(self) -> None:
        pages = {
            "/": (200, b"<html>"),
            "/healthz": (200, b"healthy"),
            "/api/status": (
                200,
                json.dumps(STATUS).encode(),
            ),
        }
        status, body = pages.get(self.path, (404, b""))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def clowder() -> Iterator[str]:
    """A server; its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Clowder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def run(*arguments: str) -> Result:
    """A command."""
    return CliRunner().invoke(app, [*arguments])


def settings(text: str) -> None:
    """The settings of the current folder."""
    Path("eventsink.toml").write_text(text)


# --- monitor --once --------------------------------------------------------------------------------------------------


def test_once_prints_a_table_and_fails_when_something_is_down() -> None:
    (port,) = free_ports(1)
    settings(
        f'[checks.disk]\nkind = "disk"\npath = "."\n[checks.door]\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\n'
    )
    found = run("monitor", "--once")
    assert found.exit_code == 1
    assert "disk" in found.stdout and "nothing listens there" in found.stdout and "1 up, 1 down" in found.stdout
    assert run("monitor", "--once", "disk").exit_code == 0
    assert not Path("var").exists(), "nothing is kept"


def test_once_is_an_object_a_check_for_scripts() -> None:
    settings(
        '[monitor]\nregion = "urbana"\n[checks.disk]\nkind = "disk"\npath = "."\n'
        '[checks.jobs]\nkind = "query"\nnumber = "dead"\nmost = 0\n'
    )
    found = run("monitor", "--once", "--format", "json")
    disk, jobs = map(json.loads, found.stdout.splitlines())
    assert found.exit_code == 0, "what is unknown is not down"
    assert (disk["check"], disk["kind"], disk["up"], disk["reason"]) == ("disk", "disk", True, "")
    assert disk["fsync_ms"] >= 0 and disk["region"] == "urbana"
    assert jobs["up"] is None and jobs["reason"] == "rights" and "monitor.url" in jobs["message"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "init-checks"),
        ("[checks.x]\nevery = 5\n", "checks.x.kind is missing: known are clowder, disk, dns, download,"),
        ('[checks.x]\nkind = "pong"\n', "There is no check 'pong'. Did you mean 'ping'?"),
        ('[checks.x]\nkind = "ping"\n', "checks.x.host is missing: "),
        ('[checks.x]\nkind = "ping"\nhost = "h"\nevery = "often"\n', "checks.x.every must be seconds"),
        ('[checks.x]\nkind = "ping"\nhost = "h"\ntimeout = 0\n', "checks.x.timeout must be seconds"),
        (
            '[checks.x]\nkind = "ping"\nhost = "h"\nports = 1\n',
            "There is no setting 'ports' in checks.x. Did you mean 'port'?",
        ),
        ('[checks.x]\nkind = "query"\nnumber = "dead"\n', "checks.x: give least or most"),
        ('[checks.x]\nkind = "query"\nnumber = "cats"\nmost = 1\n', "checks.x.number must be dead, events, "),
        ("checks = 1\n", "checks must be a section."),
        ("[checks]\nx = 1\n", "checks.x must be a section, as [checks.x]."),
        (
            '[monitor]\nreferences = ["here"]\n[checks.x]\nkind = "disk"\npath = "."\n',
            "monitor.references[0] must be host:port",
        ),
        ('[monitor]\nreference = "x"\n', "There is no setting 'reference' in monitor. Did you mean 'references'?"),
    ],
)
def test_wrong_settings_are_refused_at_the_start(text: str, said: str) -> None:
    settings(text)
    for command in (["monitor", "--once"], ["monitor"]):
        found = run(*command)
        assert found.exit_code == 1 and said in found.stderr.replace("\n", " "), found.stderr


def test_a_monitor_without_a_sink_says_what_to_set() -> None:
    settings('[checks.x]\nkind = "disk"\npath = "."\n')
    found = run("monitor")
    assert found.exit_code == 1 and "monitor.url is missing" in found.stderr


def test_config_check_looks_at_checks_too_and_show_hides_their_secrets() -> None:
    settings(
        '[checks.page]\nkind = "http"\nurl = "https://u:hush@h/?token=hush"\n'
        '[checks.page.headers]\nX-Own = "hush"\n'
        '[checks.door]\nkind = "tcp"\nhost = "h"\nport = 1\nsend = "AUTH hush"\n'
        '[checks.queue]\nkind = "rabbitmq"\nurl = "amqp://u:hush@h/v"\nqueue = "q"\n[monitor]\nkey = "hush"\n'
    )
    assert "Checks: page, door, queue" in run("config", "check").stdout
    shown = run("config", "show").stdout
    assert "checks.queue.queue" in shown and "hush" not in shown


# --- try -------------------------------------------------------------------------------------------------------------


def test_a_check_of_ones_own_is_one_file() -> None:
    good, bad, bug = (
        run("try", "moon.py"),
        run("try", "moon.py", "--options", "moon=Nemesis"),
        run("try", "moon.py", "--options", "moon=Io"),
    )
    assert good.exit_code == 0 and "height_degrees 0.5" in good.stdout
    assert bad.exit_code == 1 and "There is no such moon." in bad.stdout
    assert bug.exit_code == 1 and "ZeroDivisionError" in bug.stderr and "unknown" in bug.stdout
    settings('[checks.sky]\nkind = "moon.py"\n')
    assert "height_degrees" in run("monitor", "--once").stdout


def test_a_kind_is_tried_by_its_name() -> None:
    assert run("try", "disk", "--options", "path=.").exit_code == 0
    found = run("try", "disk", "--options", "path=./nowhere", "--format", "json")
    assert found.exit_code == 1 and json.loads(found.stdout)["reason"] == "name"


# --- init-checks -----------------------------------------------------------------------------------------------------


def test_a_set_of_checks_is_written_and_tried(clowder: str) -> None:
    settings("# mine\n[collect]\nport = 8751\n")
    found = run("init-checks", clowder)
    assert found.exit_code == 0, found.output
    assert "Clowder 1.23.0." in found.stdout and "3 checks: 3 up." in found.stdout
    text = Path("eventsink.toml").read_text()
    assert text.startswith("# mine\n[collect]\nport = 8751\n")
    assert set(tomllib.loads(text)["checks"]) == {"ping", "homepage", "clowder"}
    again = run("init-checks", clowder)
    assert again.exit_code == 1 and "checks.clowder already" in again.stderr
    assert Path("eventsink.toml").read_text() == text


@needs_root
def test_settings_stay_those_of_their_owner_and_a_link_stays_one(clowder: str) -> None:
    real = Path("etc/settings.toml")
    real.parent.mkdir()
    real.write_text("[collect]\nport = 1\n", "utf-8")
    belongs_to(MALLORY, real, 0o664)
    Path("eventsink.toml").symlink_to(real)
    run("init-checks", clowder)
    status = real.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (MALLORY, MALLORY, 0o664)
    assert Path("eventsink.toml").is_symlink() and "[checks.ping]" in real.read_text("utf-8")
    assert [file.name for file in real.parent.iterdir()] == [real.name]


def test_nothing_is_written_on_a_dry_run_or_for_what_is_no_address() -> None:
    assert "[checks.certificate]" in run("init-checks", "clowder.example.org", "--dry-run").stdout
    for wrong in ("ftp://x", "https://", "http://x:port/"):
        assert "is no address of a Clowder" in run("init-checks", wrong).stderr
    assert not Path("eventsink.toml").exists()


def test_queues_are_watched_where_rabbitmq_is_named(clowder: str) -> None:
    assert run("init-checks", clowder, "--rabbitmq", "amqp://h").exit_code == 2
    (port,) = free_ports(1)
    found = run("init-checks", clowder, "--rabbitmq", f"amqp://u:hush@127.0.0.1:{port}/", "--queue", 'a"b')
    assert found.exit_code == 1 and 'queue-a"b' in found.stdout and "hush" not in found.output
    assert Path("eventsink.toml").stat().st_mode & 0o777 == 0o600, "a password is in it"


# --- uptime ----------------------------------------------------------------------------------------------------------


def test_uptime_is_a_table_and_an_object(make_sink: Callable[..., SinkProcess]) -> None:
    sink = make_sink().start()
    now = datetime.now(UTC)
    events = [
        {
            "type": "health.check_update",
            "time": (now - timedelta(minutes=90 - minute)).isoformat(),
            "data": {
                "target": "h",
                "check": "door",
                "region": region,
                "up": not 30 <= minute < 45,
                "every_s": 60 if minute < 89 else 3600,  # the last one holds however long this test takes
                "elapsed_ms": 4.0,
                **({"reason": "refused", "message": "\x1b[31mNothing listens."} if 30 <= minute < 45 else {}),
            },
        }
        for minute in range(90)
        for region in ("urbana", "berlin")
    ]
    assert sink.post(events)[0] == 202
    sink.settle()
    where = ("--data", str(sink.data))
    found = run("uptime", *where, "--since", "2h")
    assert found.exit_code == 0, found.output
    assert "door" in found.stdout and "15m" in found.stdout and "berlin, urbana" in found.stdout
    assert "\x1b" not in found.stdout
    told = json.loads(run("uptime", "door", *where, "--since", "2h", "--format", "json").stdout)
    assert told["rows"][0]["down_s"] == 900 and len(told["incidents"]) == 1
    by_region = json.loads(run("uptime", *where, "--since", "2h", "--by", "region", "--format", "json").stdout)
    assert {row["region"] for row in by_region["rows"]} == {"urbana", "berlin"}
    gate = {"target": "h", "check": "gate", "up": False, "every_s": 60, "message": "Locked.", "region": "urbana"}
    assert sink.post({"type": "health.check_update", "data": gate})[0] == 202
    sink.settle()
    run("uptime", *where)
    shown = run("status", *where).stdout
    assert "Checks  1 up, 1 down" in shown and "gate is down since" in shown and "Locked." in shown
    assert "was not checked" in run("uptime", "window", *where).stdout
    assert run("uptime", *where, "--since", "2026-01-02", "--until", "2026-01-01").exit_code == 1
    assert sink.request("GET", "/v1/reports/uptime?by=hour&since=1970-01-01T00:00:00Z")[0] == 200
