"""Every exchange passes the contract test that ships with the package."""

from pathlib import Path

from eventsink.exchange.contract import Exchange
from eventsink.exchange.embedded import EmbeddedExchange
from eventsink.testing import check_exchange


async def test_embedded_exchange_keeps_the_contract(tmp_path: Path) -> None:
    async def open_exchange() -> Exchange:
        return await EmbeddedExchange.open(tmp_path / "exchange.db")

    await check_exchange(open_exchange)
