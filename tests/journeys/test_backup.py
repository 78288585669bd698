"""A backup of a sink in mid-flood makes another one of it: nothing that was accepted before is lost or doubled."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eventsink.assemble.backup import back_up, restore
from eventsink.client.sink import Sink
from eventsink.keys import KeyFile
from eventsink.settings import Settings
from tests import processes
from tests.journeys.flood import Flood
from tests.servers.process import eventually, free_ports
from tests.sink_process import SinkProcess

PICKY = Path(__file__).parents[1] / "cli" / "picky_worker.py"
AWAY = "http://127.0.0.1:1"  # nobody listens there


def run(*words: object) -> Any:
    """A command of `eventsink`, as a person would give it; gives what it says as JSON."""
    command = [sys.executable, "-m", "eventsink", *words, "--format", "json"]
    answer = processes.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def settled(sink: SinkProcess, *workers: str) -> dict[str, dict[str, Any]]:
    """The accounts when nothing waits for some workers."""
    deadline = time.monotonic() + 30
    while any(sink.accounts()[worker]["waiting"] for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return {name: {k: v for k, v in account.items() if isinstance(v, int)} for name, account in sink.accounts().items()}


def refuse_some(sink: SinkProcess) -> None:
    """Have one destination some dead letters."""
    assert sink.post([{"type": "demo.refused", "data": {"n": n}} for n in range(5)])[0] == 202


def test_a_backup_under_load_has_all_that_was_accepted_before_it(make_sink: Callable[..., SinkProcess]) -> None:
    environment = {
        "EVENTSINK_WORKERS__PICKY__USE": str(PICKY),
        "EVENTSINK_WORKERS__INFLUXDB__URL": AWAY,
        "EVENTSINK_WORKERS__INFLUXDB__DATABASE": "eventsink",
    }
    first = make_sink("first", environment=environment).start()
    refuse_some(first)
    out = first.data.parent / "backup.tar"
    with Flood(first, clients=2, pause=0.01) as flood:
        time.sleep(0.7)
        eventually(lambda: bool(flood.accepted), "something was accepted before it")
        before = list(flood.accepted)
        manifest = run("backup", "--out", out, "--data", first.data)
        answered = len(flood.accepted)
        time.sleep(0.3)
        first.kill()
    assert manifest["running"]
    assert answered > len(before), "it went on accepting meanwhile"
    assert not list(out.parent.glob(".*")), "nothing else is left"

    second = make_sink("second", environment=environment)
    assert run("restore", out, "--data", second.data)["files"] == manifest["files"]
    second.start()
    accounts = settled(second, "store", "picky")
    stored = second.stored_ids()
    assert max(Counter(stored).values()) == 1, "none doubled"
    assert set(before) <= set(stored), "none lost"
    assert accounts["store"]["delivered"] <= len(stored), "what is called delivered is there"
    ours = {event_id for event_id in stored if event_id in flood.attempted}
    assert len(stored) == len(ours) + 5, "none invented"
    for name, account in accounts.items():
        assert account["accepted"] >= len(before) + 5, name
        assert account["missing"] == 0, name
    assert accounts["influxdb"]["waiting"] == accounts["influxdb"]["accepted"]
    assert accounts["picky"]["dead"] == 5
    keys = [key.id for key in KeyFile(first.data / "keys.db").list()]
    assert [key.id for key in KeyFile(second.data / "keys.db").list()] == keys

    # And once more, of a sink at rest: all is as it was, to the event.
    out = out.with_name("again.tar")
    run("backup", "--out", out, "--data", second.data)
    second.kill()
    third = make_sink("third", environment=environment)
    run("restore", out, "--data", third.data)
    third.start()
    assert settled(third, "store", "picky") == accounts
    assert third.stored_ids() == stored


def test_the_store_is_copied_after_the_accounts(make_sink: Callable[..., SinkProcess]) -> None:
    first = make_sink("first").start()
    between: list[str] = []

    def told(name: str, _: int) -> None:
        if name == "exchange.db" and not between:  # it is copied, and is written into the backup now
            between.append("between")
            first.post({"type": "users.login", "id": "between"})
            first.settle()

    first.post({"type": "users.login", "id": "before"})
    first.settle()
    out = first.data.parent / "backup.tar"
    back_up(Settings(data=str(first.data)), out, lambda: Sink(first.url, first.key), told)
    first.kill()
    second = make_sink("second")
    restore(Settings(data=str(second.data)), out, lambda *_: None)
    second.start()
    assert second.settle()["store"]["accepted"] == 1, "the accounts are those of the beginning"
    assert second.stored_ids() == ["before", "between"], "and the store has all that they could call delivered"


def test_a_backup_of_serve_on_rabbitmq(make_sink: Callable[..., SinkProcess], broker: str) -> None:
    (port,) = free_ports(1)
    environment = {"EVENTSINK_EXCHANGE__URL": broker}
    first = make_sink("first", command="serve", port=port, environment=environment).start()
    with Flood(first, clients=2, pause=0.01) as flood:
        time.sleep(0.7)
        eventually(lambda: bool(flood.accepted), "something was accepted before it")
        before = list(flood.accepted)
        run("backup", "--out", first.data.parent / "backup.tar", "--data", first.data)
        time.sleep(0.2)
        first.kill()
    second = make_sink("second", command="serve", port=port, environment=environment)
    run("restore", first.data.parent / "backup.tar", "--data", second.data)
    second.start()
    eventually(lambda: set(before) <= set(second.stored_ids()), "all that was accepted before is there")
    assert second.post({"type": "users.login", "id": "after"})[0] == 202
    eventually(lambda: "after" in second.stored_ids(), "it goes on")
    assert max(Counter(second.stored_ids()).values()) == 1, "none doubled"
    books = settled(second, "store")["store"]
    assert books["accepted"] >= len(before) and books["dead"] == 0
    # What the first store took after the backup is in it alone, also what it was killed too soon to answer for. Where
    # the books know that it was accepted, they say so.
    assert books["missing"] <= len(flood.attempted - set(before)), "nothing from before the backup"
