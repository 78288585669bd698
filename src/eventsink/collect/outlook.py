"""How things are, for those who ask often and cannot wait: probes, scrapes, the page.

In: the exchange. Out: what was seen of it, now or, where that takes longer than a probe may, a moment ago. A broker
that hangs delays no answer.
"""

import asyncio
import time

import msgspec

from eventsink.errors import ExchangeUnavailable, NotKeptHere
from eventsink.exchange.contract import Account, Exchange, Spool

__all__ = ["Outlook", "Seen"]

WITHIN = 0.7  # seconds to wait for a look that began after the question


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen at one moment.

    Args:
        accounts: the books of every worker; none where another process keeps them, or nothing was seen yet.
        unready: why a POST would be refused; None if it would not be.
        unread: why the accounts could not be read.
        at: on the monotonic clock, when the look began.
    """

    accounts: dict[str, Account] = {}
    spool: Spool = Spool(0, 0)
    unready: str | None = None
    unread: str | None = None
    at: float

    @property
    def age(self) -> float:
        """Seconds since then."""
        return max(time.monotonic() - self.at, 0.0)


class Outlook:
    """Looks when it is asked; one look serves all who ask meanwhile."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._seen: Seen | None = None
        self._began = float("-inf")
        self._begun: asyncio.Task[None] | None = None  # the look that is under way
        self._opened = time.monotonic()

    async def look(self) -> Seen:
        """What is seen now, or what was seen last."""
        asked = time.monotonic()
        until = asked + WITHIN
        while self._seen is None or self._seen.at < asked:
            if self._begun is None or self._begun.done():
                self._began = time.monotonic()
                self._begun = asyncio.create_task(self._see(self._began))
            left = until - time.monotonic()
            if left <= 0 or self._began < asked - WITHIN:  # it hangs: nobody waits for it any more
                break
            await asyncio.wait([self._begun], timeout=left)
            if self._begun.done():
                self._begun.result()  # raises what went wrong
        return self._seen or Seen(spool=await self._exchange.spool(), at=self._opened)

    async def close(self) -> None:
        """End the look that is under way."""
        if self._begun:
            self._begun.cancel()
            await asyncio.gather(self._begun, return_exceptions=True)

    async def _see(self, began: float) -> None:
        unready = unread = None
        accounts: dict[str, Account] = {}
        try:
            await self._exchange.check()
        except ExchangeUnavailable as error:
            unready = str(error)
        try:
            accounts = await self._exchange.accounts()
        except NotKeptHere:
            pass  # another process is asked for them
        except ExchangeUnavailable as error:
            unread = str(error)
        spool = await self._exchange.spool()
        self._seen = Seen(accounts=accounts, spool=spool, unready=unready, unread=unread, at=began)
