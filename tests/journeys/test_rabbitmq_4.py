"""The same promises on RabbitMQ 4, which by itself throws away what it has delivered 20 times."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest

from eventsink.amqp import Address
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions
from eventsink.testing import drain, sample_events
from tests.journeys.production import Production, production
from tests.journeys.test_production import _fault_run
from tests.servers.process import eventually
from tests.servers.rabbitmq_4 import RabbitMQ4

POLICIES = ("eventsink-workers", "eventsink-own")
GONE = 10.0  # seconds


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """All servers and processes, with RabbitMQ 4 between them."""
    with production(tmp_path_factory.mktemp("production"), RabbitMQ4) as running:
        assert isinstance(running.rabbitmq, RabbitMQ4)
        yield running


@pytest.mark.parametrize("rounds", [1, pytest.param(7, marks=pytest.mark.soak)])
def test_nothing_is_lost_or_doubled_when_it_is_killed(setup: Production, rounds: int) -> None:
    """It is killed first; the others, which are those of any RabbitMQ, in the long run alone."""
    assert setup.rabbitmq.manage("GET", "/api/overview")[1]["rabbitmq_version"].startswith("4.")
    _fault_run(setup, rounds=rounds, seed=4)
    # It says so as soon as it has seen that all is well again.
    eventually(lambda: setup.serve.status()["concerns"] == [], "nothing is left to be said")


async def test_what_is_delivered_more_than_20_times_is_not_thrown_away(
    setup: Production, vhost: str, tmp_path: Path
) -> None:
    broker = setup.rabbitmq.vhost(vhost)
    exchange = await _open(setup, broker, tmp_path)
    try:
        await _until(lambda: all(_policy(setup, vhost, name) for name in POLICIES), "the policies are set")
        await (await exchange.queue("store")).take(1, 0.1)
        events = sample_events(3)
        await exchange.publish(events)
    finally:
        await exchange.close()  # gives back what came meanwhile
    assert _take_and_give_back(broker, "events.store", 30) == 30
    again = await _open(setup, broker, tmp_path)
    try:
        found = await drain(await again.queue("store"))
        assert {event.id for event in found} == {event.id for event in events}
        assert again.concerns() == []
    finally:
        await again.close()


async def test_without_the_policy_it_would_be(setup: Production, vhost: str) -> None:
    """So that the test above means something."""
    broker = setup.rabbitmq.vhost(vhost)
    with pika.BlockingConnection(pika.URLParameters(broker)) as connection:
        channel = connection.channel()
        channel.queue_declare("events.store", durable=True, arguments={"x-queue-type": "quorum"})
        channel.confirm_delivery()
        channel.basic_publish("", "events.store", b"{}")
    assert _take_and_give_back(broker, "events.store", 30) == 21


async def test_who_may_not_set_policies_is_told(setup: Production, vhost: str, tmp_path: Path) -> None:
    broker = setup.rabbitmq.vhost(vhost)
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    assert setup.rabbitmq.manage("PUT", "/api/users/plain", {"password": "plain", "tags": ""})[0] in (201, 204)
    assert setup.rabbitmq.manage("PUT", f"/api/permissions/{vhost}/plain", everything)[0] in (201, 204)
    exchange = await _open(setup, broker.replace("guest:guest", "plain:plain"), tmp_path)
    try:
        await _until(lambda: bool(exchange.concerns()), "it says so")
        (concern,) = exchange.concerns()
        assert concern.startswith("RabbitMQ 4.") and "loses what it has delivered 20 times" in concern
        assert "docs/rabbitmq.md" in concern and "plain:plain" not in concern
    finally:
        await exchange.close()


async def test_a_policy_that_a_person_has_changed_is_left_alone_and_said(
    setup: Production, vhost: str, tmp_path: Path
) -> None:
    broker = setup.rabbitmq.vhost(vhost)
    low = {"pattern": "^events\\.", "apply-to": "queues", "priority": 10, "definition": {"delivery-limit": 3}}
    assert setup.rabbitmq.manage("PUT", f"/api/policies/{vhost}/eventsink-workers", low)[0] in (201, 204)
    exchange = await _open(setup, broker, tmp_path)
    try:
        await _until(lambda: bool(exchange.concerns()), "it says so")
        assert "eventsink-workers is another one than it should be" in exchange.concerns()[0]
        assert "`eventsink doctor --fix` sets it." in exchange.concerns()[0]
        assert _policy(setup, vhost, "eventsink-workers")["definition"] == {"delivery-limit": 3}
    finally:
        await exchange.close()


async def _open(setup: Production, broker: str, folder: Path) -> RabbitExchange:
    options = RabbitOptions(management=f"http://127.0.0.1:{setup.rabbitmq.management}")
    return await RabbitExchange.open(Address.parse(broker), options, folder / "accounts.db")


def _policy(setup: Production, vhost: str, name: str) -> dict:
    status, found = setup.rabbitmq.manage("GET", f"/api/policies/{vhost}/{name}")
    return found if status == 200 else {}


async def _until(true: Callable[[], bool], what: str) -> None:
    for _ in range(300):
        if true():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not so: {what}")


def _take_and_give_back(broker: str, queue: str, most: int) -> int:
    """How often the first message of a queue comes when it is given back each time.

    What was given back, or was in the hands of somebody whose channel has ended, is there again a moment later: it is
    gone when it has not come for some seconds.
    """
    with pika.BlockingConnection(pika.URLParameters(broker)) as connection:
        channel = connection.channel()
        for number in range(most):
            deadline = time.monotonic() + GONE
            while (method := channel.basic_get(queue)[0]) is None:
                if time.monotonic() > deadline:
                    return number
                connection.sleep(0.05)
            channel.basic_nack(method.delivery_tag, requeue=True)
    return most
