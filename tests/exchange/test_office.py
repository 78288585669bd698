"""The office: its file, and what it does when the disk is full."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from eventsink.amqp import Address, Consumer
from eventsink.errors import DataDirectoryInUse, ExchangeUnavailable
from eventsink.exchange import office, office_file
from eventsink.exchange.contract import Failure
from eventsink.exchange.ledger import LEDGER, Letter, Record, Settlement
from eventsink.exchange.office import Office
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions
from eventsink.exchange.wire import pack
from eventsink.testing import sample_events

KIND = "storage.file_uploaded"
NOW = datetime.now(UTC)


@pytest.fixture
def file(tmp_path: Path) -> sqlite3.Connection:
    """An empty file of accounts."""
    return office_file.connect(tmp_path / "accounts.db")


def _settled(key: str, events: int = 1, *, alone: bool = False, dead: int = 0, kind: str = KIND) -> Settlement:
    letters = [Letter("no", 1, NOW, NOW, None, {"content_type": "x"}, b"{}") for _ in range(dead)]
    return Settlement(key, kind, alone, events, letters)


def _file(file: sqlite3.Connection, worker: str, *settled: Settlement, types: list[str] | None = None) -> None:
    office_file.file(file, Record(worker, [] if types is None else types, list(settled)), settled)


def test_what_was_settled_is_in_the_books(file: sqlite3.Connection) -> None:
    _file(file, "store", _settled("1", 100, dead=3), _settled("2"), _settled("3", 20, alone=True))
    book = office_file.books(file)["store"]
    assert (book.delivered, book.dead, dict(book.surplus)) == (118, 3, {KIND: 99})
    assert office_file.ever(file) == (3, 121)
    file.close()


def test_letters_keep_what_their_message_needs_to_be_understood(file: sqlite3.Connection) -> None:
    _file(file, "store", _settled("1", 5, dead=2))
    letters = office_file.dead_letters(file, None, 0, 10)
    assert [msgspec.json.decode(letter[7]) for letter in letters] == [{"content_type": "x"}] * 2
    assert office_file.remove(file, [letters[0][0], 99], dropped=True) == 1
    assert office_file.remove(file, [letters[0][0], letters[1][0]], dropped=False) == 1
    book = office_file.books(file)["store"]
    assert (book.delivered, book.dead, book.dropped) == (3, 0, 1)
    file.close()


def test_a_new_worker_lacks_nothing_of_what_was_settled_before(file: sqlite3.Connection) -> None:
    _file(file, "store", _settled("1", 100), _settled("2", 50, kind="users.login"))
    _file(file, "late")
    _file(file, "some", types=["users.*"])
    books = office_file.books(file)
    assert [books[name].lacking(books.values()) - books[name].zero for name in ("store", "late", "some")] == [0, 0, 0]
    _file(file, "store", _settled("3", 11), _settled("4", 7, kind="users.login"))
    books = office_file.books(file)
    assert [books[name].lacking(books.values()) - books[name].zero for name in ("late", "some")] == [16, 6]
    file.close()


def test_a_worker_that_wants_other_types_is_as_far_behind_as_before(file: sqlite3.Connection) -> None:
    for types in ([], ["users.*"], ["storage.*"], []):
        _file(file, "fickle", types=types)
        _file(file, "store", _settled(f"{types}1", 10), _settled(f"{types}2", 5, kind="users.login"))
    books = office_file.books(file)
    assert books["fickle"].lacking(books.values()) - books["fickle"].zero == 13 + 4 + 9 + 13
    file.close()


def test_only_the_keys_of_the_last_messages_are_remembered(
    file: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office_file, "REMEMBERED", 25)
    for number in range(10):
        _file(file, "store", *(_settled(f"{number}-{each}") for each in range(10)))
        _file(file, "rare", _settled(f"{number}"))
    office_file.forget(file)
    seen = office_file.seen(file)
    assert len(seen["rare"]) == 10 and 25 <= len(seen["store"]) < 40
    assert next(reversed(seen["store"])) == "9-9"
    file.close()


async def test_a_folder_that_cannot_be_made_is_a_sentence(broker: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExchangeUnavailable, match="The accounts cannot be opened"):
        await RabbitExchange.open(Address.parse(broker), RabbitOptions(), tmp_path / "file" / "accounts.db")


async def test_a_file_that_is_no_database_is_a_sentence_and_leaves_no_lock(broker: str, tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    for _ in range(2):
        with pytest.raises(ExchangeUnavailable, match="cannot be opened"):
            await RabbitExchange.open(Address.parse(broker), RabbitOptions(), path)
    path.unlink()
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(), path)
    with pytest.raises(DataDirectoryInUse):
        await RabbitExchange.open(Address.parse(broker), RabbitOptions(), path)
    await exchange.close()


async def test_while_the_disk_is_full_records_are_held_and_counted_afterwards(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office, "PATIENCE", 0.05)
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(), tmp_path / "accounts.db")
    store = await exchange.queue("store")
    await exchange.accounts()
    keeper = exchange._office
    assert isinstance(keeper, Office)
    await keeper._run(lambda c: c.execute("PRAGMA max_page_count=1").fetchall())
    ledger = next(task for task in keeper._reading if task.get_name() == "office-ledger")
    await exchange.publish(sample_events(600))
    batch = await store.take(600, 2.0)
    assert batch is not None
    failures = [
        Failure(event=e, reason="x" * 500, attempts=1, first_seen=e.received, last_seen=e.received)
        for e in batch.events
    ]
    await store.done(batch, failures)
    await asyncio.sleep(0.5)
    assert (await keeper.books())["store"].dead == 0 and not ledger.done()
    assert keeper.busy, "they are held, and not offered again and again"
    await keeper._run(lambda c: c.execute("PRAGMA max_page_count=1073741823").fetchall())
    async with asyncio.timeout(10):
        while (await exchange.accounts())["store"].dead < 600:
            await asyncio.sleep(0.05)
    assert (await exchange.accounts())["store"].accepted == 600
    await exchange.close()


async def test_a_letter_is_filed_after_the_workers_that_were_there_before_it(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a worker that waits for the same message would be taken for one that came later."""
    address = Address.parse(broker)
    elsewhere = await RabbitExchange.open(address, RabbitOptions())
    for number in range(300):
        await elsewhere._ledger.write(Record(f"worker{number}", []))
    [packed] = [message for message, _ in pack(sample_events(3), "events.dead")]
    death = {"x-death": [{"queue": "events.store", "exchange": "clowder.metrics", "reason": "rejected"}]}
    headers = {**(packed.headers or {}), **death}
    await elsewhere._service.publish_all([msgspec.structs.replace(packed, routing_key="", headers=headers)])
    slow = Consumer.begin

    async def begin(consumer: Consumer) -> None:
        if consumer.queue == LEDGER and not consumer.open:
            await asyncio.sleep(1.0)
        await slow(consumer)

    monkeypatch.setattr(Consumer, "begin", begin)
    exchange = await RabbitExchange.open(address, RabbitOptions(), tmp_path / "accounts.db")
    keeper = exchange._office
    assert isinstance(keeper, Office)
    async with asyncio.timeout(10):
        while "store" not in (books := await keeper.books()):
            await asyncio.sleep(0.05)
    assert books["store"].surplus == {KIND: 2} and len(books) == 301
    assert {book.zero for name, book in books.items() if name != "store"} == {0}
    await exchange.close()
    await elsewhere.close()
