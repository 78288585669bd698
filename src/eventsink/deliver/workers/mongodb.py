"""Echoes each event into MongoDB as a document: to look at and to query, and as the worker to learn from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from bson.errors import BSONError
from pymongo import AsyncMongoClient
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    InvalidURI,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
)

from eventsink.causes import why_unreachable
from eventsink.deliver.worker import Worker
from eventsink.errors import Refused, TryLater
from eventsink.event import Event
from eventsink.point import Point

_MILLISECONDS: dict[str, Any] = {
    "connectTimeoutMS": 3_000,
    "serverSelectionTimeoutMS": 5_000,
    "wTimeoutMS": 10_000,
    "socketTimeoutMS": 15_000,
}
_ID = {"_id": 1}
_INDEXES = (("time",), ("type", "time"), ("user", "time"))
_FOR_EVER = 2**31 - 1  # seconds, the most that MongoDB takes; the index stands ready for a day when it shall be less
_UNFIT = frozenset({15, 22, 10334})  # nested too deep, no BSON, too large: of a whole batch, and no word of which
# A shard is away, a primary steps down, a disk is full: said of single documents, and no fault of theirs.
_AWAY = frozenset({6, 7, 50, 89, 91, 112, 133, 189, 202, 262, 9001, 10107, 11600, 11602, 13388, 13435, 14031})
_NOT_LET = 13
_NEEDED = {"insert": "insert", "find": "read", "listIndexes": "list the indexes", "createIndex": "make indexes"}
_SERVER = re.compile(r"(\S+:\d+): ")
_DETAILS = re.compile(r",? (full error:|\(configured timeouts:|Timeout: ).*", re.DOTALL)


@dataclass(frozen=True)
class Options:
    """Where the documents go, and how long they stay."""

    url: Annotated[
        str,
        "Address, with user and password if need be.",
        msgspec.Meta(pattern=r"^mongodb(\+srv)?://.", title="an address as mongodb://user:password@host:27017"),
    ]
    database: Annotated[str, "Database of the collection."] = "eventsink"
    collection: Annotated[str, "Collection of the documents."] = "events"
    keep_days: Annotated[int, "Days from arrival to deletion, 0 to keep them.", msgspec.Meta(ge=0, le=24_855)] = 0


class MongoDB(Worker[Options]):
    """Delivers by inserting. Its source and id make an event one document, however often it comes."""

    timeout = 30.0

    _client: AsyncMongoClient[dict[str, Any]] | None = None
    _earlier = False  # whether there are documents that an earlier version wrote

    async def open(self) -> None:
        """Connect, and see to the indexes."""
        await self._connect()
        try:
            await self._see_to_indexes()
            self._earlier = await self._events.find_one({"_id": {"$type": "string"}}, {"_id": 1}) is not None
        except PyMongoError as error:
            raise explain(error) from error

    async def examine(self) -> Sequence[Point]:
        """Its version, and whether it lets us insert and make the indexes. Nothing is made for it."""
        client = await self._connect()
        try:
            version = (await client.server_info())["version"]
            lacking = await self._lacking()
            indexes = "are there" if await self._indexes() >= {*_INDEXES, ("received",)} else "are made at the start"
        except PyMongoError as error:
            raise explain(error) from error
        if lacking:
            remedy = f"Give the user in workers.mongodb.url the role readWrite on {self.options.database}."
            return [Point("version", f"MongoDB {version}"), Point("permission", f"we may not {lacking}", remedy)]
        return [Point("version", f"MongoDB {version}"), Point("permission", f"we may insert; the indexes {indexes}")]

    async def _connect(self) -> AsyncMongoClient[dict[str, Any]]:
        await self.close()
        try:
            self._client = AsyncMongoClient(self.options.url, w="majority", journal=True, **_MILLISECONDS)
            self._events = self._client[self.options.database][self.options.collection]
        except (InvalidURI, ValueError):  # their words may quote a part of the password
            raise TryLater("The url is none of MongoDB's; user and password in it must be %-escaped.") from None
        except PyMongoError as error:
            raise explain(error) from error
        return self._client

    async def _lacking(self) -> str:
        """What we need and may not do, in words; empty where that is nothing.

        What a user may do, servers tell him. Those that do not are tried with an update that meets no document, where
        there is a collection: some would make it.
        """
        database = self._events.database
        status = await database.command("connectionStatus", showPrivileges=True)
        if privileges := status["authInfo"].get("authenticatedUserPrivileges") or []:
            may = {action for one in privileges if self._is_about(one.get("resource", {})) for action in one["actions"]}
            return " or ".join(words for action, words in _NEEDED.items() if not may & {action, "anyAction"})
        if self._events.name in await database.list_collection_names(filter={"name": self._events.name}):
            try:
                await self._events.update_one({"_id": {"$in": []}}, {"$set": {"type": ""}})
            except OperationFailure as error:
                if error.code == _NOT_LET:
                    return "write to the collection"
                raise
        return ""

    def _is_about(self, resource: Mapping[str, Any]) -> bool:
        if resource.get("anyResource"):
            return True
        ours = {"db": self.options.database, "collection": self.options.collection}
        return "db" in resource and all(resource.get(name) in ("", value) for name, value in ours.items())

    async def _indexes(self) -> set[tuple[str, ...]]:
        found = await self._events.index_information()
        return {tuple(field for field, _ in index["key"]) for index in found.values()}

    async def deliver(self, events: Sequence[Event]) -> None:
        """Insert all events, and wait until the majority of the servers has them on disk."""
        try:
            if self._earlier:
                events = await self._without_earlier(events)
            if events:
                await self._events.insert_many([document(event) for event in events], ordered=False)
        except BulkWriteError as error:
            judge(error.details or {}, events)
        except PyMongoError as error:
            raise explain(error) from error
        except (BSONError, OverflowError, RecursionError, UnicodeError) as error:  # the runner finds out which event
            raise Refused(f"MongoDB cannot hold it: {error}.") from error

    async def close(self) -> None:
        """Give the connections back."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _without_earlier(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events but for those that an earlier version has written, whose documents have the bare id as `_id`."""
        ids = list({event.id for event in events})
        found = self._events.find({"_id": {"$in": ids}}, {"_id": 1, "source": 1})
        there = {(document.get("source"), document["_id"]) async for document in found}
        return [event for event in events if event.identity not in there]

    async def _see_to_indexes(self) -> None:
        indexes = (await self._events.index_information()).values()
        found = {tuple(field for field, _ in index["key"]): index for index in indexes}
        for fields in _INDEXES:
            if fields not in found:  # asked by fields, as somebody may have given it a name of his own
                await self._events.create_index(fields)
        seconds = self.options.keep_days * 24 * 3600 or _FOR_EVER
        arrival = found.get(("received",))
        if arrival is None:
            await self._events.create_index("received", expireAfterSeconds=seconds)
        elif arrival.get("expireAfterSeconds") != seconds:
            change = {"keyPattern": dict(arrival["key"]), "expireAfterSeconds": seconds}
            await self._events.database.command("collMod", self._events.name, index=change)


