"""kill -9 while facts are read: afterwards they have every event once."""

import subprocess
import sys
import time
from pathlib import Path

from eventsink.store import Store
from tests import processes
from tests.store.facts.asking import count_of

ROUNDS = 8


async def test_facts_have_every_event_once_after_kill_9(tmp_path: Path) -> None:
    counted = 0
    for number in range(ROUNDS):
        command = [sys.executable, "-m", "tests.store.facts.counter", str(tmp_path)]
        with processes.running(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            lines = [process.stdout.readline().rstrip("\n") for _ in range(1 + number % 3)]  # however slow it is
            time.sleep(0.02 * number)
            process.kill()
            lines += process.stdout.read().split("\n")[:-1]  # the last may be cut off
        counts = [int(line) for line in lines if line.isdigit()]
        assert all(count >= counted for count in counts)
        counted = max([counted, *counts])
    assert counted > 1000, "it must have done something"
    store = await Store.open(tmp_path)
    stored = (await store.stats()).events
    assert stored >= counted
    assert await count_of(store) == stored
    assert store.set_aside == []
    await store.close()
