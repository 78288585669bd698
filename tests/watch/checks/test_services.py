"""Checks of services, on real ones: RabbitMQ, our own sink, a Clowder's answers, a disk."""

import asyncio
import http.server
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eventsink.amqp import MessageService, Queue
from eventsink.catalogue import CATALOGUE, validate
from eventsink.event import encode
from eventsink.watch.check import Down, Measurement, Site, Unknown
from eventsink.watch.loading import load
from eventsink.watch.monitor import measure
from eventsink.watch.online import Online
from eventsink.watch.result import Place, update
from tests.servers.process import free_ports
from tests.servers.rabbitmq import RabbitMQ
from tests.sink_process import SinkProcess


async def look(kind: str, site: Site | None = None, **options: Any) -> Measurement:
    """Run a check once, and see that its event is one that the catalogue knows."""
    planned = load("tried", {"kind": kind, "timeout": 20, **options}, site)
    try:
        (result,) = await measure(planned, Online([]), 0)
        event = update(result, Place("urbana", "here"))
        allowed = {"size_bytes", *options.get("_more", ())}
        assert set(validate(CATALOGUE[event.type], event.data)) <= allowed | {"users", "datasets", "files", "spaces"}
        assert b"hush" not in encode(event)
        found = await planned.check.measure()
        assert isinstance(found, Measurement)
        return found
    finally:
        await planned.check.close()


# --- RabbitMQ --------------------------------------------------------------------------------------------------------


async def test_a_queue_is_measured_and_judged(rabbitmq: RabbitMQ, broker: str) -> None:
    async with MessageService(broker) as service:
        await service.declare(queues=[Queue("jobs")])
        for _ in range(3):
            await service.publish(b"{}", routing_key="jobs")
        found = await look("rabbitmq", url=broker, queue="jobs")
        assert found.numbers == {"ready": 3, "consumers": 0}
        with pytest.raises(Down, match="3 messages wait in jobs, and 2 may") as down:
            await look("rabbitmq", url=broker, queue="jobs", most=2)
        assert down.value.reason == "limit" and down.value.numbers["ready"] == 3
        with pytest.raises(Down, match="has 0 consumers, and should have 1"):
            await look("rabbitmq", url=broker, queue="jobs", consumers=1)
        with pytest.raises(Down, match="There is no queue nobodys") as gone:
            await look("rabbitmq", url=broker, queue="nobodys")
        assert gone.value.reason == "name"
        management = f"http://127.0.0.1:{rabbitmq.management}"
        async with service.hold() as channel:
            await channel.get("jobs")
            async with asyncio.timeout(30):  # the management API is some seconds behind
                while (await look("rabbitmq", url=broker, queue="jobs", management=management)).numbers.get(
                    "unacknowledged"
                ) != 1:
                    await asyncio.sleep(0.2)


async def test_a_broker_that_is_away_or_shuts_its_door_is_said_without_the_password(broker: str) -> None:
    (port,) = free_ports(1)
    with pytest.raises(Down) as away:
        await look("rabbitmq", url=f"amqp://u:hush@127.0.0.1:{port}/", queue="q")
    assert away.value.reason == "refused" and "hush" not in str(away.value)
    with pytest.raises(Down) as shut:
        await look("rabbitmq", url=broker.replace("guest:guest", "guest:hush"), queue="q")
    assert shut.value.reason == "rights" and "hush" not in str(shut.value)


# --- the sink itself -------------------------------------------------------------------------------------------------


def site(sink: SinkProcess, key: str | None = None) -> Site:
    """Where a check of the sink runs."""
    return Site(sink=sink.url, key=sink.key if key is None else key)


async def test_what_reports_in_is_alive_and_what_does_not_is_down(sink: SinkProcess) -> None:
    with pytest.raises(Down, match="backup has not reported yet") as silent:
        await look("heartbeat", site(sink), name="backup", within=86_400)
    assert silent.value.reason == "silent"
    for method, body in (("GET", None), ("POST", None), ("POST", {"ok": True, "duration_ms": 5.5, "message": "done"})):
        assert sink.request(method, "/v1/heartbeats/backup", body)[0] == (202 if method == "POST" else 200)
    sink.settle()
    found = await look("heartbeat", site(sink), name="backup")
    assert 0 <= found.numbers["age_s"] < 60 and found.message == "done"
    assert sink.request("GET", "/v1/heartbeats/backup?ok=false&message=disk%20full")[0] == 200
    sink.settle()
    with pytest.raises(Down, match="backup reported that it failed: disk full"):
        await look("heartbeat", site(sink), name="backup")
    with pytest.raises(Down) as other:
        await look("heartbeat", site(sink), name="other")
    assert other.value.reason == "silent"


@pytest.mark.parametrize("name", ["a b", "ü" * 101, "a/b", "%00", "x%0A"])
def test_a_heartbeat_of_an_odd_name_is_refused(sink: SinkProcess, name: str) -> None:
    assert sink.request("GET", f"/v1/heartbeats/{name.replace(' ', '%20').encode('ascii', 'ignore').decode()}")[0] in {
        400,
        404,
    }


