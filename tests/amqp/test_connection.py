"""What a person reads when the broker is not there, is another program, or says no."""

import asyncio
import logging
import socket
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from eventsink.amqp import Address, Connection, Message, Publisher, Queue, connection, declare
from eventsink.errors import BrokerRefuses, BrokerUnavailable
from tests.amqp.foreign import peer
from tests.servers.process import free_ports
from tests.servers.rabbitmq import RabbitMQ
from tests.stalls import stalls


async def _failure(url: str) -> BrokerUnavailable:
    """The error of a connection that cannot be made, within a bearable time and without the password."""
    link = Connection(Address.parse(url), "test")
    with stalls() as stalled:
        begun = time.monotonic()
        try:
            with pytest.raises(BrokerUnavailable) as caught:
                await link.channel()
        finally:
            await link.close()
        assert stalled.running(begun) < 2 * connection.CONNECT_WITHIN
    text = str(caught.value)
    assert "s3cret" not in text and "\n" not in text and "Traceback" not in text
    assert text.endswith((".", "?")) and "()" not in text
    return caught.value


def _url(rabbitmq: RabbitMQ, user: str = "guest:guest", vhost: str = "%2f") -> str:
    return f"amqp://{user}@127.0.0.1:{rabbitmq.port}/{vhost}"


async def test_a_wrong_password_is_refused(rabbitmq: RabbitMQ) -> None:
    error = await _failure(_url(rabbitmq, "guest:s3cret"))
    assert isinstance(error, BrokerRefuses) and error.code == 403
    assert "'guest' or the password" in str(error) and "exchange.url" in str(error)


async def test_an_unknown_user_is_refused(rabbitmq: RabbitMQ) -> None:
    error = await _failure(_url(rabbitmq, "nobody:s3cret"))
    assert isinstance(error, BrokerRefuses) and "'nobody'" in str(error)


async def test_a_missing_virtual_host_is_named_with_its_remedy(rabbitmq: RabbitMQ) -> None:
    error = await _failure(_url(rabbitmq, vhost="nowhere"))
    assert isinstance(error, BrokerRefuses) and error.code == 530
    assert "rabbitmqctl add_vhost nowhere" in str(error)


async def test_a_user_without_access_to_the_virtual_host_is_told_how_to_get_it(rabbitmq: RabbitMQ, broker: str) -> None:
    rabbitmq.manage("PUT", "/api/users/stranger", {"password": "s3cret", "tags": ""})
    error = await _failure(_url(rabbitmq, "stranger:s3cret", broker.rpartition("/")[2]))
    assert isinstance(error, BrokerRefuses) and error.code == 530
    assert "rabbitmqctl set_permissions" in str(error) and "'stranger'" in str(error)


async def test_a_host_that_does_not_exist_is_named() -> None:
    error = await _failure("amqp://u:s3cret@no-such-host.invalid/v")
    assert not isinstance(error, BrokerRefuses)
    assert "no-such-host.invalid" in str(error)


async def test_a_port_where_nobody_listens_is_named() -> None:
    (port,) = free_ports(1)
    error = await _failure(f"amqp://u:s3cret@127.0.0.1:{port}/v")
    assert not isinstance(error, BrokerRefuses)
    assert f"127.0.0.1:{port} cannot be reached: " in str(error)


async def test_a_web_server_is_no_broker() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>what?</html>")
        writer.close()

    async with peer(answer) as port:
        error = await _failure(f"amqp://u:s3cret@127.0.0.1:{port}/v")
    assert f"What answers at 127.0.0.1:{port} hung up" in str(error) and "is it RabbitMQ" in str(error)


async def test_a_peer_that_hangs_up_may_be_a_broker_that_dies_or_starts() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.close()

    async with peer(answer) as port:
        error = await _failure(f"amqp://u:s3cret@127.0.0.1:{port}/v")
    assert not isinstance(error, BrokerRefuses), "nobody has to change anything, and another node may answer"
    assert "hung up" in str(error)


