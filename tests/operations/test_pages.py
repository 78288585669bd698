"""Every command of docs/operations runs as it stands there, on a sink in production, and does what the page says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventsink.keys import KeyFile
from tests.amqp.foreign import publish
from tests.operations.machine import PAGES, Machine, commands
from tests.servers.hook import Hook
from tests.servers.influxdb import InfluxDB
from tests.servers.process import eventually
from tests.servers.rabbitmq import RabbitMQ

VHOST = "operations"


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    """Who is told of alerts."""
    made = Hook()
    yield made
    made.close()


@pytest.fixture(scope="module")
def machine(
    tmp_path_factory: pytest.TempPathFactory, rabbitmq: RabbitMQ, influxdb: InfluxDB, hook: Hook
) -> Iterator[Machine]:
    """A machine with all services running, and some events in them."""
    rabbitmq.vhost(VHOST)
    settings = f'[alerts]\nnotify = ["{hook.url}"]'
    made = Machine(tmp_path_factory.mktemp("machine"), rabbitmq, VHOST, influxdb, settings)
    try:
        made.start("eventsink-serve", "eventsink-api@8751", "eventsink-worker@influxdb")
        made.run("eventsink doctor --fix > /dev/null || true")  # as the first page has it
        made.run('eventsink send --type users.login --user probe --json \'{"method": "userpass"}\'')
        eventually(lambda: "probe" in made.run("eventsink events --user probe"), "the event is stored")
        yield made
    finally:
        made.close()


def all_of(page: str, machine: Machine, **more: str) -> list[str]:
    """What each block of a page prints."""
    found = commands(page)
    assert found
    return [machine.run(block, **more) for block in found]


def values(text: str) -> list[Any]:
    """The JSON values in a text, one after the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def wait_until_well(machine: Machine) -> None:
    """Whichever page was tried before: an alert ends some seconds after its cause."""
    eventually(lambda: "All is well." in machine.run("eventsink status"), "all is well")


def wait_until_all_is_delivered(machine: Machine) -> None:
    """What was sent before is counted by whoever counts."""

    def waiting() -> list[int]:
        workers = json.loads(machine.run("eventsink status --format json"))["workers"]
        return [account["waiting"] for account in workers.values()]

    eventually(lambda: not any(waiting()), "nothing waits")


def test_production(machine: Machine, hook: Hook) -> None:
    wait_until_well(machine)
    checked, probed, saved = all_of("production.md", machine)
    assert "influxdb" in checked
    wait_until_well(machine)  # `status` says how it is at that moment, also on a machine that stalls just then
    answer, event, counts = values(probed)
    assert answer == {"accepted": 1, "rejected": []}
    assert event["user"] == "first"
    assert counts.keys() == {"store", "influxdb"} and not any(count["missing"] for count in counts.values())
    assert hook.notices
    assert "first.tar is written" in saved and "first.tar is whole" in saved


def test_scaling(machine: Machine) -> None:
    looked, more = all_of("scaling.md", machine)
    assert '"lag_seconds"' in looked and "events.influxdb" in looked and "eventsink_spool_events" in looked
    assert "influxdb" in more
    machine.run("systemctl disable --now eventsink-api@8752")


def test_destination_down(machine: Machine, rabbitmq: RabbitMQ) -> None:
    publish(rabbitmq.at(VHOST), b"this is no event")
    eventually(lambda: _letters(machine) == {"influxdb", "store"}, "the letters are there")
    state, room, exported, letters, replayed, after = all_of("destination-down.md", machine)
    assert "influxdb" in state and '"waiting"' in room and not exported
    saved = (machine.folder / "work" / "dead-influxdb.ndjson").read_text()
    assert [json.loads(line)["worker"] for line in saved.splitlines()] == ["influxdb"]
    assert "this is no event" in letters
    assert "influxdb" in replayed and "influxdb" in after
    wait_until_all_is_delivered(machine)  # the letter that was retried has come back
    eventually(lambda: _letters(machine) == {"influxdb", "store"}, "all letters are there again")
    machine.run("eventsink dead drop --all --yes")


def _letters(machine: Machine) -> set[str]:
    """Whose they are."""
    return {letter["worker"] for letter in values(machine.run("eventsink dead list --format json"))}


def test_backup(machine: Machine) -> None:
    wait_until_all_is_delivered(machine)
    before = KeyFile(machine.data / "keys.db").list()
    events = machine.run("eventsink sql 'SELECT count(*) FROM events' --format csv")
    whole, definitions, night, restored, imported, hole, drill = all_of("backup.md", machine)
    assert "is whole: " in whole and "is restored: " in restored and not (definitions + imported)
    assert re.search(r"^2.* \d+ files, \d+ bytes$", night, re.MULTILINE)
    assert json.loads((machine.backups / "rabbitmq.json").read_text())["queues"]
    assert KeyFile(machine.data / "keys.db").list() == before
    assert machine.run("eventsink sql 'SELECT count(*) FROM events' --format csv") == events
    assert "last_before" in hole and "drill.tar is written" in drill and "var is restored" in drill
    assert not (machine.folder / "work" / "drill").exists()


def test_upgrade(machine: Machine) -> None:
    wait_until_well(machine)
    saved, upgraded, back = all_of("upgrade.md", machine)
    assert "is written: " in saved and "influxdb" in upgraded and "is restored: " in back
    wait_until_well(machine)
    assert (machine.folder / "var-newer").is_dir()


def test_security(machine: Machine) -> None:
    wait_until_well(machine)  # or `doctor` says so, by its exit code
    old = KeyFile(machine.data / "keys.db").create(["ingest"], name="old")
    outside, keys, files, person = all_of("security.md", machine, OLD_ID=old.id)
    assert not outside and old.id in keys and f"Key {old.id} is revoked." in keys
    assert old.id not in {key.id for key in KeyFile(machine.data / "keys.db").list()}
    assert files.count('"ok": true') == 2 and "guest:guest" not in files
    assert {json.loads(line)["user"] for line in person.splitlines()} == {"probe"}


def name_of(path: Path) -> str:
    """Of a page."""
    return path.name


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=name_of)
def test_what_a_page_points_to_is_there(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#?([^):]*)\)", page.read_text("utf-8")):
        path = page.parent / (target or page.name)
        assert path.exists(), target
        heads = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE) if anchor else []
        anchors = [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads]  # as GitHub makes them
        assert not anchor or anchor in anchors, anchor
