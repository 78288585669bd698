"""A process that is killed while it sends: what it was sending comes again, under the same id and with a mark."""

import signal
import sys
from pathlib import Path

import pytest

from eventsink.watch.alerts.webhook import Webhook
from tests.processes import end, start
from tests.servers import faults
from tests.watch.alerts.telling import Receiver, notice, opened, put, rows, sending, until

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("when", "arrived"), [("before", 0), ("after", 1)])
async def test_kill_9(tmp_path, when, arrived):
    receiver = Receiver()
    async with faults.serving(receiver) as port:
        url = f"http://127.0.0.1:{port}/"
        async with opened(tmp_path) as file:
            await put(file, [notice(1), notice(2)], ["http-0000"])
        process = start([sys.executable, "-m", "tests.watch.alerts.dying", when, tmp_path / "alerts.db", url], cwd=ROOT)
        try:
            await until(lambda: process.poll() is not None, 60)
        finally:
            process.kill()
            assert end(process) == -signal.SIGKILL
        assert receiver.ids == [["n1", "n2"]] * arrived
        async with opened(tmp_path) as file:
            await put(file, [notice(1), notice(2), notice(3)], ["http-0000"])  # what is found again, and more
            async with sending(file, [Webhook("http-0000", url)]):
                await until(lambda: sum(map(len, receiver.ids)) == 2 * arrived + 3)
                await until(lambda: len(receiver.bodies) == arrived + 2)
            await _all_done(file)
    assert receiver.ids[arrived:] == [["n1", "n2"], ["n3"]]
    marks = [[told["again"] for told in body["notices"]] for body in receiver.bodies[arrived:]]
    assert marks == [[True, True], [False]]
    keys = [head["idempotency-key"] for head in receiver.heads]
    assert len(set(keys)) == 2 and keys[0] == keys[arrived]


async def _all_done(file) -> None:
    states = dict(await rows(file))
    assert set(states) <= {"done", "waiting"}, states