def document(event: Event) -> dict[str, Any]:
    """The document of an event: its attributes, the times as dates, the data as a document within.

    In `_id` the id stands first, for ids grow with time: new ones lie side by side in the index.
    """
    attributes = msgspec.to_builtins(event, builtin_types=(datetime,))
    return {"_id": {"id": attributes.pop("id"), "source": event.source}, **attributes}


def judge(result: Mapping[str, Any], events: Sequence[Event]) -> None:
    """Raise what the errors of a bulk write mean. A document that is there already is no error."""
    errors = [error for error in result["writeErrors"] if error["code"] != 11000 or error.get("keyPattern", _ID) != _ID]
    unsafe = [*result["writeConcernErrors"], *(error for error in errors if error["code"] in _AWAY)]
    if unsafe:
        raise TryLater(f"MongoDB has not confirmed the documents: {unsafe[0]['errmsg']}.")
    if errors:
        reason = errors[0]["errmsg"]  # those with other reasons come again, and are refused for these
        refused = [events[error["index"]] for error in errors if error["errmsg"] == reason]
        raise Refused(f"MongoDB refuses the document: {reason}.", events=refused)


def explain(error: PyMongoError) -> TryLater | Refused:
    """What an error means by which all events failed."""
    code = error.code if isinstance(error, OperationFailure) else None
    reason = _DETAILS.sub("", str(error)).rstrip(".")
    if code in (13, 18):
        remedy = "Its url needs the password of a user with the role readWrite on the database"
        return TryLater(f"MongoDB does not let us in: {reason}. {remedy}.", after=30)
    if code in _UNFIT:
        return Refused(f"MongoDB cannot hold it: {reason}.")
    if isinstance(error, ConnectionFailure) and not isinstance(error, NotPrimaryError):
        where = _SERVER.search(reason)
        at = f" at {where[1]}" if where else ""
        return TryLater(f"MongoDB{at} cannot be reached: {why_unreachable(error) or reason}.")
    return TryLater(f"MongoDB cannot be written to: {reason}.")
