"""The MongoDB worker and a real server, which is killed, frozen, full, closed to us, and choosy."""

import asyncio
import gc
import re
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bson import json_util
from bson.codec_options import CodecOptions
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection

from eventsink.deliver import loading
from eventsink.deliver.worker import Worker
from eventsink.deliver.workers import mongodb as module
from eventsink.errors import Refused, SettingsError, TryLater
from eventsink.event import Event
from eventsink.exchange.contract import Account
from eventsink.testing import check_worker, sample_events
from tests.deliver.scripted import running, until
from tests.servers.mongodb import MongoDB
from tests.sink_process import SinkProcess

PAUSED = re.compile(
    r"paused since \d{4}-\d\d-\d\d \d\d:\d\d UTC: MongoDB at 127\.0\.0\.1:\d+ cannot be reached: "
    r"(nothing listens at this address|it hung up)\."
)
SOON = dict.fromkeys(module._MILLISECONDS, 1000)
PAGE = (Path(__file__).parents[3] / "docs" / "mongodb.md").read_text("utf-8")
FAIL = "Failing command via 'failCommand' failpoint"

# PyMongo leaves the socket to the garbage collector when a client is closed while it connects.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def moody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoDB]:
    """A server that fails as it is told, and that may be killed and frozen."""
    with MongoDB(tmp_path_factory.mktemp("moody"), "--enable-test-commands").running() as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoDB]:
    """A server that lets in writer and reader, both with the password `right`, and nobody else."""
    server = MongoDB(tmp_path_factory.mktemp("guarded"))
    with server.running(), server.connect() as client:
        for role in ("readWrite", "read"):
            client.admin.command("createUser", role, pwd="right", roles=[{"role": role, "db": "guarded"}])
        journalled = WriteConcern("majority", j=True)  # which createUser alone does not wait for
        client.get_database("guarded").get_collection("c", write_concern=journalled).insert_one({})
    server._options = ("--auth",)
    with server.running():
        yield server


@pytest.fixture
def make(mongodb: MongoDB, vhost: str) -> Callable[..., Worker[Any]]:
    """Makes workers for the collection of this test."""
    return lambda **options: loading.load("mongodb", {"url": mongodb.url, "database": vhost, **options})


@pytest.fixture
def make_moody(moody: MongoDB, vhost: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Worker[Any]]]:
    """Makes workers that soon lose patience with the moody server."""
    monkeypatch.setattr(module, "_MILLISECONDS", SOON)
    yield lambda: loading.load("mongodb", {"url": moody.url, "database": vhost})
    gc.collect()  # here, where the mark above holds


@pytest.fixture
def there(mongodb: MongoDB, vhost: str) -> Iterator[Collection[dict[str, Any]]]:
    """The collection of this test, as a reader sees it."""
    with mongodb.connect() as client:
        yield seen(client, vhost)


@pytest.fixture
def moody_there(moody: MongoDB, vhost: str) -> Iterator[Collection[dict[str, Any]]]:
    """The same on the moody server."""
    with moody.connect() as client:
        yield seen(client, vhost)


def seen(client: "MongoClient[dict[str, Any]]", database: str) -> Collection[dict[str, Any]]:
    """The collection, with dates that know that they are UTC."""
    return client[database].get_collection("events", codec_options=CodecOptions(tz_aware=True))


@asynccontextmanager
async def opened(worker: Any) -> AsyncIterator[Any]:
    """A worker that is open, and closed at the end."""
    try:
        await worker.open()
        yield worker
    finally:
        await worker.close()


def an_event(**attributes: Any) -> Event:
    """An event with these attributes."""
    return msgspec.structs.replace(sample_events(1)[0], **attributes)


def with_data(events: Sequence[Event], at: int, data: dict[str, Any]) -> list[Event]:
    """The events, one of them with other data."""
    return [msgspec.structs.replace(event, data=data) if i == at else event for i, event in enumerate(events)]


def ids(collection: Collection[dict[str, Any]]) -> list[str]:
    """The ids of all documents."""
    return [str(found["_id"]["id"]) for found in collection.find({}, {"_id": 1})]


def fail(collection: Collection[dict[str, Any]], times: int, **how: Any) -> None:
    """Have the next inserts fail."""
    collection.database.client.admin.command(
        "configureFailPoint", "failCommand", mode={"times": times}, data={"failCommands": ["insert"], **how}
    )


