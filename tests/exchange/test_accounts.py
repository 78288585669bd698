"""The keeper: its file, and what it does when the disk is full."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from eventsink.amqp import Address, MessageService
from eventsink.errors import DataDirectoryInUse, ExchangeUnavailable
from eventsink.exchange.contract import Failure
from eventsink.exchange.rabbitmq import RabbitExchange, RabbitOptions, accounts, accounts_file, claim, entries
from eventsink.exchange.rabbitmq.accounts import Keeper
from eventsink.exchange.rabbitmq.settlements import Entered, Letter, Record, Settlement
from eventsink.testing import sample_events

KIND, LOGIN = "storage.file_uploaded", "users.login"
NOW = datetime.now(UTC)


@pytest.fixture
def file(tmp_path: Path) -> sqlite3.Connection:
    """An empty file of accounts."""
    return accounts_file.connect(tmp_path / "accounts.db")


def _settled(key: str, events: int = 1, *, dead: int = 0, kind: str = KIND, **more: bool) -> Settlement:
    letters = [Letter("no", 1, NOW, NOW, None, {"content_type": "x"}, b"{}") for _ in range(dead)]
    return Settlement(key, kind, more.pop("alone", False), events, letters, **more)


def _file(file: sqlite3.Connection, worker: str, *settled: Settlement, types: list[str] | None = None) -> None:
    accounts_file.file(file, Record(worker, [] if types is None else types, list(settled)), settled)


def _left(file: sqlite3.Connection) -> dict[str, int]:
    return {name: book.left for name, book in accounts_file.books(file).items()}


def _begin(file: sqlite3.Connection, worker: str) -> None:
    accounts_file.begin(file, {worker: accounts_file.books(file)[worker]})


def test_what_was_settled_is_in_the_books(file: sqlite3.Connection) -> None:
    _file(file, "store", _settled("1", 100, dead=3), _settled("2"), _settled("3", 20, alone=True))
    book = accounts_file.books(file)["store"]
    assert (book.delivered, book.dead, book.settled, book.left) == (118, 3, 121, 0)
    file.close()


def test_what_was_entered_and_is_not_settled_is_left(file: sqlite3.Connection) -> None:
    for worker, types in (("store", []), ("some", ["users.*"])):
        accounts_file.enrol(file, worker, types, fresh=True)
    accounts_file.enter(file, Entered("door", {KIND: (0, 100), LOGIN: (0, 10)}))
    assert _left(file) == {"store": 110, "some": 10}
    accounts_file.enter(file, Entered("door", {KIND: (0, 100), LOGIN: (0, 15)}))
    accounts_file.enter(file, Entered("other door", {KIND: (0, 1)}))
    accounts_file.enter(file, Entered("door", {KIND: (0, 90)}))  # an older one that came late
    assert _left(file) == {"store": 116, "some": 15}
    _file(file, "store", _settled("1", 50, dead=3), _settled("2", 15, kind=LOGIN))
    assert _left(file) == {"store": 51, "some": 15}
    file.close()


def test_a_front_door_that_is_older_than_the_accounts_is_counted_from_now_on(file: sqlite3.Connection) -> None:
    accounts_file.enrol(file, "store", [], fresh=True)
    accounts_file.enter(file, Entered("door", {KIND: (1_000_000, 1_000_010)}))
    accounts_file.enter(file, Entered("door", {KIND: (1_000_010, 1_000_030), LOGIN: (0, 1)}))
    assert _left(file) == {"store": 31}
    file.close()


def test_a_file_that_is_older_than_what_was_told_to_it_begins_again(file: sqlite3.Connection) -> None:
    accounts_file.enrol(file, "store", [], fresh=True)
    accounts_file.enter(file, Entered("door", {KIND: (0, 10)}))
    assert accounts_file.books(file)["store"].begun
    accounts_file.enter(file, Entered("door", {KIND: (500, 502)}))
    book = accounts_file.books(file)["store"]
    assert (book.left, book.begun) == (12, False), "what came in between was settled as well, as far as is known"
    file.close()


def test_what_nobody_has_counted_is_known_from_who_has_settled_most(file: sqlite3.Connection) -> None:
    for worker, types in (("store", []), ("chat", []), ("some", ["users.*"])):
        accounts_file.enrol(file, worker, types, fresh=True)
    accounts_file.enter(file, Entered("door", {KIND: (0, 100)}))
    _file(file, "store", _settled("1", 130))  # the door was killed before it told of 30 more
    _file(file, "store", _settled("2", 7, foreign=True), _settled("3", 5, foreign=True, kind=""))
    assert _left(file) == {"store": 0, "chat": 142, "some": 5}, "a message of Clowder goes to everybody"
    accounts_file.forget_worker(file, "store")
    assert _left(file) == {"chat": 112, "some": 5}
    file.close()


def test_types_that_strangers_make_up_are_counted_together(
    file: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_file, "MOST_KINDS", 3)
    for worker, types in (("store", []), ("some", ["users.*", "lab.*"])):
        accounts_file.enrol(file, worker, types, fresh=True)
    accounts_file.enter(file, Entered("door", {KIND: (0, 1), LOGIN: (0, 1)}))
    accounts_file.enter(file, Entered("door", {f"lab.t{number}": (0, 2) for number in range(100)}))
    assert _left(file) == {"store": 2 + 3 * 2, "some": 1 + 3 * 2}
    assert file.execute("SELECT count(*) FROM entered").fetchone()[0] == 5
    settled = [_settled(str(number), 2, kind=f"lab.t{number}") for number in range(100)]
    _file(file, "store", *settled)
    _file(file, "some", *settled, types=["users.*", "lab.*"])
    assert _left(file) == {"store": 2, "some": 1}
    accounts_file.enrol(file, "late", [])
    _begin(file, "late")
    _file(file, "store", _settled("new", 5, kind="lab.t99"))
    assert _left(file) == {"store": 2, "some": 1, "late": 5}, "of these types the workers alone tell"
    assert file.execute("SELECT count(*) FROM settled").fetchone()[0] <= 3 * 6
    file.close()


def test_types_that_are_counted_together_hide_none_that_are_not(
    file: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_file, "MOST_KINDS", 0)
    accounts_file.enrol(file, "store", [], fresh=True)
    accounts_file.enter(file, Entered("door", {"lab.run": (0, 5), KIND: (0, 7)}))
    assert _left(file) == {"store": 7}
    file.close()


def test_what_a_door_tells_of_its_spool_takes_the_place_of_what_it_told(file: sqlite3.Connection) -> None:
    for spooled in (5, 3):
        accounts_file.enter(file, Entered("door", {}, "spool-1", spooled))
        accounts_file.enter(file, Entered("another", {}, "spool-2", 9))
        assert [(spool, events) for spool, events, _ in accounts_file.spools(file)] == [
            ("spool-1", spooled),
            ("spool-2", 9),
        ]
    accounts_file.enter(file, Entered("door", {}, "spool-1", 0))
    accounts_file.enter(file, Entered("nobody", {KIND: (0, 1)}))
    for spooled in (4, 2, 0):  # of a spool without a name, as whoever may publish may tell of
        accounts_file.enter(file, Entered("stranger", {}, "", spooled))
    found = accounts_file.spools(file)
    assert [(spool, events) for spool, events, _ in found] == [("spool-2", 9)]
    assert found[0][2].tzinfo is not None
    file.close()


def test_a_type_that_is_new_to_a_known_door_is_no_reason_to_begin_again(file: sqlite3.Connection) -> None:
    accounts_file.enrol(file, "store", [], fresh=True)
    accounts_file.enter(file, Entered("door", {KIND: (0, 10)}))
    accounts_file.enter(file, Entered("door", {LOGIN: (0, 4), KIND: (10, 12)}))
    assert accounts_file.books(file)["store"].begun
    assert _left(file) == {"store": 16}
    accounts_file.enter(file, Entered("door", {LOGIN: (5, 6)}))  # one of them was told elsewhere
    assert not accounts_file.books(file)["store"].begun
    file.close()


def test_a_worker_that_comes_to_want_more_owes_nothing_of_what_was_before(file: sqlite3.Connection) -> None:
    accounts_file.enrol(file, "store", [], fresh=True)
    accounts_file.enrol(file, "some", ["users.*"], fresh=True)
    accounts_file.enter(file, Entered("door", {KIND: (0, 100), LOGIN: (0, 10)}))
    _file(file, "some", _settled("1", 10, kind=LOGIN), _settled("2", 30), types=["users.*"])  # it wanted those before
    accounts_file.enrol(file, "some", None)
    assert accounts_file.books(file)["some"].types == ["users.*"], "who says nothing of them changes nothing"
    accounts_file.enrol(file, "some", [])
    assert _left(file)["some"] == 0
    accounts_file.enter(file, Entered("door", {KIND: (100, 103), LOGIN: (10, 12)}))
    assert _left(file)["some"] == 5
    file.close()


async def test_a_front_door_remembers_no_more_types_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MOST", 3)
    told: list[Entered] = []

    async def tell(entered: Entered) -> None:
        told.append(entered)

    counting = entries.Entries("door", tell)
    for round_ in range(3):
        for number in range(4):
            counting.count(sample_events(2, event_type=f"lab.t{number}"))
        await counting.report()
        assert not +counting._counts, round_
    await counting.close()
    assert len({entered.door for entered in told}) == 3, "it begins to count again under another name"
    assert all(entered.events == {f"lab.t{number}": (0, 2) for number in range(4)} for entered in told)


def test_what_others_published_is_known_also_when_who_has_shown_it_begins_again(file: sqlite3.Connection) -> None:
    for worker in ("store", "influxdb"):
        accounts_file.enrol(file, worker, [], fresh=True)
    _file(file, "influxdb", _settled("1", 1000, foreign=True))
    _file(file, "store", _settled("2", 950, foreign=True))
    assert _left(file)["store"] == 50
    _file(file, "influxdb", types=["users.*"])
    assert _left(file)["store"] == 50
    file.close()


def test_what_was_put_into_a_queue_alone_is_left_there(file: sqlite3.Connection) -> None:
    _file(file, "store")
    _file(file, "chat")
    accounts_file.note_put(file, "chat", 20, replayed=True)
    assert _left(file) == {"store": 0, "chat": 20}
    _file(file, "chat", _settled("1", 5, alone=True))
    assert _left(file) == {"store": 0, "chat": 15}
    file.close()


def test_what_is_missing_is_said_since_when_until_it_is_replayed(file: sqlite3.Connection) -> None:
    accounts_file.enrol(file, "store", [], fresh=True)
    accounts_file.enter(file, Entered("door", {KIND: (0, 10)}))
    accounts_file.note_missing(file, {"store": 3})
    book = accounts_file.books(file)["store"]
    assert (book.left, book.missing) == (10, 3) and book.missing_since and book.missing_since >= NOW
    accounts_file.note_missing(file, {"store": 2})
    assert accounts_file.books(file)["store"].missing_since == book.missing_since
    accounts_file.note_put(file, "store", 1, replayed=False)
    assert accounts_file.books(file)["store"].missing_since == book.missing_since
    accounts_file.note_put(file, "store", 10, replayed=True)
    book = accounts_file.books(file)["store"]
    assert (book.left, book.missing, book.missing_since) == (21, 2, None)
    _begin(file, "store")
    book = accounts_file.books(file)["store"]
    assert (book.left, book.missing) == (2, 2), "what is missing stays so"
    _file(file, "store", _settled("9", 13))
    book = accounts_file.books(file)["store"]
    assert (book.left, book.missing) == (2, 2), "it was put there besides"
    file.close()


def test_letters_keep_what_their_message_needs_to_be_understood(file: sqlite3.Connection) -> None:
    _file(file, "store", _settled("1", 5, dead=2))
    letters = accounts_file.dead_letters(file, None, 0, 10)
    assert [msgspec.json.decode(letter[7]) for letter in letters] == [{"content_type": "x"}] * 2
    assert accounts_file.remove(file, [letters[0][0], 99], dropped=True) == 1
    assert accounts_file.remove(file, [letters[0][0], letters[1][0]], dropped=False) == 1
    book = accounts_file.books(file)["store"]
    assert (book.delivered, book.dead, book.dropped) == (3, 0, 1)
    file.close()


def test_a_new_worker_has_nothing_left_of_what_was_entered_before(file: sqlite3.Connection) -> None:
    _file(file, "store", types=[])
    _begin(file, "store")
    _file(file, "store", _settled("1", 100), _settled("2", 50, kind=LOGIN))
    _file(file, "late")
    _file(file, "some", types=["users.*"])
    assert _left(file) == {"store": 0, "late": 0, "some": 0}
    _file(file, "store", _settled("3", 11), _settled("4", 7, kind=LOGIN))
    assert _left(file) == {"store": 0, "late": 18, "some": 7}
    assert [name for name, book in accounts_file.books(file).items() if book.begun] == ["store"]
    _file(file, "late", _settled("3", 400))
    assert _left(file)["store"] == 0, "one whose account has not begun is no measure for others"
    file.close()


def test_an_account_does_not_begin_that_has_changed_meanwhile(file: sqlite3.Connection) -> None:
    for worker in ("store", "late"):
        accounts_file.enrol(file, worker, [], fresh=worker == "store")
    accounts_file.enter(file, Entered("door", {KIND: (0, 10)}))
    _file(file, "store", _settled("1", 10))
    as_seen = accounts_file.books(file)
    accounts_file.enter(file, Entered("door", {KIND: (10, 15)}))
    accounts_file.begin(file, {"late": as_seen["late"]})
    assert not accounts_file.books(file)["late"].begun, "else the five would count as settled before"
    _begin(file, "late")
    assert accounts_file.books(file)["late"].begun
    file.close()


def test_a_worker_that_wants_other_types_has_nothing_left_of_them(file: sqlite3.Connection) -> None:
    _file(file, "store")
    _begin(file, "store")
    for types, left in (([], 15), (["users.*"], 10), (["storage.*"], 10), ([], 25)):
        _file(file, "fickle", types=types)
        _file(file, "store", _settled(f"{types}1", 10), _settled(f"{types}2", 5, kind=LOGIN))
        assert _left(file)["fickle"] == left, types
    file.close()


def test_only_the_keys_of_the_last_messages_are_remembered(
    file: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_file, "REMEMBERED", 25)
    for number in range(10):
        _file(file, "store", *(_settled(f"{number}-{each}") for each in range(10)))
        _file(file, "rare", _settled(f"{number}"))
    accounts_file.forget(file)
    seen = accounts_file.seen(file)
    assert len(seen["rare"]) == 10 and 25 <= len(seen["store"]) < 40
    assert next(reversed(seen["store"])) == "9-9"
    file.close()


async def test_a_folder_that_cannot_be_made_is_a_sentence(broker: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExchangeUnavailable, match="The accounts cannot be opened"):
        await RabbitExchange.open(Address.parse(broker), RabbitOptions(), tmp_path / "file" / "accounts.db")


async def test_a_file_that_is_no_database_is_a_sentence_and_leaves_no_lock(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "WITHIN", 2.0)
    path = tmp_path / "accounts.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    for _ in range(2):
        with pytest.raises(
            ExchangeUnavailable, match=r"cannot be opened .* damaged: put that of a backup in its place"
        ):
            await RabbitExchange.open(Address.parse(broker), RabbitOptions(), path)
    path.unlink()
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(), path)
    with pytest.raises(DataDirectoryInUse):
        await RabbitExchange.open(Address.parse(broker), RabbitOptions(), path)
    await exchange.close()


async def test_while_the_disk_is_full_records_are_held_and_counted_afterwards(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "PATIENCE", 0.05)
    exchange = await RabbitExchange.open(Address.parse(broker), RabbitOptions(), tmp_path / "accounts.db")
    store = await exchange.queue("store")
    await exchange.accounts()
    keeper = exchange._keeper
    assert isinstance(keeper, Keeper)
    await keeper._run(lambda c: c.execute("PRAGMA max_page_count=1").fetchall())
    settlements = next(task for task in keeper._reading if task.get_name() == "keeper-settlements")
    await exchange.publish(sample_events(600))
    batch = await store.take(600, 30.0)
    assert batch is not None and len(batch.events) == 600
    failures = [
        Failure(event=e, reason="x" * 500, attempts=1, first_seen=e.received, last_seen=e.received)
        for e in batch.events
    ]
    await store.done(batch, failures)
    async with asyncio.timeout(30):
        while not keeper.busy:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    assert (await keeper.books())["store"].dead == 0 and not settlements.done()
    assert keeper.busy, "they are held, and not offered again and again"
    await keeper._run(lambda c: c.execute("PRAGMA max_page_count=1073741823").fetchall())
    async with asyncio.timeout(30):
        while (await exchange.accounts())["store"].dead < 600:
            await asyncio.sleep(0.05)
    assert (await exchange.accounts())["store"].accepted == 600
    await exchange.close()


async def test_what_was_counted_before_a_failed_write_is_not_counted_again(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MessageService(broker) as service:
        keeper = await Keeper.open(service, tmp_path / "accounts.db", "clowder")
        await keeper._file([_recorded("r1", "1")])
        with monkeypatch.context() as full:
            full.setattr(accounts_file, "file", _fails(sqlite3.OperationalError("database or disk is full")))
            with pytest.raises(ExchangeUnavailable):
                await keeper._file([_recorded("r1", "1"), _recorded("r2", "2")])
        await keeper._file([_recorded("r1", "1"), _recorded("r2", "2")])
        assert (await keeper.books())["store"].delivered == 2
        await keeper.close()


async def test_a_record_that_the_file_cannot_hold_is_dropped_and_holds_up_no_other(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = accounts_file.file

    def refuse(connection: sqlite3.Connection, record: Record, fresh: Sequence[Settlement]) -> None:
        if record.id == "bad":
            raise sqlite3.IntegrityError("NOT NULL constraint failed: settled.kind")
        file(connection, record, fresh)

    monkeypatch.setattr(accounts_file, "file", refuse)
    async with MessageService(broker) as service:
        keeper = await Keeper.open(service, tmp_path / "accounts.db", "clowder")
        assert await keeper._filed_at([_recorded("r1", "1"), _recorded("bad", "2"), _recorded("r3", "3")], 0)
        assert (await keeper.books())["store"].delivered == 2
        await keeper.close()
    assert "keeper.record_dropped" in capsys.readouterr().out


def _recorded(name: str, key: str) -> Record:
    """Of a message without an id, of which another may be equal."""
    return Record("store", [], [_settled(key, surely=False, named=False)], name)


def _fails(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail
