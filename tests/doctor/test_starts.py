"""A start that cannot be: one sentence with what is wrong and what to do, no traceback, and nothing left running."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eventsink.cli import app
from tests import processes
from tests.doctor.answering import answering
from tests.doctor.conftest import Patient
from tests.doctor.disks import apart
from tests.servers.process import free_ports


def _start(*words: object) -> str:
    """What `up` says of why it does not start."""
    done = processes.run([sys.executable, "-m", "eventsink", "up", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr and "Errno" not in done.stderr
    return str(done.stderr).rstrip("\n")


def test_where_no_folder_can_be_made(patient: Patient) -> None:
    file = patient.folder / "file"
    file.touch()
    said = _start("--data", file, "--port", 0)
    place = f"The data directory {file} cannot be made: File exists."
    assert said == f"{place} Give a place in which a folder can be made, with --data."


@pytest.mark.parametrize("host", ["203.0.113.5", "no-such-host.invalid"])
def test_an_address_that_this_machine_has_not(patient: Patient, host: str) -> None:
    said = _start("--host", host, "--port", 0)
    assert said == (
        f"Cannot listen on {host}:0: this machine has no such address."
        " Give another --host (collect.host), as 127.0.0.1."
    )


def test_a_port_that_another_program_has(patient: Patient) -> None:
    with answering({}) as url:
        port = url.rpartition(":")[2]
        said = _start("--port", port)
    assert (
        said == f"Cannot listen on 127.0.0.1:{port}: Address already in use. Give another --port, or end what uses it."
    )


def test_a_data_directory_that_another_process_has(patient: Patient) -> None:
    var = patient.folder / "var"
    var.mkdir(0o700)
    command = [sys.executable, "-c", f"import pathlib; {_HOLD}", var / "exchange.lock"]
    holding = processes.start(command, stdout=-1)
    try:
        assert holding.stdout is not None and holding.stdout.readline()
        assert f"Process {holding.pid} already uses {var}" in _start("--data", var, "--port", 0)
    finally:
        holding.kill()
        processes.end(holding)


_HOLD = (
    "import sys, time; from eventsink.files import hold; hold(pathlib.Path(sys.argv[1])); print(1, flush=True);"
    " time.sleep(60)"
)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "mount -t tmpfs -o size=2m,mode=700 small var && head -c 2m /dev/zero > var/ballast || true",
            "No space left on device. Free some space on that disk.",
        ),
        (
            "mount -t tmpfs -o mode=700 small var && mount -o remount,ro var",
            "Read-only file system. Make that disk writable, or give another place with --data.",
        ),
    ],
    ids=["full", "read-only"],
)
def test_a_disk_that_takes_nothing(patient: Patient, script: str, said: str) -> None:
    var = patient.folder / "var"
    var.mkdir(0o700)
    words = [*apart(f"{{ {script}; }}"), sys.executable, "-m", "eventsink", "up", "--data", var, "--port", 0]
    done = processes.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"The exchange cannot be opened at {var}/exchange.db: {said}"
    assert "Traceback" not in done.stderr


def test_a_store_that_cannot_be_where_it_should(patient: Patient) -> None:
    file = patient.folder / "file"
    file.touch()
    mode = file.stat().st_mode & 0o777
    patient.set(STORE__PATH=str(file))
    assert _start("--port", 0).startswith(f"The store in {file} cannot be opened: File exists. Give a place in")
    assert file.stat().st_mode & 0o777 == mode, "it is nobody's folder to shut"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MONITOR__URL", "sink", "monitor.url must be an address, as https://sink.example.org."),
        ("COLLECT__HOST", "http://here", "collect.host must be an address or a host of this machine"),
        ("GRAFANA__URL", "grafana", "grafana.url must be an address"),
        ("EXCHANGE__MANAGEMENT", "here", "exchange.management must be an address"),
        ("COLLECT__PORT_FILE", "/nowhere", "EVENTSINK_COLLECT__PORT_FILE names a file that cannot be read"),
        ("WORKERS__MONGODB__DATABASE", "x", "workers.mongodb.url is missing: it must be an address as mongodb://"),
    ],
)
def test_settings_that_are_wrong(patient: Patient, name: str, value: str, said: str) -> None:
    patient.set(**{name: value})
    answer = CliRunner().invoke(app, ["up"])  # nothing is opened for it, so it need not be a process of its own
    assert answer.exit_code == 1 and answer.stderr.count("\n") == 1
    assert answer.stderr.startswith(said)


def test_what_is_not_reached_is_no_reason_not_to_start(
    patient: Patient, make_sink: Callable[..., object], tmp_path: Path
) -> None:
    """A destination that is down is said by the doctor, and waited for by the worker."""
    (port,) = free_ports(1)
    sink = make_sink(environment={"EVENTSINK_WORKERS__INFLUXDB__URL": f"http://127.0.0.1:{port}"}).start()  # type: ignore[attr-defined]
    patient.set(WORKERS__INFLUXDB__URL=f"http://127.0.0.1:{port}")
    found = {one["check"]: one for one in patient.ask("--data", sink.data)}
    assert found["running sink"]["ok"] and not found["worker influxdb"]["ok"]
