"""What processes say of their workers, between versions of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eventsink.amqp import Address
from eventsink.exchange.canary import Canary
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions, heartbeats
from eventsink.exchange.rabbitmq.heartbeats import HEARTBEATS, Heartbeat

CANARY = Canary(id="one", delay_seconds=0.25, at=datetime(2026, 11, 23, 10, tzinfo=UTC))
FUTURE = Canary(id="ahead", delay_seconds=0.0, at=datetime(2999, 1, 1, tzinfo=UTC))
OLDER = {"worker": "influxdb", "process": "far:1:ab", "state": "idle", "messages": 0, "version": "0.0.9"}


@pytest.fixture
async def keeper(broker: str, tmp_path: Path) -> AsyncIterator[RabbitExchange]:
    """Who keeps the accounts, and listens."""
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(), tmp_path / "accounts.db")
    yield exchange
    await exchange.close()


async def until(true: Any) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.02)


async def test_the_canary_of_a_worker_elsewhere_is_known_also_when_it_is_gone(
    keeper: RabbitExchange, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "GONE", 0.5)
    away = await RabbitExchange.open(Address.parse(broker), RabbitOptions())
    await away.queue("influxdb")
    away.announce(lambda: {"influxdb": "idle"}, lambda: {"influxdb": CANARY})
    await until(lambda: keeper.canaries() == {"influxdb": CANARY})
    await away.close()
    await until(lambda: keeper.states() == {})
    assert keeper.canaries() == {"influxdb": CANARY}, "so that its age grows"


async def test_a_process_of_another_version_is_understood(keeper: RabbitExchange) -> None:
    newer = msgspec.to_builtins(Heartbeat(worker="mongodb", process="p", state="idle", messages=0, canary=CANARY))
    body = json.dumps([OLDER, {**newer, "mood": "of a later version"}]).encode()
    async with asyncio.timeout(30):
        while set(keeper.states()) != {"influxdb", "mongodb"}:  # it may not listen yet
            await keeper._service.publish(body, exchange=HEARTBEATS, delivery_mode=None, mandatory=False)
            await asyncio.sleep(0.05)
    assert keeper.canaries() == {"mongodb": CANARY}


async def test_a_canary_of_a_clock_that_is_ahead_hides_none_that_comes_after_it(keeper: RabbitExchange) -> None:
    ahead = Heartbeat(worker="influxdb", process="p", state="idle", messages=0, canary=FUTURE)
    later = msgspec.structs.replace(CANARY, id="two", at=datetime.now(UTC) + timedelta(seconds=20))

    async def until_heard(heartbeat: Heartbeat) -> Canary:
        async with asyncio.timeout(30):
            while keeper.canaries().get("influxdb", CANARY).id != (heartbeat.canary or CANARY).id:
                body = msgspec.json.encode([heartbeat])
                await keeper._service.publish(body, exchange=HEARTBEATS, delivery_mode=None, mandatory=False)
                await asyncio.sleep(0.05)
        return keeper.canaries()["influxdb"]

    assert (await until_heard(ahead)).at <= datetime.now(UTC), "it is not of the future, and gets old"
    assert (await until_heard(msgspec.structs.replace(ahead, canary=later))).id == "two"


def test_an_older_process_understands_ours() -> None:
    class Older(msgspec.Struct, frozen=True, kw_only=True):
        worker: str
        process: str
        state: str
        messages: int
        oldest: datetime | None = None
        version: str = ""

    ours = msgspec.json.encode([Heartbeat(worker="w", process="p", state="idle", messages=0, canary=CANARY)])
    assert msgspec.json.decode(ours, type=list[Older])[0].worker == "w"


@pytest.mark.parametrize(
    "nonsense",
    [
        b'[{"worker":"\xff","process":"p","state":"","messages":0}]',
        b"[" * 100_000,
        b'[{"worker":"w","process":"p","state":"","messages":0,"oldest":"2026-01-01T00:00:00"}]',
    ],
)
async def test_what_cannot_be_read_ends_no_listening(keeper: RabbitExchange, nonsense: bytes) -> None:
    said = json.dumps([OLDER]).encode()
    async with asyncio.timeout(30):
        for body in (said, nonsense, said):
            keeper._heartbeats._known.clear()
            while body == said and not keeper.states():  # it may not listen yet
                await keeper._service.publish(body, exchange=HEARTBEATS, delivery_mode=None, mandatory=False)
                await asyncio.sleep(0.05)
            await keeper._service.publish(body, exchange=HEARTBEATS, delivery_mode=None, mandatory=False)
    assert set(keeper.states()) == {"influxdb"}


async def test_a_fault_of_ours_ends_no_speaking(
    keeper: RabbitExchange, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "PATIENCE", 0.01)
    away = await RabbitExchange.open(Address.parse(broker), RabbitOptions())
    await away.queue("influxdb")
    faults = iter([RuntimeError("a fault")])

    def states() -> dict[str, str]:
        for fault in faults:
            raise fault
        return {"influxdb": "idle"}

    away.announce(states)
    await until(lambda: keeper.states() == {"influxdb": "idle"})
    await away.close()
