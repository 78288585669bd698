"""The commands on RabbitMQ: what they say when something is not as it should be, and that the doctor mends it."""

import json
from pathlib import Path

import pytest

from tests.servers.rabbitmq import RabbitMQ


@pytest.fixture
def on_broker(run, broker: str, rabbitmq: RabbitMQ, monkeypatch: pytest.MonkeyPatch):
    """Runs one command with RabbitMQ as the exchange, and one worker configured."""
    monkeypatch.setenv("EVENTSINK_EXCHANGE__URL", broker)
    monkeypatch.setenv("EVENTSINK_EXCHANGE__MANAGEMENT", f"http://127.0.0.1:{rabbitmq.management}")
    monkeypatch.setenv("EVENTSINK_WORKERS__ECHO__PATH", "echo.ndjson")
    return run


@pytest.mark.parametrize("command", [("worker", "echo"), ("api",)])
def test_processes_of_their_own_need_rabbitmq(run, command):
    answer = run(*command)
    assert answer.exit_code == 1
    assert "needs RabbitMQ: set exchange.url" in answer.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("worker", "store"), "delivered to by `eventsink serve`"),
        (("worker", "nosuch"), "There is no section [workers.nosuch]"),
        (("worker",), "Missing argument"),
    ],
)
def test_a_worker_that_cannot_run_says_why(on_broker, command, said):
    answer = on_broker(*command)
    assert answer.exit_code in (1, 2)
    assert said in answer.stderr


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("api", "--port", "0"), ("worker", "echo")])
def test_a_wrong_password_or_virtual_host_is_one_sentence(on_broker, broker, monkeypatch, command):
    monkeypatch.setenv("EVENTSINK_EXCHANGE__URL", broker.replace("guest:guest", "guest:hunter2"))
    answer = on_broker(*command)
    assert answer.exit_code == 1
    assert "refuses user 'guest' or the password" in answer.stderr
    monkeypatch.setenv("EVENTSINK_EXCHANGE__URL", f"{broker}-that-is-not-there")
    absent = on_broker(*command)
    assert absent.exit_code == 1
    assert "rabbitmqctl add_vhost" in absent.stderr
    assert "hunter2" not in answer.stderr and "Traceback" not in answer.stderr + absent.stderr


def test_an_exchange_that_others_declared_differently_is_one_sentence(on_broker, rabbitmq, vhost):
    topic = {"type": "topic", "durable": True}
    assert rabbitmq.manage("PUT", f"/api/exchanges/{vhost}/clowder.metrics", topic)[0] == 201
    answer = on_broker("worker", "echo")
    assert answer.exit_code == 1
    assert "declared differently: it must be a durable fanout" in answer.stderr


def test_the_doctor_sets_the_policy_and_says_what_is_missing(on_broker, rabbitmq, vhost):
    answer = on_broker("doctor", "--format", "json")
    found = {finding["check"]: finding for finding in map(json.loads, answer.stdout.splitlines())}
    assert answer.exit_code == 1
    assert found["exchange"]["ok"] and found["worker echo"]["ok"] and found["RabbitMQ"]["ok"]
    assert not found["policy"]["ok"] and "--fix" in found["policy"]["remedy"]
    assert found["queue events.store"]["remedy"] == "Start `eventsink serve` once."
    assert found["queue events.echo"]["remedy"] == "Start `eventsink worker echo` once."
    mended = on_broker("doctor", "--fix", "--format", "json")
    found = {finding["check"]: finding for finding in map(json.loads, mended.stdout.splitlines())}
    assert found["policy"]["ok"], found["policy"]
    status, policy = rabbitmq.manage("GET", f"/api/policies/{vhost}/eventsink-workers")
    assert status == 200
    assert policy["definition"]["dead-letter-exchange"] == "events.dead"


def test_the_doctor_says_that_the_management_api_does_not_answer(on_broker, monkeypatch):
    monkeypatch.setenv("EVENTSINK_EXCHANGE__MANAGEMENT", "http://127.0.0.1:9")
    answer = on_broker("doctor", "--format", "json")
    found = {finding["check"]: finding for finding in map(json.loads, answer.stdout.splitlines())}
    assert "rabbitmq-plugins enable rabbitmq_management" in found["management API"]["found"]
    fix = on_broker("doctor", "--fix")
    assert fix.exit_code == 1 and "does not answer at http://127.0.0.1:9" in fix.stderr


def test_there_is_nothing_to_fix_without_rabbitmq(run):
    answer = run("doctor", "--fix")
    assert answer.exit_code == 1 and "nothing to fix" in answer.stderr


def test_settings_of_rabbitmq_are_checked_and_shown_without_the_password(on_broker, monkeypatch):
    assert on_broker("config", "check").exit_code == 0
    monkeypatch.setenv("EVENTSINK_EXCHANGE__URL", "amqp://me:hunter2@one,two:5673/clowder")
    shown = on_broker("config", "show").stdout
    assert "one,two:5673/clowder" in shown and "hunter2" not in shown
    monkeypatch.setenv("EVENTSINK_EXCHANGE__URL", "amqp://me:hunter2@:x/clowder")
    wrong = on_broker("config", "check")
    assert wrong.exit_code == 1 and "The address of RabbitMQ" in wrong.stderr and "hunter2" not in wrong.stderr
    Path("eventsink.toml").write_text('[workers.echo]\ntypes = ["storage.*", 7]\n')
    monkeypatch.delenv("EVENTSINK_EXCHANGE__URL")
    assert "workers.echo.types must be a list of types" in on_broker("config", "check").stderr