# --- delivered -------------------------------------------------------------------------------------------------------


async def test_it_keeps_the_contract_of_a_worker(make: Any, there: Any) -> None:
    async def delivered() -> list[str]:
        return ids(there)

    await check_worker(make, delivered)


async def test_what_is_there_already_is_no_error_and_no_reason_to_leave_out_the_rest(make: Any, there: Any) -> None:
    events = sample_events(30)
    async with opened(make()) as worker:
        await worker.deliver(events[10:20])
        await worker.deliver(events)
        await worker.deliver(list(reversed(events)))
    assert sorted(ids(there)) == sorted(event.id for event in events)


async def test_a_document_has_every_attribute_and_the_data_as_they_are(make: Any, there: Any) -> None:
    at = datetime(2026, 11, 23, 10, 0, 0, 123_999, tzinfo=UTC)
    data = {
        "bytes": 5,
        "large": 2**63 - 1,
        "negative": -(2**63),
        "rate": 0.5,
        "up": False,
        "nothing": None,
        "name": "plot-07 été \U0001f4c8 \0 end",
        "nested": {"list": [1, {"a": []}], "": "empty", "a.b": 1, "$set": {"$ref": "x"}},
    }
    event = an_event(
        time=at, received=at + timedelta(days=1), data=data, subject="files/1", dialect="clowder", extensions={"a": [1]}
    )
    async with opened(make()) as worker:
        await worker.deliver([event])
    at = at.replace(microsecond=123_000)  # a date of BSON has milliseconds
    assert there.find_one() == {
        "_id": {"id": event.id, "source": "test"},
        "specversion": "1.0",
        "source": "test",
        "type": "storage.file_uploaded",
        "time": at,
        "received": at + timedelta(days=1),
        "data": data,
        "subject": "files/1",
        "user": "user-0",
        "dialect": "clowder",
        "extensions": {"a": [1]},
    }
    kinds = {"time": "date", "received": "date", "data": "object", "data.bytes": "int", "data.large": "long"}
    kinds |= {"data.rate": "double", "data.up": "bool", "data.nested.list": "array"}
    assert there.count_documents({field: {"$type": kind} for field, kind in kinds.items()}) == 1


async def test_an_attribute_that_an_event_lacks_is_no_field(make: Any, there: Any) -> None:
    async with opened(make()) as worker:
        await worker.deliver([an_event(user=None, data={})])
    assert set(there.find_one()) == {"_id", "specversion", "source", "type", "time", "received", "data"}


async def test_no_url_makes_writes_less_safe_or_waiting_endless(make: Any, mongodb: MongoDB) -> None:
    async with opened(make(url=f"{mongodb.url}?w=0&journal=false&wTimeoutMS=0&socketTimeoutMS=0")) as worker:
        assert worker._events.write_concern.document == {"w": "majority", "j": True, "wtimeout": 10_000}
        assert worker._client.options.pool_options.socket_timeout == 15


async def test_two_sources_with_one_id_are_two_documents_however_often_they_come(make: Any, there: Any) -> None:
    first, second = an_event(id="1", source="a"), an_event(id="1", source="b")
    async with opened(make()) as worker:
        await worker.deliver([first, second])
        await worker.deliver([second])
        await worker.deliver([second, first])
    assert sorted(found["source"] for found in there.find()) == ["a", "b"]


async def test_what_an_earlier_version_has_written_is_not_written_again(make: Any, there: Any) -> None:
    events = sample_events(3)
    namesake = msgspec.structs.replace(events[0], source="another source")
    earlier = [{**module.document(event), "_id": event.id} for event in events[:2]]
    there.insert_many([*earlier, {"_id": "a note of somebody"}, {"_id": 1}])
    async with opened(make()) as worker:
        await worker.deliver(events[:2])
        await worker.deliver([*events, namesake, an_event(id="a note of somebody")])
    found = [document["_id"] for document in there.find()]
    bare, ours = [i for i in found if not isinstance(i, dict)], [i for i in found if isinstance(i, dict)]
    assert sorted(map(str, bare)) == sorted(["1", events[0].id, events[1].id, "a note of somebody"])
    expected = [(events[2].id, "test"), (events[0].id, "another source"), ("a note of somebody", "test")]
    assert sorted(i["id"] + i["source"] for i in ours) == sorted(i + source for i, source in expected)


