"""What RabbitMQ has, and what travels through it, is what the AsyncAPI document says."""

import asyncio
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from eventsink.amqp import Address
from eventsink.collect.asyncapi import asyncapi
from eventsink.exchange.contract import Failure
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions
from eventsink.settings import Exchange, Settings
from eventsink.testing import drain, sample_events
from tests import processes
from tests.amqp.foreign import get_all
from tests.asyncapi import Document
from tests.servers.process import required
from tests.servers.rabbitmq import RabbitMQ

DESTINATIONS = {"store": [], "influxdb": ["storage.*", "health.ping_update"]}
LOGINS, UPLOADS, CUSTOM = "users.login", "storage.file_uploaded", "instrument.started"
PAGE = Path(__file__).parents[2] / "docs" / "asyncapi.md"


def _document(**exchange: Any) -> Document:
    made = asyncapi(Settings(exchange=Exchange(**exchange)), DESTINATIONS)
    return Document(json.loads(msgspec.json.encode(made)))


@pytest.mark.parametrize("single", [False, True], ids=["batch", "single"])
async def test_what_is_taken_off_a_queue_is_a_message_of_the_document(broker: str, single: bool) -> None:
    document = _document(format="single" if single else "batch")
    events = [*sample_events(3, event_type=UPLOADS), *sample_events(2, event_type=CUSTOM)]
    events += [msgspec.structs.replace(event, data={"method": "x"}) for event in sample_events(1, event_type=LOGINS)]
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(destinations=DESTINATIONS, single=single))
    try:
        await exchange.publish(events)
    finally:
        await exchange.close()
    found = {queue: _names(document, broker, f"events.{queue}") for queue in DESTINATIONS}
    several = [UPLOADS] * 3 + ["custom"] * 2 if single else [f"{UPLOADS}.batch", "custom.batch"]
    assert sorted(found["store"]) == sorted([*several, LOGINS])
    assert set(found["influxdb"]) == {name for name in several if name.startswith(UPLOADS)}
    operation = document.described["operations"]["publishEvents"]
    sent = {reference["$ref"].rpartition("/")[2] for reference in operation.get("messages", ())}
    assert not sent or set(found["store"]) <= sent
    for queue, seen in found.items():
        assert set(seen) <= document.described["channels"][f"queue.{queue}"]["messages"].keys()


def _names(document: Document, broker: str, queue: str) -> list[str]:
    """The message of the document that each message in a queue is: one, and with all that is said of it."""
    messages, found = get_all(broker, queue), []
    while not messages:  # who had them is just giving them back; a test that waits for ever is ended
        messages = get_all(broker, queue)
    for method, properties, body in messages:
        payload = json.loads(body)
        (name,) = document.which(payload, properties.content_type)
        document.check_properties(name, {key: value for key, value in vars(properties).items() if value is not None})
        kind = (payload[0] if isinstance(payload, list) else payload)["type"]
        assert method.routing_key == (kind if method.exchange else queue)  # put back into it alone
        found.append(name)
    return found


async def test_what_is_delivered_again_is_a_message_of_the_document(broker: str, tmp_path: Path) -> None:
    document, (event,) = _document(), sample_events(1, event_type=UPLOADS)
    exchange = await RabbitExchange.open(
        Address.parse(broker), RabbitOptions(destinations=DESTINATIONS), tmp_path / "accounts.db"
    )
    try:
        await exchange.put_back("influxdb", [event])
        queue = await exchange.queue("store")
        await exchange.publish([event])
        batch = await queue.take(1, 30.0)
        assert batch is not None
        now = datetime.now(UTC)
        await queue.done(batch, [Failure(event=event, reason="It is full.", attempts=1, first_seen=now, last_seen=now)])
        async with asyncio.timeout(30):
            while not (letters := await exchange.dead_letters()):  # it may not be filed yet
                await asyncio.sleep(0.05)
        (letter,) = letters
        assert await exchange.retry([letter.id]) == 1
    finally:
        await exchange.close()
    assert _names(document, broker, "events.influxdb") == [UPLOADS, UPLOADS]
    assert _names(document, broker, "events.store") == [UPLOADS]


async def test_what_is_declared_is_what_the_bindings_say(broker: str, rabbitmq: RabbitMQ, vhost: str) -> None:
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(destinations=DESTINATIONS))
    await exchange.close()
    channels = _document().described["channels"]
    assert len(channels) == 6
    for channel in channels.values():
        said = channel["bindings"]["amqp"]
        kind = "queue" if said["is"] == "queue" else "exchange"
        place = f"{kind}s/{quote(vhost)}/{said[kind]['name']}"
        status, found = rabbitmq.manage("GET", f"/api/{place}")
        assert status == 200, place
        names = {"durable": "durable", "auto_delete": "autoDelete"}
        names |= {"exclusive": "exclusive"} if kind == "queue" else {"type": "type"}
        assert {name: found[name] for name in names} == {name: said[kind][key] for name, key in names.items()}
        assert found["arguments"] == said["x-arguments"]
        bound = rabbitmq.manage("GET", f"/api/{place}/bindings" + ("" if kind == "queue" else "/destination"))[1]
        told = sorted((one["source"], one["routingKey"]) for one in said["x-bindings"])
        assert sorted((one["source"], one["routing_key"]) for one in bound if one["source"]) == told, place


async def test_what_the_page_publishes_comes_as_an_event(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PAGE.read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (command,) = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "amqp-publish" in block]
    (tmp_path / "asyncapi.json").write_text(json.dumps(_document().described))
    (tmp_path / "publish.py").write_text(program)
    monkeypatch.setenv("RABBITMQ", broker)
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(destinations=DESTINATIONS))
    try:
        done = processes.run(
            [sys.executable, "publish.py", "asyncapi.json", broker], cwd=tmp_path, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        (event,) = await drain(await exchange.queue("store"), least=1)
        assert (event.type, event.source, event.user) == (LOGINS, "portal.example.org", "alice")
        assert event.data == {"method": "cilogon"}
        required("amqp-publish", "amqp-tools")
        processes.run(["sh", "-c", command], check=True)
        (event,) = await drain(await exchange.queue("store"), least=1)
        assert (event.type, event.id) == (LOGINS, "login-4711")
    finally:
        await exchange.close()
