"""What probes are told: how it is now, or a moment ago where that takes longer than a probe may wait."""

import asyncio
import time
from typing import Any

import pytest

from eventsink.collect import outlook as outlook_module
from eventsink.collect.outlook import Outlook
from eventsink.errors import ExchangeUnavailable, NotKeptHere
from eventsink.exchange.contract import Account, Spool

ACCOUNT = Account(accepted=1, delivered=1, waiting=0, dead=0, dropped=0, missing=0, lag_seconds=0.0)


class Slow:
    """An exchange that answers when it is let."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.looks = 0
        self.accepted = 1
        self.trouble: Exception | None = None

    async def check(self) -> None:
        self.looks += 1
        await self.gate.wait()
        if self.trouble:
            raise self.trouble

    async def accounts(self) -> dict[str, Account]:
        return {"store": ACCOUNT} if self.accepted == 1 else {}

    async def spool(self) -> Spool:
        return Spool(self.looks, 0)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def outlook(slow: Any, monkeypatch: pytest.MonkeyPatch) -> Outlook:
    monkeypatch.setattr(outlook_module, "WITHIN", 30.0)
    return Outlook(slow)


async def test_each_question_is_answered_by_a_look_that_began_after_it(outlook: Outlook, slow: Slow) -> None:
    seen = await outlook.look()
    assert (seen.accounts, seen.unready, seen.unread) == ({"store": ACCOUNT}, None, None)
    slow.accepted = 2
    assert (await outlook.look()).accounts == {}
    asked = time.monotonic()
    assert (await outlook.look()).at >= asked


async def test_many_who_ask_at_once_share_few_looks(outlook: Outlook, slow: Slow) -> None:
    await asyncio.gather(*(outlook.look() for _ in range(500)))
    assert slow.looks <= 2


async def test_an_exchange_that_hangs_delays_no_answer_and_its_age_is_told(
    outlook: Outlook, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await outlook.look()
    slow.gate.clear()
    monkeypatch.setattr(outlook_module, "WITHIN", 0.1)
    async with asyncio.timeout(30):  # it hangs for ever
        assert await outlook.look() == before
    await asyncio.sleep(0.2)
    turns = asyncio.create_task(_turns())
    later = await outlook.look()
    assert not turns.done(), "nobody waits again for what hangs"
    assert later.age > 0.2
    assert slow.looks == 2, "nor asks again"
    slow.gate.set()
    monkeypatch.setattr(outlook_module, "WITHIN", 30.0)
    await turns
    asked = time.monotonic()
    assert (await outlook.look()).at >= asked
    await outlook.close()


async def _turns() -> None:
    """Some turns of the loop, which takes no time."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_of_an_exchange_that_never_answered_nothing_is_known(
    outlook: Outlook, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook_module, "WITHIN", 0.1)
    slow.gate.clear()
    seen = await outlook.look()
    assert (seen.accounts, seen.unready) == ({}, None)
    await outlook.close()


async def test_what_a_post_would_be_refused_with_is_said(outlook: Outlook, slow: Slow) -> None:
    slow.trouble = ExchangeUnavailable("The disk is full.")
    assert (await outlook.look()).unready == "The disk is full."


async def test_accounts_that_another_process_keeps_are_none_and_those_that_cannot_be_read_are_said(
    outlook: Outlook, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, unread in ((NotKeptHere("Ask serve."), None), (ExchangeUnavailable("No."), "No.")):

        async def accounts(error: Exception = error) -> dict[str, Account]:
            raise error

        monkeypatch.setattr(slow, "accounts", accounts)
        seen = await outlook.look()
        assert (seen.accounts, seen.unread) == ({}, unread)


async def test_a_bug_is_raised_and_not_repeated(outlook: Outlook, slow: Slow) -> None:
    slow.trouble = KeyError("a bug")
    with pytest.raises(KeyError):
        await outlook.look()
    assert slow.looks == 1
