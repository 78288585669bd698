"""Three nodes of RabbitMQ on this machine: one is killed and brought back under load, and nothing is lost."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eventsink.amqp import Address
from eventsink.errors import ExchangeUnavailable
from eventsink.event import Event
from eventsink.exchange.contract import Batch, Queue
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions, layout
from eventsink.exchange.spooled import SpooledExchange, open_spool
from eventsink.testing import sample_events
from tests.servers import rabbitmq
from tests.servers.process import eventually
from tests.servers.rabbitmq import RabbitMQ

LOAD_SECONDS = 2.5  # before, between and after the failures
PAUSE = 0.05  # seconds between two requests of one client: more than that only makes what is waited for in the end


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RabbitMQ]]:
    """Three nodes that know each other; a test has a virtual host of its own, and leaves all of them running."""
    with rabbitmq.cluster(tmp_path_factory.mktemp("cluster"), 3) as nodes:
        yield nodes


class _Load:
    """Publishes all the time, and consumes two queues meanwhile."""

    def __init__(self, exchange: SpooledExchange, queues: list[Queue]) -> None:
        self.accepted: list[str] = []
        self.delivered: dict[str, Counter[str]] = {queue.name: Counter() for queue in queues}
        self._exchange = exchange
        self._ends = False
        self._tasks = [asyncio.create_task(self._publish(1 + 30 * number)) for number in range(3)]
        self._tasks += [asyncio.create_task(self._consume(queue)) for queue in queues]

    async def stop_publishing(self) -> None:
        """Have all that was begun accepted."""
        publishing, self._tasks = self._tasks[:3], self._tasks[3:]
        for task in publishing:
            task.cancel()
        await asyncio.gather(*publishing, return_exceptions=True)

    async def finish(self) -> None:
        """Wait until every queue has given all that was accepted, for as long as it gets less."""
        missing, deadline = self.missing(), time.monotonic() + 60
        while any(missing.values()):
            assert time.monotonic() < deadline, missing
            await asyncio.sleep(0.1)
            if (now := self.missing()) != missing:
                missing, deadline = now, time.monotonic() + 60
        deadline = time.monotonic() + 60
        while any(account.waiting for account in (await self._exchange.accounts()).values()):
            assert time.monotonic() < deadline, "what was published twice is settled, too"
            await asyncio.sleep(0.1)
        self._ends = True  # none is cancelled: what it has just taken would be settled, and perhaps not counted
        await asyncio.gather(*self._tasks)

    def missing(self) -> dict[str, int]:
        """How many accepted events each queue has not given."""
        return {name: len(set(self.accepted) - ids.keys()) for name, ids in self.delivered.items()}

    async def _publish(self, count: int) -> None:
        while True:
            events: list[Event] = sample_events(count)
            await asyncio.shield(self._exchange.publish(events))
            self.accepted += [event.id for event in events]
            await asyncio.sleep(PAUSE)

    async def _consume(self, queue: Queue) -> None:
        while not self._ends:
            try:
                batch = await queue.take(200, 0.1)
            except ExchangeUnavailable:
                await asyncio.sleep(0.2)
                continue
            if batch is not None:
                self.delivered[queue.name].update(event.id for event in batch.events)
                await self._settle(queue, batch)

    @staticmethod
    async def _settle(queue: Queue, batch: Batch) -> None:
        while True:
            try:
                await queue.done(batch)
            except ExchangeUnavailable:  # nothing was settled
                await asyncio.sleep(0.2)
            else:
                return


async def test_a_node_that_is_killed_and_comes_back_costs_nothing(cluster: list[RabbitMQ], tmp_path: Path) -> None:
    address = _address(cluster, "killed")
    rabbit = await RabbitExchange.open(address, RabbitOptions(), tmp_path / "accounts.db")
    exchange = SpooledExchange(rabbit, open_spool(tmp_path / "spool.db"))
    try:
        await _lose_the_leader(cluster, exchange)
    finally:
        async with asyncio.timeout(60):
            await exchange.close()


def _address(nodes: list[RabbitMQ], vhost: str) -> Address:
    """Some nodes, with a virtual host that is new."""
    eventually(lambda: nodes[0].knows(3), "all nodes run again, whichever the test before has killed")
    nodes[0].vhost(vhost)
    return Address.parse(f"amqp://guest:guest@{','.join(f'127.0.0.1:{node.port}' for node in nodes)}/{vhost}")


async def _lose_the_leader(cluster: list[RabbitMQ], exchange: SpooledExchange) -> None:
    load = _Load(exchange, [await exchange.queue("one"), await exchange.queue("two")])
    await asyncio.sleep(LOAD_SECONDS)
    status, found = cluster[0].manage("GET", "/api/queues/killed/events.one")
    assert status == 200 and found["type"] == "quorum" and len(found["members"]) == 3, "the queue is replicated"
    leader = next(node for node in cluster if node.node == found["leader"])
    before = len(load.accepted)
    leader.kill()  # the worst of the three: it leads the queue
    await asyncio.sleep(LOAD_SECONDS)
    await _until(lambda: len(load.accepted) > before + 100, "two of three nodes go on")
    between = len(load.accepted)
    await asyncio.to_thread(leader.start)
    await asyncio.sleep(LOAD_SECONDS)
    await _until(lambda: len(load.accepted) > between, "three go on")
    await load.stop_publishing()
    await load.finish()
    accounts = await exchange.accounts()
    for name in ("one", "two"):
        account = accounts[name]
        assert account.accepted == account.delivered + account.waiting + account.dead + account.missing
        assert set(load.delivered[name]) >= set(load.accepted), load.missing()
        assert account.delivered == len(load.delivered[name]), "each is counted once"


async def test_a_queue_without_a_majority_keeps_nothing_from_the_others(
    cluster: list[RabbitMQ], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "EVERY", 1.0)
    monkeypatch.setattr(layout, "UNBOUND_AFTER", 3.0)
    address = _address(cluster[:2], "halved")
    options = RabbitOptions(destinations={"one": [], "two": []}, folder=tmp_path)
    rabbit = await RabbitExchange.open(address, options, tmp_path / "accounts.db")
    rabbit._service._publisher._timeout = 5.0
    exchange = SpooledExchange(rabbit, open_spool(tmp_path / "spool.db"))
    try:
        await _lose_the_majority(cluster, exchange, rabbit)
    finally:
        async with asyncio.timeout(60):
            await exchange.close()
    assert not [*tmp_path.glob("aside-*")], "nothing is left of what was kept"


async def _lose_the_majority(cluster: list[RabbitMQ], exchange: SpooledExchange, rabbit: RabbitExchange) -> None:
    load = _Load(exchange, [await exchange.queue("one"), await exchange.queue("two")])
    await asyncio.sleep(LOAD_SECONDS)
    await asyncio.to_thread(cluster[0].shrink, "halved", "events.two")
    cluster[2].kill()  # one of the two nodes that events.two has now; the others have two of three left
    await _until(lambda: "events.two has not answered" in " ".join(rabbit.concerns()), "the queue is named")
    accepted = set(load.accepted)
    await _until(lambda: accepted <= load.delivered["one"].keys(), "what is accepted reaches the other queue")
    await _until(lambda: not exchange.away, "nothing waits in the spool any more")
    before = len(load.accepted)
    await asyncio.sleep(LOAD_SECONDS)
    await _until(lambda: len(load.accepted) > before + 100, "the front door goes on")
    account = (await exchange.accounts())["two"]
    assert account.waiting and not account.missing, account
    await asyncio.to_thread(cluster[2].start)
    await load.stop_publishing()
    await load.finish()
    await _until(lambda: not rabbit.concerns(), "all is said to be well again")
    for name, account in (await exchange.accounts()).items():
        assert set(load.delivered[name]) >= set(load.accepted), load.missing()
        assert account.delivered == account.accepted == len(load.delivered[name]), "each is counted once"


async def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.1)