async def test_the_management_port_is_no_port_of_amqp(rabbitmq: RabbitMQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_WITHIN", 2.0)
    error = await _failure(f"amqp://guest:guest@127.0.0.1:{rabbitmq.management}/%2f")
    assert f"127.0.0.1:{rabbitmq.management}" in str(error)


async def test_a_peer_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_WITHIN", 1.0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with peer(answer) as port:
        error = await _failure(f"amqp://u:s3cret@127.0.0.1:{port}/v")
    assert "does not answer in time" in str(error)


async def test_a_peer_whose_queue_of_connections_is_full_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_WITHIN", 1.0)
    with socket.socket() as listening, socket.socket() as filling:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        filling.connect(listening.getsockname())
        error = await _failure(f"amqp://u:s3cret@127.0.0.1:{listening.getsockname()[1]}/v")
    assert "does not answer in time" in str(error)


async def test_the_second_node_is_used_when_the_first_is_down(rabbitmq: RabbitMQ) -> None:
    (nobody,) = free_ports(1)
    address = Address.parse(f"amqp://guest:guest@127.0.0.1:{nobody},127.0.0.1:{rabbitmq.port}/%2f")
    for _ in range(6):  # the first to be asked is a random one
        link = Connection(address, "test")
        assert (await link.channel()).open
        await link.close()


async def test_of_many_nodes_none_of_which_answers_one_sentence_names_all() -> None:
    one, two = free_ports(2)
    error = await _failure(f"amqp://u:s3cret@127.0.0.1:{one},127.0.0.1:{two}/v")
    assert f"127.0.0.1:{one}, 127.0.0.1:{two}" in str(error)


async def test_failures_are_one_line_of_ours_and_none_of_pika(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("pika")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # as logs.configure does
    try:
        await _failure("amqp://u:s3cret@no-such-host.invalid/v")
    finally:
        logger.setLevel(before)
    assert not [record for record in caplog.records if record.name.startswith("pika")]


async def test_a_connection_that_is_closed_while_it_is_made_stays_closed(rabbitmq: RabbitMQ) -> None:
    link = Connection(Address.parse(rabbitmq.url), "closed while made")
    opening = asyncio.create_task(link.channel())
    for _ in range(3):  # turns of the loop: some way, and not the whole of it however slow the machine is
        await asyncio.sleep(0)
    await link.close()
    outcome = (await asyncio.gather(opening, return_exceptions=True))[0]
    assert isinstance(outcome, BrokerUnavailable)
    await asyncio.sleep(0.3)
    assert not await asyncio.to_thread(_connections, rabbitmq, "closed while made")


async def test_a_connection_whose_maker_is_cancelled_leaves_nothing_behind(rabbitmq: RabbitMQ) -> None:
    link = Connection(Address.parse(rabbitmq.url), "cancelled while made")
    opening = asyncio.create_task(link.channel())
    await asyncio.sleep(0.002)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    assert (await link.channel()).open, "it can be asked again"
    await link.close()
    await asyncio.sleep(0.3)
    assert not await asyncio.to_thread(_connections, rabbitmq, "cancelled while made")


def _connections(rabbitmq: RabbitMQ, name: str) -> list[str]:
    """The connections of a name that the broker has, without those that it is just forgetting."""
    deadline = time.monotonic() + 30
    while found := [
        one["name"]
        for one in rabbitmq.manage("GET", "/api/connections")[1]
        if one.get("client_properties", {}).get("connection_name") == name
    ]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return found


async def test_a_connection_that_the_broker_closes_is_made_anew(rabbitmq: RabbitMQ) -> None:
    link = Connection(Address.parse(rabbitmq.url), "to be closed")
    channel = await link.channel()
    for name in await asyncio.to_thread(_named, rabbitmq, "to be closed"):
        await asyncio.to_thread(rabbitmq.manage, "DELETE", f"/api/connections/{quote(name, safe='')}")
    reason = await asyncio.wait_for(channel.ended, 30)
    assert not isinstance(reason, BrokerRefuses) and "closed the connection" in str(reason)
    with pytest.raises(BrokerUnavailable):
        await channel.call("queue_declare", "x", passive=True)
    assert (await link.channel()).open
    await link.close()


def _named(rabbitmq: RabbitMQ, name: str) -> list[str]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = rabbitmq.manage("GET", "/api/connections")[1]
        names = [one["name"] for one in found if one.get("client_properties", {}).get("connection_name") == name]
        if names:
            return names
        time.sleep(0.1)
    return []


async def test_what_we_close_ourselves_is_no_refusal(rabbitmq: RabbitMQ) -> None:
    link = Connection(Address.parse(rabbitmq.url), "test")
    channel = await link.channel()
    channel.close()
    reason = await asyncio.wait_for(channel.ended, 30)
    assert not isinstance(reason, BrokerRefuses), "nobody has to change anything"
    await link.close()


@pytest.mark.soak
async def test_a_broker_that_hangs_is_left_within_the_time_of_the_publisher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CLOSE_WITHIN", 1.0)
    with RabbitMQ(tmp_path).running() as own:
        link = Connection(Address.parse(own.url), "test")
        publisher = Publisher(link, timeout=1.0)
        await declare(link, queues=[Queue("q")])
        await publisher.publish([Message(body=b"x", routing_key="q")])
        own.freeze()
        for _ in range(2):  # on the connection that hangs, then on one that cannot be made
            begun = time.monotonic()
            with pytest.raises(BrokerUnavailable):
                await publisher.publish([Message(body=b"x", routing_key="q") for _ in range(10)])
            assert time.monotonic() - begun < 3
        own.thaw()
        await publisher.publish([Message(body=b"y", routing_key="q")])
        own.freeze()
        begun = time.monotonic()
        await link.close()
        assert time.monotonic() - begun < 3
        own.thaw()
