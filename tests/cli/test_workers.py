"""`eventsink workers`: what is kept for whom, and an end to what nobody needs."""

import json
import time
from pathlib import Path

from tests.servers.process import eventually
from tests.sink_process import SinkProcess

WORKER = """
from dataclasses import dataclass
from eventsink.deliver.worker import Worker
from eventsink.errors import TryLater


@dataclass(frozen=True)
class Options:
    pass


class Away(Worker[Options]):
    async def deliver(self, events):
        raise TryLater("It is away.")
"""


def test_a_worker_that_was_taken_out_of_the_settings_is_named_and_forgotten(tmp_path: Path, run, monkeypatch):
    (tmp_path / "away.py").write_text(WORKER)
    data = tmp_path / "var"
    monkeypatch.setenv("EVENTSINK_DATA", str(data))
    sink = SinkProcess(data, environment={"EVENTSINK_WORKERS__AWAY__USE": str(tmp_path / "away.py")}).start()
    try:
        assert sink.post([{"type": "a.b"}] * 3)[0] == 202
        while sink.accounts()["store"]["waiting"]:
            time.sleep(0.05)
        refused = run("workers", "forget", "away", "--yes")
        assert refused.exit_code == 1 and "take [workers.away] out of them first" in refused.stderr
    finally:
        sink.close()

    sink = SinkProcess(data).start()
    try:
        listed = [json.loads(line) for line in run("workers", "list", "--format", "json").stdout.splitlines()]
        assert {one["worker"]: (one["configured"], one["waiting"]) for one in listed} == {
            "away": (False, 3),
            "store": (True, 0),
        }
        table = run("workers", "list").stdout
        assert "In the settings" in table and "away" in table
        assert "away is in no settings, and 3 events wait for it: `eventsink workers forget away`" in " ".join(
            run("status").stdout.split()
        )
        asked = run("workers", "forget", "away", input="n\n")
        assert asked.exit_code == 1 and "3 events wait for away and 0 are dead." in asked.output
        done = run("workers", "forget", "away", "--yes")
        assert done.stdout == "away is forgotten, with 3 events that waited for it.\n"
        again = run("workers", "forget", "away", "--yes")
        assert again.exit_code == 1 and "There is no worker away" in again.stderr
        kept = run("workers", "forget", "store", "--yes")
        assert kept.exit_code == 1 and "store is in the settings" in kept.stderr
        eventually(lambda: "All is well." in run("status").stdout, "nothing is left of it")
    finally:
        sink.close()