async def test_where_there_is_nothing_of_an_earlier_version_nothing_is_looked_for(make: Any, there: Any) -> None:
    async with opened(make()) as worker:
        await worker.deliver(sample_events(3))
    async with opened(make()) as worker:
        assert not worker._earlier


async def test_a_sink_with_its_own_event_loop_delivers(
    mongodb: MongoDB, vhost: str, there: Any, make_sink: Callable[..., SinkProcess]
) -> None:
    section = {"URL": mongodb.url, "DATABASE": vhost, "KEEP_DAYS": "30"}
    sink = make_sink(environment={f"EVENTSINK_WORKERS__MONGODB__{name}": value for name, value in section.items()})
    sink.start()
    sink.post([{"type": "storage.file_uploaded", "data": {"bytes": size}} for size in range(50)])
    assert sink.settle()["mongodb"]["delivered"] == 50
    assert sorted(found["data"]["bytes"] for found in there.find()) == list(range(50))
    assert sink.stop() == 0


# --- indexes ---------------------------------------------------------------------------------------------------------


async def test_the_indexes_are_there_and_opening_again_changes_nothing(make: Any, there: Any) -> None:
    async with opened(make()) as worker:
        first = there.index_information()
        await worker.open()
    keys = [tuple(index["key"]) for index in first.values()]
    time_, type_, user, arrival = (
        (("time", 1),),
        (("type", 1), ("time", 1)),
        (("user", 1), ("time", 1)),
        ("received", 1),
    )
    assert sorted(keys) == sorted([(("_id", 1),), time_, type_, user, (arrival,)])
    assert there.index_information() == first


async def test_an_index_that_somebody_made_by_another_name_will_do(make: Any, there: Any) -> None:
    there.create_index([("time", -1)], name="mine")
    there.create_index("received", name="arrival")
    async with opened(make(keep_days=3)) as worker:
        await worker.deliver(sample_events(2))
    found = there.index_information()
    assert set(found) == {"_id_", "mine", "arrival", "type_1_time_1", "user_1_time_1"}
    assert found["arrival"]["expireAfterSeconds"] == 3 * 86_400


async def test_the_days_to_keep_are_what_the_settings_say_now(make: Any, there: Any) -> None:
    kept = []
    for days in (0, 30, 7, 7, 0):
        async with opened(make(keep_days=days)):
            kept.append(there.index_information()["received_1"]["expireAfterSeconds"])
    assert kept == [2**31 - 1, 30 * 86_400, 7 * 86_400, 7 * 86_400, 2**31 - 1]


@pytest.mark.parametrize("days", [-1, 24_856, "many"])
def test_days_that_mongodb_cannot_keep_stop_the_start(make: Any, days: Any) -> None:
    with pytest.raises(SettingsError, match=r"workers\.mongodb\.keep_days"):
        make(keep_days=days)


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_only_the_culprits_of_a_batch_are_dead_letters(tmp_path: Path, make: Any, there: Any) -> None:
    events = sample_events(40)
    culprits = {3: {"text": "x" * 16 * 1024 * 1024}, 17: {"a\0b": 1}, 18: {"count": 2**64}}
    for at, data in culprits.items():
        events = with_data(events, at, data)
    async with running(tmp_path, make()) as made:
        await made.exchange.publish(events)
        account = await made.settled()
        reasons = {letter.body["id"]: letter.reason for letter in await made.letters()}
    assert (account.delivered, account.dead) == (37, 3)
    assert set(reasons) == {events[at].id for at in culprits}
    assert sorted(ids(there)) == sorted(event.id for event in events if event.id not in reasons)
    assert "too large. size in bytes: 16777" in reasons[events[3].id]
    assert reasons[events[17].id] == (
        "MongoDB cannot hold it: Invalid document: Key names must not contain the NULL byte."
    )
    assert reasons[events[18].id] == "MongoDB cannot hold it: MongoDB can only handle up to 8-byte ints."


async def test_what_no_message_can_carry_is_refused(make: Any) -> None:
    async with opened(make()) as worker:
        with pytest.raises(Refused, match=r"^MongoDB cannot hold it: .*too large"):
            await worker.deliver([*sample_events(2), an_event(data={"text": "x" * 49_000_000})])


async def test_what_is_nested_without_end_is_refused(make: Any) -> None:
    data: dict[str, Any] = {}
    for _ in range(20_000):
        data = {"in": data}
    async with opened(make()) as worker:
        with pytest.raises(Refused, match="recursion"):
            await worker.deliver([an_event(data=data)])
    while data:  # or freeing it would recurse as deep
        data = data["in"]


