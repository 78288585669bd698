"""A flood of events from several clients, which remember what was answered with 202 and survive the sink's death."""

import http.client
import json
import random
import threading
import time
import uuid
from typing import Any, Protocol, Self

__all__ = ["Door", "Flood"]


class Door(Protocol):
    """Where events are posted to: a sink, or an API process."""

    key: str

    def connect(self) -> http.client.HTTPConnection:
        """A connection of one's own."""


class Flood:
    """Posts single events and batches until told to stop.

    Args:
        doors: may be killed and started again under it; the clients are spread over them.
        clients: threads, each with a connection of its own.
        broken: share of the events that are not valid.
        pause: seconds that each client rests between two posts.
    """

    def __init__(self, *doors: Door, clients: int = 6, broken: float = 0.0, seed: int = 1, pause: float = 0.0) -> None:
        self.accepted: list[str] = []
        self.attempted: set[str] = set()
        self.rejected: list[str] = []
        self.statuses: dict[int, int] = {}
        self._pause = pause
        self._broken = broken
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run, args=(doors[number % len(doors)], random.Random(seed * 100 + number)), daemon=True
            )
            for number in range(clients)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, door: Door, chance: random.Random) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._stop.is_set():
            events = [_event(chance, self._broken) for _ in range(chance.choice((1, 1, 1, 20, 100)))]
            self.attempted |= {event["id"] for event in events}
            try:
                connection = connection or door.connect()
                self._post(connection, door.key, events)
            except (OSError, http.client.HTTPException):  # killed: what was in flight may be there or not
                _close(connection)
                connection = None
                time.sleep(0.05)
            time.sleep(self._pause)
        _close(connection)

    def _post(self, connection: http.client.HTTPConnection, key: str, events: list[dict[str, Any]]) -> None:
        body = json.dumps(events[0] if len(events) == 1 else events)
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        connection.request("POST", "/v1/events", body, headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if answer.status in (202, 422):
            rejected = {item["index"] for item in content["rejected"]}
            self.rejected += [event["id"] for index, event in enumerate(events) if index in rejected]
            self.accepted += [event["id"] for index, event in enumerate(events) if index not in rejected]
        elif answer.status in (401, 503):  # started again: it has another key for this machine
            time.sleep(0.05)


def _close(connection: http.client.HTTPConnection | None) -> None:
    if connection is not None:
        connection.close()


def _event(chance: random.Random, broken: float) -> dict[str, Any]:
    data: dict[str, Any] = {"file_id": f"f{chance.randrange(1000)}", "bytes": chance.randrange(10**9)}
    if chance.random() < broken:
        data["bytes"] = chance.choice(["many", -1, 2**70, {"a": 1}])
    return {"id": str(uuid.UUID(int=chance.getrandbits(128), version=4)), "type": "storage.file_uploaded", "data": data}
