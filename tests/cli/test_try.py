import csv
import json
from pathlib import Path

import pytest

from eventsink.catalogue import CATALOGUE, validate
from eventsink.cli.trial import samples
from tests.servers.amplitude import serve

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_worker.py"

WORKER = """
from dataclasses import dataclass
from eventsink.deliver.worker import Worker
from eventsink.errors import Refused, TryLater

@dataclass(frozen=True)
class Options:
    password: str = "hidden"

class Trial(Worker[Options]):
    timeout = 0.1
    async def deliver(self, events):
        {body}
"""


def test_the_example_is_a_complete_worker_in_few_lines(run):
    answer = run("try", EXAMPLE, "--options", "path=out.csv")
    assert (answer.exit_code, answer.stdout) == (0, "custom_worker delivered three sample events.\n")
    with Path("out.csv").open() as file:
        rows = list(csv.reader(file))
    assert [row[1] for row in rows] == ["storage.file_uploaded", "traffic.resource_downloaded", "health.ping_update"]


def test_a_worker_gets_the_types_that_its_section_asks_for(run):
    options = ("--options", "path=out.csv", "--options", 'types=["storage.*", "health.ping_update"]')
    answer = run("try", EXAMPLE, *options)
    assert (answer.exit_code, answer.stdout) == (0, "custom_worker delivered two sample events.\n")
    assert run("try", EXAMPLE, "--options", "path=out.csv", "--options", "types=[1]").exit_code == 1
    assert len(EXAMPLE.read_text().splitlines()) < 40


def test_options_that_are_lists_are_written_as_json(run):
    options = ("--options", "path=out.csv", "--options", 'types=["health.ping_update"]')
    assert run("try", EXAMPLE, *options, "--format", "json").stdout.startswith('{"outcome":"delivered"')
    assert Path("out.csv").read_text().count("health.ping_update") == 1


def test_options_of_the_settings_are_used(run):
    Path("eventsink.toml").write_text(f'[workers.traffic]\nuse = "{EXAMPLE}"\npath = "from-settings.csv"\n')
    assert run("try", "traffic").exit_code == 0
    assert Path("from-settings.csv").exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise TryLater('Down: password=abc123.')", "says try later: Down: password=…"),
        ("raise Refused('Never.')", "refused the events: Never. The sink would make them dead letters."),
        ("raise KeyError('colour')", "failed by a bug: 'colour'."),
        ("import asyncio; await asyncio.sleep(5)", "says try later: No answer within 0.1 seconds."),
    ],
)
def test_what_came_of_it_is_said_in_the_words_of_the_sink(run, body, said):
    Path("worker.py").write_text(WORKER.format(body=body))
    answer = run("try", "worker.py")
    assert answer.exit_code == 1
    assert said in answer.stderr
    assert ("Traceback" in answer.stderr) == ("KeyError" in body)


@pytest.mark.parametrize(
    ("worker", "said"),
    [
        ("ecko", "Did you mean 'echo'?"),
        ("absent.py", "There is no file absent.py."),
        (EXAMPLE, "path is missing: it must be text."),
    ],
)
def test_a_worker_that_does_not_load_says_why(run, worker, said):
    answer = run("try", worker)
    assert (answer.exit_code, said in answer.stderr) == (1, True)


SERVICES = {
    "amplitude": ["--options", "api_key=sekret0123"],
    "google_analytics": ["--options", "api_secret=sekret0123", "--options", "measurement_id=G-ABC123"],
}


@pytest.mark.parametrize(
    ("name", "hint"), [("htp", "'http'"), ("influxdbb", "'influxdb'"), ("zzz", "amplitude, clowder")]
)
def test_a_name_of_neither_a_worker_nor_a_check_gets_the_nearest_of_both(run, name, hint):
    answer = run("try", name)
    assert answer.exit_code == 1
    assert f"There is neither a worker nor a check '{name}'." in answer.stderr and hint in answer.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_of_a_service_of_analytics_it_is_shown_field_by_field_what_would_be_sent(run, name):
    answer = run("try", name, *SERVICES[name], "--dry-run", "--options", "id_key=a key of 16 letters")
    assert answer.exit_code == 0, answer.stderr
    assert f"{name} has sent nothing." in answer.stdout
    for shown in ("traffic.page_view", "fields.", "Firefox", "it is not among the types"):
        assert shown in answer.stdout
    told = json.loads(run("try", name, *SERVICES[name], "--dry-run", "--format", "json").stdout)
    assert told["outcome"] == "shown"
    assert [each["event"] for each in told["sent"]] == [*(event.type for event in samples()), "traffic.page_view"]
    assert told["sent"][3]["address"].startswith("https://")
    for hidden in ("sekret0123", "Some Body", "r1ek3rs", "64a0000000000000000000a1", "a key of 16 letters"):
        assert hidden not in answer.stdout + json.dumps(told)


def test_what_is_shown_is_sent_as_well_unless_it_is_a_dry_run(run):
    with serve("sekret0123") as server:
        options = (*SERVICES["amplitude"], "--options", f"endpoint={server.url}")
        answer = run("try", "amplitude", *options, "--format", "json")
        assert (answer.exit_code, json.loads(answer.stdout)["outcome"]) == (0, "delivered")
        assert {event["event_type"] for event in server.stored} == {event.type for event in samples()[:2]}


def test_a_worker_that_cannot_tell_what_it_would_send_says_so(run):
    answer = run("try", EXAMPLE, "--options", "path=out.csv", "--dry-run")
    assert (answer.exit_code, answer.stdout) == (0, "custom_worker cannot tell what it would send.\n")
    assert not Path("out.csv").exists()


def test_the_samples_are_what_the_catalogue_wants():
    events = samples()
    assert len({event.id for event in events}) == 3
    assert [validate(CATALOGUE[event.type], event.data) for event in events] == [[], [], []]
