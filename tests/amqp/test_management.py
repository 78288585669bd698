"""Where the management API is, who asks it, and what answers in its place."""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest

from eventsink.amqp import Address, Management
from eventsink.errors import BrokerUnavailable, SettingsError
from tests.deliver.answering import Said, answering


def _user(management: Management) -> str:
    return b64decode(management._authorization.removeprefix("Basic ")).decode()


def test_a_percent_sign_in_a_password_is_decoded_once() -> None:
    address = Address.parse("amqp://a%2540b:p%2541ss@host")
    assert _user(Management(address)) == f"{address.user}:{address.password}" == "a%40b:p%41ss"
    assert _user(Management(address, "http://u%2540:p%2541@host:15672")) == "u%40:p%41"


@pytest.mark.parametrize("url", ["", "http://[::1]:15672"])
def test_a_broker_without_a_name_may_have_an_address_of_ipv6(url: str) -> None:
    assert Management(Address.parse("amqp://[::1]:5673/v"), url).where == "http://[::1]:15672"


def test_an_address_that_is_none_is_said_by_the_name_of_its_setting() -> None:
    with pytest.raises(SettingsError, match=r"checks\.queue\.management is no address"):
        Management(Address.parse("amqp://host"), "host:15672", "checks.queue.management")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (Management.version, {}),
        (Management.version, ["3.10"]),
        (Management.queues, {"queues": []}),
        (lambda management: management.queue("q"), [1]),
        (lambda management: management.bindings("q"), "well"),
        (lambda management: management.permissions("u"), []),
    ],
)
async def test_what_answers_in_json_and_is_another_is_a_sentence(ask: Callable[[Management], Any], said: Any) -> None:
    async with answering(Said(200, said)) as server:
        management = Management(Address.parse("amqp://host"), server.url)
        with pytest.raises(BrokerUnavailable, match=r"is no management API of RabbitMQ: see exchange\.management"):
            await asyncio.to_thread(ask, management)