async def test_what_a_validator_refuses_is_named_and_the_rest_delivered(make: Any, there: Any) -> None:
    schema = {"properties": {"data": {"required": ["bytes"]}}}
    there.database.create_collection("events", validator={"$jsonSchema": schema})
    events = with_data(sample_events(3), 1, {"weight": 1})
    async with opened(make()) as worker:
        with pytest.raises(Refused, match=r"^MongoDB refuses the document: Document failed validation\.$") as refused:
            await worker.deliver(events)
    assert refused.value.events == (events[1],)
    assert sorted(ids(there)) == sorted([events[0].id, events[2].id])


async def test_a_unique_index_of_somebody_else_loses_no_event_silently(make: Any, there: Any) -> None:
    there.create_index("data.file_id", unique=True)
    events = with_data(sample_events(3), 2, {"file_id": "file-0"})
    async with opened(make()) as worker:
        with pytest.raises(Refused, match="E11000") as refused:
            await worker.deliver(events)
    assert refused.value.events == (events[2],)


@pytest.mark.parametrize("code", [15, 22, 10334])
async def test_a_whole_batch_that_is_blamed_is_refused_without_names(
    make_moody: Any, moody_there: Any, code: int
) -> None:
    async with opened(make_moody()) as worker:
        fail(moody_there, 1, errorCode=code)
        with pytest.raises(Refused, match=f"^MongoDB cannot hold it: {FAIL}.$") as refused:
            await worker.deliver(sample_events(3))
    assert refused.value.events == ()


def test_of_several_reasons_each_is_given_to_those_that_it_concerns() -> None:
    events = sample_events(4)
    errors = [_error(0, 121, "failed"), _error(1, 11000, "dup"), _error(2, 2, "bad"), _error(3, 121, "failed")]
    with pytest.raises(Refused, match="failed") as refused:
        module.judge({"writeErrors": errors, "writeConcernErrors": []}, events)
    assert refused.value.events == (events[0], events[3])


@pytest.mark.parametrize("code", [6, 91, 112, 189, 10107, 14031])
def test_a_shard_that_is_away_refuses_nothing(code: int) -> None:
    errors = [_error(0, 121, "failed"), _error(1, code, "the shard is away")]
    with pytest.raises(TryLater, match="has not confirmed the documents: the shard is away"):
        module.judge({"writeErrors": errors, "writeConcernErrors": []}, sample_events(2))


def _error(index: int, code: int, message: str) -> dict[str, Any]:
    return {"index": index, "code": code, "errmsg": message}


# --- try later -------------------------------------------------------------------------------------------------------


async def test_a_server_that_is_killed_and_comes_back_gets_every_event_once(
    tmp_path: Path, moody: MongoDB, vhost: str, make_moody: Any
) -> None:
    async with running(tmp_path, make_moody()) as made:
        first = await made.publish(20)
        assert _books(await made.settled()) == (20, 0, 0)
        moody.kill()
        second = await made.publish(20)
        await until(lambda: PAUSED.fullmatch(made.runner.state))
        assert _books(await made.account()) == (20, 20, 0)
        moody.start()
        assert _books(await made.settled()) == (40, 0, 0)
    with moody.connect() as client:
        assert sorted(ids(seen(client, vhost))) == sorted(event.id for event in first + second)


async def test_a_server_that_is_away_at_first_is_opened_later(
    tmp_path: Path, moody: MongoDB, vhost: str, make_moody: Any
) -> None:
    moody.kill()
    async with running(tmp_path, make_moody()) as made:
        events = await made.publish(3)
        await until(lambda: PAUSED.fullmatch(made.runner.state))
        moody.start()
        assert _books(await made.settled()) == (3, 0, 0)
    with moody.connect() as client:
        assert sorted(ids(seen(client, vhost))) == sorted(event.id for event in events)


async def test_a_server_that_hangs_is_noticed_in_time_and_has_each_event_once_afterwards(
    moody: MongoDB, make_moody: Any, moody_there: Any
) -> None:
    events = sample_events(5)
    async with opened(make_moody()) as worker:
        moody.freeze()
        begun = time.monotonic()
        try:
            await until(lambda: _stopped(moody.pid))
            with pytest.raises(TryLater, match="no answer came in time"):
                await worker.deliver(events)
        finally:
            moody.thaw()
        assert time.monotonic() - begun < worker.timeout
        await _persist(worker, events)
    assert sorted(ids(moody_there)) == sorted(event.id for event in events)


