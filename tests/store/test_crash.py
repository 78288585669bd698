"""kill -9 and a full disk: what was committed stays, once, and the next append works."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eventsink.store import EventQuery, Store
from tests import processes

ROUNDS = 12


def _run_and_kill(folder: Path, number: int, months: int) -> list[str]:
    """Let a process append for a moment and kill it. Returns the ids that it printed as committed."""
    command = [sys.executable, "-m", "tests.store.appender", str(folder), str(number), str(months)]
    with processes.running(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n", "it opens what the kill before has left, with nothing set aside"
        lines = [process.stdout.readline() for _ in range(2 + number)]  # however slow the machine is
        time.sleep(0.01 * number)
        process.kill()
        lines += process.stdout.read().split("\n")[:-1]  # the last may be cut off
    return [event_id for line in lines if line.startswith("kept ") for event_id in line.split()[1:]]


@pytest.mark.parametrize("months", [3, 40])
async def test_nothing_committed_is_lost_or_doubled_by_kill_9(tmp_path: Path, months: int) -> None:
    committed: set[str] = set()
    for number in range(ROUNDS):
        committed |= set(_run_and_kill(tmp_path, number, months))
    assert len(committed) > 1000, "it must have done something"
    store = await Store.open(tmp_path)
    held = await store.events(EventQuery(order="asc", limit=None))
    assert store.set_aside == []
    await store.close()
    ids = [event.id for event in held]
    assert committed <= set(ids), "none is missing"
    assert len(ids) == len(set(ids)), "none is doubled"
    assert len({event.seq for event in held}) == len(held), "no number is given twice"


def _on_small_disk(folder: Path, *command: str) -> tuple[str, ...]:
    """A command whose folder is a small disk of its own."""
    script = f'mkdir -p "{folder}" && mount -t tmpfs -o size=8m small "{folder}" && exec "$@"'
    return (
        "unshare",
        "--mount",
        *(() if os.geteuid() == 0 else ("--map-root-user",)),
        "sh",
        "-c",
        script,
        "sh",
        *command,
    )


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    probe = processes.run(_on_small_disk(tmp_path / "probe", "true"), capture_output=True, check=False)
    if probe.returncode:
        message = "mount namespaces are not allowed here, so there is no small disk to fill"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    command = (sys.executable, "-m", "tests.store.small_disk", str(tmp_path / "disk"))
    run = processes.run(_on_small_disk(tmp_path / "disk", *command), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    outcome = json.loads(run.stdout.splitlines()[-1])
    assert len(outcome["refused"]) == 5 and all("No space left" in reason for reason in outcome["refused"]), outcome
    assert outcome["held_when_full"] in (2000, "unavailable")
    assert outcome["new"] == 3000
    assert outcome["complete"]
    assert outcome["aside"] == []
