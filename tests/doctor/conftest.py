"""Installations that are broken for real, and the doctor who looks at them."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from eventsink.cli import app
from eventsink.cli.doctoring.table import table
from eventsink.cli.finding import Finding as Found
from eventsink.cli.screen import output
from eventsink.exchange.rabbitmq import checkup
from tests.doctor.golden import compare
from tests.servers.process import free_ports
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.rabbitmq_4 import RabbitMQ4

Finding = dict[str, Any]


class Patient:
    """An installation: a folder with settings, and nobody's environment.

    Args:
        folder: in which the data directory is `var`.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = monkeypatch
        self.lines = ""
        (self.port,) = free_ports(1)
        self.settle(f"[collect]\nport = {self.port}\n")

    def settle(self, text: str) -> None:
        """Add to the settings."""
        with (self.folder / "eventsink.toml").open("a", encoding="utf-8") as file:
            file.write(text)

    def set(self, **variables: str) -> None:
        """Settings in the environment, by names as EXCHANGE__URL."""
        for name, value in variables.items():
            self._patch.setenv(f"EVENTSINK_{name}", value)

    def ask(self, *words: object) -> list[Finding]:
        """What the doctor finds."""
        answer = CliRunner().invoke(app, ["doctor", "--format", "json", *map(str, words)])
        self.lines = answer.stdout
        found = [json.loads(line) for line in answer.stdout.splitlines()]
        assert found and not answer.stderr, answer.stderr
        assert answer.exit_code == (not all(finding["ok"] for finding in found))
        return found

    def judge(self, name: str, *words: object) -> dict[str, Finding]:
        """Compare with the golden files of a name, and give what is not well or could be better."""
        found = self.ask(*words)
        for ending, text in (("json", self.lines), ("txt", _drawn(self.lines))):
            compare(name, text, self.folder, ending)
        for finding in found:
            assert finding["ok"] or finding["remedy"], f"no remedy: {finding}"
        return {finding["check"]: finding for finding in found if finding["remedy"]}


def _drawn(lines: str) -> str:
    """Findings as the command shows them to a person, without asking everybody a second time."""
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        output().print(table([msgspec.json.decode(line, type=Found) for line in lines.splitlines()]))
    return shown.getvalue()


@pytest.fixture(autouse=True)
def _nobody_is_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "STARTING", 0.0)


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """An installation with nothing in it, and no sink that runs."""
    for name in ("EVENTSINK_URL", "EVENTSINK_KEY", "EVENTSINK_DATA", "EVENTSINK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "2000")  # lines are not broken where a path ends
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    return Patient(tmp_path, monkeypatch)


@pytest.fixture
def on_rabbitmq(patient: Patient, rabbitmq: RabbitMQ, broker: str) -> Patient:
    """The same on an empty virtual host of RabbitMQ."""
    if isinstance(rabbitmq, RabbitMQ4):
        pytest.skip("the golden files are of what an older RabbitMQ says")
    patient.set(EXCHANGE__URL=broker, EXCHANGE__MANAGEMENT=f"http://127.0.0.1:{rabbitmq.management}")
    return patient


@pytest.fixture
def laid_out(on_rabbitmq: Patient, rabbitmq: RabbitMQ, vhost: str) -> Patient:
    """The same with all that `serve` makes there, but for the policies."""
    declare = Declare(rabbitmq, vhost)
    declare("exchanges", "clowder.metrics", {"type": "fanout", "durable": True})
    declare("exchanges", "events.dead", {"type": "fanout", "durable": True})
    declare.queue("events.store")
    declare.queue("events.settlements", bound=False)
    declare.queue("events.dead", source="events.dead")
    return on_rabbitmq


class Declare:
    """Makes things in a virtual host, as somebody else would, by the management API."""

    def __init__(self, rabbitmq: RabbitMQ, vhost: str) -> None:
        self._manage, self._vhost = rabbitmq.manage, vhost

    def __call__(self, kind: str, name: str, body: Any) -> None:
        assert self._manage("PUT", f"/api/{kind}/{self._vhost}/{name}", body)[0] in (201, 204)

    def queue(self, name: str, kind: str = "quorum", *, bound: bool = True, source: str = "clowder.metrics") -> None:
        """A durable queue, bound to an exchange."""
        self("queues", name, {"durable": True, "arguments": {"x-queue-type": kind}})
        if bound:
            path = f"/api/bindings/{self._vhost}/e/{source}/q/{name}"
            assert self._manage("POST", path, {"routing_key": "", "arguments": {}})[0] == 201


@pytest.fixture
def declare(rabbitmq: RabbitMQ, vhost: str) -> Declare:
    return Declare(rabbitmq, vhost)


@pytest.fixture
def user(rabbitmq: RabbitMQ, vhost: str) -> Iterator[Callable[..., str]]:
    """Makes a user of RabbitMQ with permissions; gives the address with which it connects."""
    made: list[str] = []

    def make(name: str, configure: str, write: str, read: str, tags: str = "") -> str:
        made.append(name)
        assert rabbitmq.manage("PUT", f"/api/users/{name}", {"password": "right", "tags": tags})[0] in (201, 204)
        rights = {"configure": configure, "write": write, "read": read}
        assert rabbitmq.manage("PUT", f"/api/permissions/{vhost}/{name}", rights)[0] in (201, 204)
        return rabbitmq.at(vhost).replace("guest:guest", f"{name}:right")

    yield make
    for name in made:
        rabbitmq.manage("DELETE", f"/api/users/{name}")