async def test_numbers_of_the_sink_are_judged(sink: SinkProcess) -> None:
    sink.post(
        [{"type": "storage.file_uploaded", "user": f"u{n}", "data": {"file_id": f"f{n}", "bytes": 1}} for n in range(3)]
    )
    sink.post({"type": "users.login", "user": "u0", "data": {}})
    sink.settle()
    here = site(sink)
    for options, value in (
        ({"number": "events", "least": 4}, 4),
        ({"number": "events", "type": "storage.*", "least": 3}, 3),
        ({"number": "events", "type": "users.login", "most": 1}, 1),
        ({"number": "users", "least": 3}, 3),
        ({"number": "dead", "most": 0}, 0),
        ({"number": "waiting", "worker": "store", "most": 0}, 0),
        ({"number": "lag_seconds", "most": 60}, 0),
        ({"number": "spooled", "most": 0}, 0),
    ):
        assert (await look("query", here, **options)).numbers == {"value": value}, options
    with pytest.raises(Down, match=r"events of traffic\.page_view is 0, and should be 1 or more") as low:
        await look("query", here, number="events", type="traffic.page_view", least=1)
    assert low.value.reason == "limit" and low.value.numbers == {"value": 0}
    with pytest.raises(Down, match="There is no worker influxdb"):
        await look("query", here, number="dead", worker="influxdb", most=0)


async def test_a_sink_that_does_not_answer_or_let_us_in_is_said(sink: SinkProcess) -> None:
    with pytest.raises(Unknown, match=r"monitor\.url names it"):
        await look("query", number="dead", most=0)
    (port,) = free_ports(1)
    with pytest.raises(Unknown) as refused:
        await look("query", Site(sink=f"http://127.0.0.1:{port}", key="hush"), number="dead", most=0)
    assert refused.value.reason == "refused"
    with pytest.raises(Unknown, match="scope read") as shut:
        await look("query", site(sink, "hush"), number="dead", most=0)
    assert shut.value.reason == "rights" and "hush" not in str(shut.value)


# --- Clowder ---------------------------------------------------------------------------------------------------------

STATUS = {
    "version": {"number": "1.23.0"},
    "counts": {"spaces": 2, "datasets": 31, "files": 412, "bytes": 99_000_000_000, "users": "many"},
    "plugins": {"rabbitmq": {"status": "connected"}},
}


@pytest.fixture
def clowder() -> Iterator[Callable[[dict[str, tuple[int, bytes]]], str]]:
    """Serves pages by their paths; gives the address."""
    servers = []

    def serve(pages: dict[str, tuple[int, bytes]]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = pages.get(self.path, (404, b"no"))
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def pages(status: Any = STATUS, health: tuple[int, bytes] = (200, b"healthy")) -> dict[str, tuple[int, bytes]]:
    """What a Clowder answers."""
    return {
        "/healthz": health,
        "/api/status": (200, json.dumps(status).encode()),
        "/api/v2/status": (200, b'{"version": "2.0"}'),
    }


async def test_a_clowder_tells_its_version_and_how_much_it_holds(clowder: Callable[..., str]) -> None:
    found = await look("clowder", url=clowder(pages()), key="hush")
    assert found.message == "Clowder 1.23.0."
    assert found.numbers == {"spaces": 2, "datasets": 31, "files": 412, "size_bytes": 99_000_000_000}
    assert (await look("clowder", url=clowder(pages()), version=2)).message == "Clowder 2.0."


@pytest.mark.parametrize(
    ("answers", "reason", "said"),
    [
        (pages(health=(503, b"")), "status", "answers 503, and not the word `healthy`"),
        (pages(health=(200, b"<html>down for maintenance")), "status", "not the word `healthy`"),
        (pages(status=[1]), "content", "something else than a JSON object"),
        (
            {"/healthz": (200, b"healthy"), "/api/status": (200, b'{"counts":' + b"[" * 100_000)},
            "content",
            "something else than a JSON object",
        ),
        ({"/healthz": (200, b"healthy"), "/api/status": (401, b"")}, "rights", "the key is missing, wrong"),
        ({"/healthz": (200, b"healthy"), "/api/status": (500, b"")}, "status", "answers 500"),
        (
            pages(STATUS | {"plugins": {"rabbitmq": {"status": "disconnected"}}}),
            "status",
            "its RabbitMQ is disconnected",
        ),
        ({"/healthz": (200, b"healthy"), "/api/status": (200, b"x" * (5 << 20))}, "too_large", "more than 4 MB"),
    ],
)
async def test_a_clowder_that_is_not_well(
    clowder: Callable[..., str], answers: dict[str, tuple[int, bytes]], reason: str, said: str
) -> None:
    with pytest.raises(Down, match=said) as down:
        await look("clowder", url=clowder(answers))
    assert down.value.reason == reason


@pytest.mark.parametrize(
    "odd", [{}, {"version": None, "counts": 7, "plugins": []}, {"counts": {"files": -1.5}, "plugins": {"rabbitmq": 1}}]
)
async def test_a_clowder_of_another_kind_breaks_nothing(clowder: Callable[..., str], odd: dict[str, Any]) -> None:
    assert (await look("clowder", url=clowder(pages(odd)))).numbers == {}


# --- a disk ----------------------------------------------------------------------------------------------------------


async def test_a_disk_takes_what_is_written_and_nothing_is_left(tmp_path: Path) -> None:
    found = await look("disk", path=str(tmp_path), size=100_000)
    assert found.numbers.keys() == {"write_ms", "fsync_ms", "free_bytes"} and found.numbers["free_bytes"] > 0
    assert [*tmp_path.iterdir()] == []


async def test_monitors_that_are_killed_leave_one_file_on_a_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "unlink", lambda _, missing_ok: None)  # for they are killed before
    for number in (1001, 1002):
        monkeypatch.setattr(os, "getpid", lambda number=number: number)
        await look("disk", path=str(tmp_path))
    assert len([*tmp_path.iterdir()]) == 1


async def test_a_disk_that_is_not_as_it_should_be(tmp_path: Path) -> None:
    for options, reason in (
        ({"path": str(tmp_path / "nowhere")}, "name"),
        ({"path": "/proc"}, "rights"),
        ({"path": str(tmp_path), "least_free": 1 << 60}, "limit"),
    ):
        with pytest.raises(Down) as down:
            await look("disk", **options)
        assert down.value.reason == reason, options
