"""A machine as docs/operations takes one for granted: its services, its programs and its files, in one folder.

The commands of the pages run as they stand. Names of places are exchanged for some within the folder, and `systemctl`,
which tests cannot have, is a small program that starts and ends the same processes.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

from tests import processes
from tests.servers.influxdb import InfluxDB
from tests.servers.process import free_ports, required
from tests.servers.rabbitmq import RabbitMQ

__all__ = ["Machine", "commands"]

PAGES = Path(__file__).parents[2] / "docs" / "operations"

SYSTEMCTL = """
import json, os, pathlib, signal, subprocess, sys, time

here = pathlib.Path(__file__).parent
services = json.loads((here / "services.json").read_text())


def ended(pid):
    try:
        return (pathlib.Path("/proc") / pid / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


words = [word for word in sys.argv[1:] if not word.startswith("--")]
verb, units = words[0], words[1:]
if units == ["eventsink.target"]:
    units = [unit for unit in services if (here / (unit + ".enabled")).exists()]
for unit in units:
    running, enabled = here / (unit + ".pid"), here / (unit + ".enabled")
    if verb in ("stop", "restart", "disable") and running.exists():
        pid = running.read_text()
        os.kill(int(pid), signal.SIGTERM)
        while not ended(pid):
            time.sleep(0.02)
        running.unlink()
    if verb in ("start", "restart", "enable") and not running.exists():
        log = (here / (unit + ".log")).open("ab")
        command = [here / "eventsink", *services[unit]]
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        running.write_text(str(process.pid))
        enabled.touch()
    if verb == "disable":
        enabled.unlink(missing_ok=True)
"""


def commands(page: str) -> list[str]:
    """The blocks of shell commands of a page, in order."""
    return re.findall(r"^```sh\n(.*?)^```", (PAGES / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)


class Machine:
    """One machine with `serve`, `api` and the worker of InfluxDB, on RabbitMQ; or with `up` alone.

    Args:
        folder: for all that is on it.
        rabbitmq: the broker; None for a sink that is one process.
        vhost: of the broker.
        settings: more lines of eventsink.toml.
    """

    def __init__(
        self, folder: Path, rabbitmq: RabbitMQ | None, vhost: str, influxdb: InfluxDB, settings: str = ""
    ) -> None:
        self.folder = folder
        self.data, self.backups, self.bin = folder / "var", folder / "backups", folder / "bin"
        for made in (self.backups, self.bin, folder / "work"):
            made.mkdir()
        self.port, api, other, drill = free_ports(4)
        self.url = f"http://127.0.0.1:{self.port}"
        self.places = {
            "/etc/eventsink/eventsink.toml": str(folder / "eventsink.toml"),
            "/var/lib/eventsink": str(self.data),
            "/var/backups/eventsink": str(self.backups),
            "https://sink.example.org": self.url,
            "http://127.0.0.1:8750": self.url,
            "http://127.0.0.1:8751": f"http://127.0.0.1:{api}",
            "18750": str(drill),
            "-p clowder": f"-p {vhost}",
        }
        lines = [
            f'data = "{self.data}"', "[collect]", f"port = {self.port}",
            "[workers.influxdb]", f'url = "{influxdb.url}"', f'database = "{vhost}"', settings,
        ]  # fmt: skip
        services = {"eventsink": ["up"]}
        if rabbitmq:
            lines += ["[exchange]", f'url = "{rabbitmq.at(vhost)}"']
            lines += [f'management = "http://guest:guest@127.0.0.1:{rabbitmq.management}"']
            services = {
                "eventsink-serve": ["serve"],
                "eventsink-api@8751": ["api", "--port", str(api)],
                "eventsink-api@8752": ["api", "--port", str(other)],
                "eventsink-worker@influxdb": ["worker", "influxdb"],
            }
            program = required("rabbitmqctl", "rabbitmq-server")
            self._install("rabbitmqctl", f'exec {program} "$@"', dict(rabbitmq.command()[1]))
        (folder / "eventsink.toml").write_text("\n".join(lines))
        (folder / "eventsink.toml").chmod(0o600)
        (self.bin / "services.json").write_text(json.dumps(services))
        (self.bin / "systemctl.py").write_text(SYSTEMCTL)
        self._install("systemctl", f'exec {sys.executable} {self.bin / "systemctl.py"} "$@"')
        self._install("eventsink", f'exec {sys.executable} -m eventsink "$@"')
        self._install("sudo", 'exec "$@"')
        # A page names a file by the day twice: the day does not end in between.
        self._install("date", f'exec {shutil.which("date")} --date=@{int(time.time())} "$@"')
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENTSINK_")}
        self.environment |= {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "EVENTSINK_CONFIG": str(folder / "eventsink.toml"),
            "EVENTSINK_DATA": str(self.data),
            "XDG_STATE_HOME": str(folder / "state"),
        }

    def _install(self, name: str, line: str, environment: dict[str, str] | None = None) -> None:
        exports = "".join(f"export {key}='{value}'\n" for key, value in (environment or {}).items())
        (self.bin / name).write_text(f"#!/bin/sh\n{exports}{line}\n")
        (self.bin / name).chmod(0o700)

    def run(self, script: str, **more: str) -> str:
        """Run commands as they stand on a page; gives what they print.

        Raises:
            AssertionError: one of them has failed.
        """
        for place, ours in self.places.items():
            script = script.replace(place, ours)
        answer = processes.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder / "work",
            env={**self.environment, **more},
            capture_output=True,
            text=True,
        )
        assert answer.returncode == 0, f"{script}\n{answer.stdout}{answer.stderr}"
        return str(answer.stdout)

    def start(self, *units: str) -> None:
        """Start services, and wait until the sink answers."""
        self.run(f"systemctl start {' '.join(units)}; {READY}")

    def close(self) -> None:
        """End what runs."""
        for file in self.bin.glob("*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(file.read_text()), signal.SIGKILL)
            file.unlink()


READY = "curl -fsS --retry 60 --retry-delay 1 --retry-all-errors -o /dev/null http://127.0.0.1:8750/readyz"