def test_the_runner_gives_a_worker_more_time_than_the_worker_gives_the_server() -> None:
    limits = module._MILLISECONDS
    assert limits["wTimeoutMS"] < limits["socketTimeoutMS"]
    assert limits["socketTimeoutMS"] + 2 * limits["serverSelectionTimeoutMS"] < module.MongoDB.timeout * 1000


async def test_what_is_not_confirmed_by_the_majority_is_delivered_again(make_moody: Any, moody_there: Any) -> None:
    events = sample_events(3)
    async with opened(make_moody()) as worker:
        fail(moody_there, 1, writeConcernError={"code": 64, "errmsg": "waiting for replication timed out"})
        with pytest.raises(TryLater, match="not confirmed the documents: waiting for replication timed out"):
            await worker.deliver(events)
        await worker.deliver(events)
    assert len(ids(moody_there)) == 3


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_connections_that_break_do_no_harm(make_moody: Any, moody_there: Any, times: int) -> None:
    events = sample_events(3)
    async with opened(make_moody()) as worker:
        fail(moody_there, times, closeConnection=True)
        await _persist(worker, events)
    assert sorted(ids(moody_there)) == sorted(event.id for event in events)


@pytest.mark.parametrize("code", [10107, 50, 112, 14031, 166])
async def test_what_the_server_cannot_do_now_is_tried_later(make_moody: Any, moody_there: Any, code: int) -> None:
    async with opened(make_moody()) as worker:
        fail(moody_there, 2, errorCode=code)
        with pytest.raises(TryLater, match=f"^MongoDB cannot be written to: {FAIL}.$"):
            await worker.deliver(sample_events(3))
        fail(moody_there, 0)


async def test_a_name_that_mongodb_does_not_take_is_said(make: Any) -> None:
    with pytest.raises(TryLater, match="collection names must not contain"):
        async with opened(make(collection="a$b")):
            pass


# --- who may ---------------------------------------------------------------------------------------------------------


async def test_who_may_write_writes(guarded: MongoDB, vhost: str) -> None:
    async with opened(_as(guarded, "readWrite:right", vhost)) as worker:
        await worker.deliver(sample_events(3))


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("readWrite:wr0ng", "authentication failed"),
        ("nobody:wr0ng", "authentication failed"),
        ("read:right", "not authorized on guarded to execute command"),
        ("", "requires authentication"),
    ],
)
async def test_who_may_not_is_told_what_to_do_and_not_the_password(
    guarded: MongoDB, vhost: str, user: str, said: str
) -> None:
    worker = _as(guarded, user, vhost)
    for _ in range(2):
        with pytest.raises(TryLater, match=f"^MongoDB does not let us in: .*{said}.*role readWrite") as later:
            await worker.open()
        assert later.value.after == 30
        assert "wr0ng" not in str(later.value) + repr(later.value.__cause__)
    await worker.close()


async def test_a_right_that_is_taken_away_while_it_runs_is_said(make_moody: Any, moody_there: Any) -> None:
    async with opened(make_moody()) as worker:
        fail(moody_there, 1, errorCode=13)
        with pytest.raises(TryLater, match="MongoDB does not let us in"):
            await worker.deliver(sample_events(1))


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://u:wr0ng/wr0ng@host/",
        "mongodb://u:wr0ng@wr0ng@host/",
        "mongodb://u:wr0ng%zz@host",
        "mongodb://u:wr0ng@host:port",
        "mongodb://u:wr0ng?wr0ng@host",
    ],
)
async def test_a_url_that_is_wrong_is_not_quoted(make: Any, url: str) -> None:
    with pytest.raises(TryLater, match="The url is none of MongoDB's") as later:
        async with opened(make(url=url)):
            pass
    assert later.value.__suppress_context__


@pytest.mark.parametrize("url", ["", "http://u:wr0ng@host", "mongodb://", " mongodb://host"])
def test_what_is_no_url_of_mongodb_stops_the_start(make: Any, url: str) -> None:
    with pytest.raises(SettingsError, match=r"workers\.mongodb\.url") as wrong:
        make(url=url)
    assert "wr0ng" not in str(wrong.value)


# --- docs/mongodb.md -------------------------------------------------------------------------------------------------


