"""A worker that fails in any way holds up nobody else, and its events are accounted for."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from tests.sink_process import SinkProcess

_ALWAYS_FAILS = '''
"""Fails always, once a file is there."""
import asyncio
import pathlib
from dataclasses import dataclass
from eventsink.deliver.worker import Worker

@dataclass(frozen=True)
class Options:
    """The file that it waits for."""
    go: str

class Failing(Worker[Options]):
    """Raises."""
    batch_size = 10

    async def deliver(self, events):
        """Raise."""
        while not pathlib.Path(self.options.go).exists():
            await asyncio.sleep(0.05)
        raise RuntimeError("no, with password=hunter2 in it")
'''

_FAILS_WHILE_A_FILE_IS_THERE = '''
"""Fails while a file is there."""
import pathlib
from dataclasses import dataclass
from eventsink.deliver.worker import Worker
from eventsink.errors import Refused

@dataclass(frozen=True)
class Options:
    """Where."""
    flag: str
    out: str

class Moody(Worker[Options]):
    """Refuses what it does not like."""

    async def deliver(self, events):
        """Write ids."""
        if pathlib.Path(self.options.flag).exists() and any(e.data.get("bytes") == 13 for e in events):
            raise Refused("13 is unlucky")
        with open(self.options.out, "a") as file:
            file.writelines(e.id + "\\n" for e in events)
'''


def _worker(tmp_path: Path, name: str, code: str) -> str:
    path = tmp_path / f"{name}.py"
    path.write_text(code)
    return str(path)


def _uploads(*sizes: int) -> list[dict[str, object]]:
    return [{"type": "storage.file_uploaded", "data": {"bytes": size}} for size in sizes]


def test_a_worker_that_always_fails_ends_in_dead_letters_and_the_others_go_on(
    tmp_path: Path, make_sink: Callable[..., SinkProcess]
) -> None:
    go = tmp_path / "go"
    environment = {
        "EVENTSINK_WORKERS__FAILING__USE": _worker(tmp_path, "failing", _ALWAYS_FAILS),
        "EVENTSINK_WORKERS__FAILING__GO": str(go),
    }
    sink = make_sink(environment=environment).start()
    deadline = time.monotonic() + 30
    sink.post(_uploads(*range(25)))
    while (accounts := sink.accounts())["store"]["delivered"] < 25:
        assert time.monotonic() < deadline
    assert accounts["failing"]["waiting"] == 25, "the store does not wait for the one that fails"
    go.touch()
    accounts = sink.settle()
    assert (accounts["failing"]["dead"], accounts["failing"]["delivered"]) == (25, 0)
    _, page = sink.request("GET", "/v1/dead?limit=100")
    assert len(page["dead"]) == 25
    letter = page["dead"][0]
    assert "has a fault: no, with" in letter["reason"] and "deliver" in letter["traceback"]
    assert "hunter2" not in json.dumps(page) + sink.log.read_text(), "no secret in a dead letter or the log"
    sink.kill()
    sink.start()
    assert sink.accounts()["failing"]["dead"] == 25, "dead letters survive"
    assert sink.request("POST", "/v1/dead/drop", {"all": True})[1] == {"dropped": 25}
    assert sink.accounts()["failing"]["dropped"] == 25


def test_a_refused_event_stands_alone_and_is_delivered_after_a_fix(
    tmp_path: Path, make_sink: Callable[..., SinkProcess]
) -> None:
    flag, out = tmp_path / "flag", tmp_path / "out"
    flag.touch()
    environment = {
        "EVENTSINK_WORKERS__MOODY__USE": _worker(tmp_path, "moody", _FAILS_WHILE_A_FILE_IS_THERE),
        "EVENTSINK_WORKERS__MOODY__FLAG": str(flag),
        "EVENTSINK_WORKERS__MOODY__OUT": str(out),
    }
    sink = make_sink(environment=environment).start()
    sink.post(_uploads(1, 13, 2, 3, 4, 5))
    assert sink.settle()["moody"]["dead"] == 1
    assert len(out.read_text().split()) == 5
    _, page = sink.request("GET", "/v1/dead")
    assert (page["dead"][0]["reason"], page["dead"][0]["body"]["data"]) == ("13 is unlucky", {"bytes": 13})
    flag.unlink()
    assert sink.request("POST", "/v1/dead/retry", {"worker": "moody"})[1] == {"retried": 1}
    account = sink.settle()["moody"]
    assert (account["dead"], account["delivered"]) == (0, 6)
    assert len(set(out.read_text().split())) == 6


def test_replay_delivers_stored_events_again_and_the_store_keeps_one(
    tmp_path: Path, make_sink: Callable[..., SinkProcess]
) -> None:
    out = tmp_path / "echo"
    sink = make_sink(environment={"EVENTSINK_WORKERS__ECHO__PATH": str(out)}).start()
    sink.post(_uploads(*range(30)))
    sink.settle()
    status, answer = sink.request("POST", "/v1/replay", {"to": "echo", "dry_run": True})
    assert (status, answer["replayed"], answer["total"]) == (200, 0, 30)
    assert sink.request("POST", "/v1/replay", {"to": "echo"})[1]["replayed"] == 30
    assert sink.request("POST", "/v1/replay", {"to": "store"})[1]["replayed"] == 30
    assert sink.request("POST", "/v1/replay", {"to": "nowhere"})[0] == 404
    assert sink.settle()["echo"]["delivered"] == 60
    ids = [json.loads(line)["id"] for line in out.read_text().splitlines()]
    assert len(ids) == 60 and len(set(ids)) == 30
    assert len(sink.stored_ids()) == 30
