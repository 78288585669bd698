"""On RabbitMQ, too, events that their destination does not take now hold up no others, and are lost by no kill."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from eventsink.amqp import Address
from eventsink.deliver.runner import Runner
from eventsink.errors import TryLater
from eventsink.event import Event
from eventsink.exchange.contract import Account
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions, queue
from eventsink.testing import sample_events
from tests.deliver.scripted import SOON, Scripted, Tally, until


class Throttling(Scripted):
    """Has the events of one user wait until it is told otherwise."""

    user = "user-3"
    offered = 0

    async def deliver(self, events: list[Event]) -> None:  # type: ignore[override]
        found = [event for event in events if event.user == self.user]
        self.delivered += [event.id for event in events if event.user != self.user]
        if found:
            self.offered += 1
            raise TryLater("too fast", after=0.05, events=found)


class Quota(Throttling):
    """Has them wait for an hour."""

    async def deliver(self, events: list[Event]) -> None:  # type: ignore[override]
        try:
            await super().deliver(events)
        except TryLater as error:
            raise TryLater("over the quota", after=3600, events=error.events) from None


async def _all_came_again(exchange: RabbitExchange, worker: Quota, others: set[str]) -> bool:
    """Whether all came three times but for those of a batch in which none had to wait: that one was settled at once."""
    once = (await exchange.accounts())["scripted"].delivered
    return sum(Counter(worker.delivered)[id_] >= 3 for id_ in others) >= len(others) - once


async def settled(exchange: RabbitExchange, waiting: int) -> Account:
    """The account, once so many events wait."""
    account = (await exchange.accounts())["scripted"]
    for _ in range(400):
        account = (await exchange.accounts())["scripted"]
        assert account.accepted == account.delivered + account.waiting + account.dead + account.missing
        if account.waiting == waiting:
            return account
        await asyncio.sleep(0.05)
    raise AssertionError(account)


async def test_others_go_on_and_whoever_is_killed_loses_none(broker: str, tmp_path: Path) -> None:
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(single=True), tmp_path / "accounts.db")
    try:
        worker = Throttling()
        runner = Runner("scripted", worker, await exchange.queue("scripted"), Tally(), policy=SOON)
        task = asyncio.create_task(runner.run())
        events = [event for _ in range(4) for event in sample_events(14)]
        for start in range(0, len(events), 14):
            await exchange.publish(events[start : start + 14])
            await asyncio.sleep(0.02)
        slow = [event.id for event in events if event.user == "user-3"]
        await until(lambda: len(worker.delivered) == len(events) - len(slow) and worker.offered > 5)
        assert (await exchange.accounts())["scripted"].waiting >= len(slow)
        task.cancel()
        await asyncio.wait([task])
    finally:
        await exchange.close()
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(single=True), tmp_path / "accounts.db")
    try:
        second = Throttling()
        runner = Runner("scripted", second, await exchange.queue("scripted"), Tally(), policy=SOON)
        task = asyncio.create_task(runner.run())
        await until(lambda: second.offered > 2)
        second.user = ""
        await until(lambda: set(slow) <= set(second.delivered))
        account = await settled(exchange, 0)
        assert (account.delivered, account.dead, account.missing) == (len(events), 0, 0)
        runner.stop()
        await task
    finally:
        await exchange.close()


async def test_what_the_queue_has_let_go_is_forgotten_and_offered_again(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "HOLD", 1.0)
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(single=True), tmp_path / "accounts.db")
    try:
        worker, tally = Quota(), Tally()
        runner = Runner("scripted", worker, await exchange.queue("scripted"), tally, policy=SOON)
        task = asyncio.create_task(runner.run())
        events = sample_events(7 * 10)
        await exchange.publish(events)
        slow = sum(event.user == "user-3" for event in events)
        others = {event.id for event in events if event.user != "user-3"}
        async with asyncio.timeout(60):
            while not await _all_came_again(exchange, worker, others):
                await asyncio.sleep(0.05)
        in_hand = runner._waiting._hands
        await until(lambda: len(runner._waiting) == slow and len(runner._queue._out) == len(in_hand))  # type: ignore[attr-defined]
        held = [event.identity for hand in in_hand for event in hand.batch.events]
        assert len(held) == len(set(held)) <= len(events), "nothing is in hand twice"
        assert tally.dead == 0
        worker.user = ""
        account = await settled(exchange, 0)
        assert (account.delivered, account.dead, account.missing, tally.dead) == (len(events), 0, 0, 0)
        runner.stop()
        await task
    finally:
        await exchange.close()
