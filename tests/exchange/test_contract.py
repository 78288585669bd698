"""Every exchange passes the contract test that ships with the package."""

from pathlib import Path

from eventsink.amqp import Address
from eventsink.exchange.contract import Exchange
from eventsink.exchange.embedded import EmbeddedExchange
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions
from eventsink.exchange.spooled import SpooledExchange, open_spool
from eventsink.testing import check_exchange


async def test_embedded_exchange_keeps_the_contract(tmp_path: Path) -> None:
    async def open_exchange() -> Exchange:
        return await EmbeddedExchange.open(tmp_path / "exchange.db")

    await check_exchange(open_exchange)


async def test_rabbitmq_keeps_the_contract(broker: str, tmp_path: Path) -> None:
    async def open_exchange() -> Exchange:
        return await RabbitExchange.open(Address.parse(broker), RabbitOptions(), tmp_path / "accounts.db")

    await check_exchange(open_exchange)


async def test_a_spool_around_the_embedded_exchange_keeps_the_contract(tmp_path: Path) -> None:
    async def open_exchange() -> Exchange:
        inner = await EmbeddedExchange.open(tmp_path / "exchange.db")
        return SpooledExchange(inner, open_spool(tmp_path / "spool.db"))

    await check_exchange(open_exchange)


async def test_a_spool_around_rabbitmq_keeps_the_contract(broker: str, tmp_path: Path) -> None:
    async def open_exchange() -> Exchange:
        inner = await RabbitExchange.open(Address.parse(broker), RabbitOptions(), tmp_path / "accounts.db")
        return SpooledExchange(inner, open_spool(tmp_path / "spool.db"))

    await check_exchange(open_exchange)