def test_the_settings_of_the_page_are_read() -> None:
    (section,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    section = tomllib.loads(section)["workers"]["mongodb"]
    options = loading.load("mongodb", section).options
    assert {**msgspec.to_builtins(options), "types": loading.types("mongodb", section)} == section


async def test_a_document_is_as_the_page_shows_it(make: Any, there: Any) -> None:
    (shown,) = [_read(code)[0] for code in _scripts() if code.startswith("{")]
    later = timedelta(microseconds=999)
    attributes = {name: value for name, value in shown.items() if name not in ("_id", "specversion")}
    event = an_event(
        **attributes | {"id": shown["_id"]["id"], "time": shown["time"] + later, "received": shown["received"] + later}
    )
    async with opened(make()) as worker:
        await worker.deliver([event])
    assert there.find_one() == shown


async def test_the_questions_of_the_page_have_answers(make: Any, there: Any) -> None:
    month = datetime(2026, 11, 1, tzinfo=UTC)
    user, upload, download = "64a0000000000000000000a1", "storage.file_uploaded", "traffic.resource_downloaded"
    (shown,) = [_read(code)[0] for code in _scripts() if code.startswith("{")]
    events = [
        *(an_event(type=upload, time=month + timedelta(days=day), data={"bytes": 10}) for day in (-1, 1, 2)),
        *(an_event(type=download, time=month, user=user, data={"dataset_id": dataset}) for dataset in "aab"),
        an_event(type=download, time=month, user=None, data={"dataset_id": "a"}),
        an_event(id=shown["_id"]["id"], type="health.ping_update", data={"target": "here", "up": True}, user=None),
        an_event(**shown["_id"], type="health.ping_update", data={"target": "there", "up": False}, user=None),
    ]
    async with opened(make()) as worker:
        await worker.deliver(events)
    index, last, one, by_id, since, monthly, most, down = [
        _ask(there, code) for code in _scripts() if code.startswith("db.events")
    ]
    assert index == "data.dataset_id_1_time_1"
    assert [found["data"]["dataset_id"] for found in last] == ["a", "a", "b"]
    assert since == 2
    assert list(monthly) == [
        {"_id": datetime(2026, 10, 1, tzinfo=UTC), "uploads": 1, "bytes": 10},
        {"_id": month, "uploads": 2, "bytes": 20},
    ]
    assert list(most) == [{"_id": "a", "downloads": 3, "users": 1}, {"_id": "b", "downloads": 1, "users": 1}]
    assert one["_id"] == shown["_id"]
    assert sorted(found["_id"]["source"] for found in by_id) == ["clowder.ncsa.illinois.edu", "test"]
    assert down == ["there"]
    assert there.count_documents({"user": {"$exists": False}}) == 3


def _scripts() -> list[str]:
    """The statements of the page, without comments."""
    code = "\n".join(re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL))
    return re.split(r"\n(?=db|{)", re.sub(r"^//.*\n", "", code, flags=re.MULTILINE))


def _ask(collection: Collection[dict[str, Any]], script: str) -> Any:
    """What MongoDB's shell would answer to `db.events.…`."""
    answer: Any = collection
    for method, arguments in re.findall(r"\.(\w+)\(((?:ISODate\(.*?\)|[^()])*)\)", script.removeprefix("db.events")):
        name = re.sub(r"([A-Z])", r"_\1", method).lower()
        answer = getattr(answer, name)(*_read(arguments))
    return answer


def _read(arguments: str) -> list[Any]:
    dates = re.sub(r"ISODate\((.*?)\)", r'{"$date": \1}', arguments)
    return list(json_util.loads(f"[{dates}]", json_options=json_util.JSONOptions(tz_aware=True)))


# --- what the tests stand on -----------------------------------------------------------------------------------------


def _as(server: MongoDB, user: str, collection: str) -> Worker[Any]:
    url = server.url.replace("//", f"//{user}@" if user else "//")
    return loading.load("mongodb", {"url": url, "database": "guarded", "collection": collection})


def _stopped(pid: int) -> bool:
    """Whether no thread of a process runs any more: a signal is on its way for a moment."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)


def _books(account: Account) -> tuple[int, int, int]:
    return account.delivered, account.waiting, account.dead


async def _persist(worker: Worker[Any], events: Sequence[Event]) -> None:
    """Deliver as the runner does, until the client has found the server again."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await worker.deliver(events)
            except TryLater:
                await asyncio.sleep(0.05)
