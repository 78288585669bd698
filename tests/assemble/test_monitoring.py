"""Results on their way from the monitor to the sink: on disk first, each once, whatever the sink does."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventsink.assemble.monitoring import monitoring, place, planned, posting
from eventsink.errors import DataDirectoryInUse, SettingsError
from eventsink.event import Event, new_ids
from eventsink.settings import Settings, load
from eventsink.watch.loading import load as load_check
from tests.servers.process import free_ports
from tests.sink_process import SinkProcess


def settings(folder: Path, url: str = "", key: str = "", **checks: dict[str, Any]) -> Settings:
    """Of a monitor."""
    monitor = {"url": url, "key": key, "name": "far", "region": "urbana"}
    return load(environment={}, data=str(folder), monitor=monitor, checks=checks)


def results(count: int, at: datetime | None = None, **data: Any) -> list[Event]:
    """Of a check."""
    now = at or datetime.now(UTC)
    found = {"target": "x", "check": "one", "region": "urbana", "up": True} | data
    return [
        Event(id=i, source="monitor/far", type="health.check_update", time=now, received=now, data=found)
        for i in new_ids(count, now)
    ]


class Server:
    """Answers as it is told, and keeps what it was sent."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.bodies: list[bytes] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def running(self):
        """While in the context; gives its address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if task := asyncio.current_task():
            self._tasks.append(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            body = await reader.readexactly(length)
            if b"/v1/events" in head.split(b"\r\n")[0]:
                self.bodies.append(body)
            if self.answer is None:
                await asyncio.sleep(60)
            writer.write(self.answer or b"")
            await writer.drain()
        writer.close()


def answer(status: str, content: Any) -> bytes:
    """An answer of HTTP."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (status.encode(), len(body), body)


async def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


def waiting(folder: Path) -> int:
    """How many results are on disk."""
    import sqlite3  # noqa: PLC0415 - for this alone

    with contextlib.closing(sqlite3.connect(folder / "monitor-spool.db")) as database:
        return int(database.execute("SELECT coalesce(sum(count), 0) FROM spool").fetchone()[0])


async def test_what_was_measured_while_the_sink_was_away_arrives_once_with_its_own_times(
    tmp_path: Path, make_sink: Callable[..., SinkProcess]
) -> None:
    (port,) = free_ports(1)
    then = datetime.now(UTC) - timedelta(hours=5)
    events = results(300, then)
    sink = make_sink(port=port)
    chosen = settings(tmp_path / "m", f"http://127.0.0.1:{port}", "nothing yet")
    async with posting(chosen) as keep:
        for start in range(0, 300, 100):
            await asyncio.wait_for(keep(events[start : start + 100]), 30)  # nobody waits for the sink
    assert waiting(tmp_path / "m") == 300
    sink.start()
    async with posting(chosen):  # with a key that the sink does not know
        await asyncio.sleep(1.5)
    assert waiting(tmp_path / "m") == 300
    chosen = settings(tmp_path / "m", sink.url, sink.key)
    async with posting(chosen) as keep:
        await keep(events[:50])  # one that was killed sends some again
        await until(lambda: not waiting(tmp_path / "m"))
    sink.settle()
    assert sorted(sink.stored_ids()) == sorted(event.id for event in events)
    _, page = sink.request("GET", "/v1/events?limit=1")
    assert page["events"][0]["time"] == then.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    "said",
    [
        None,  # nothing at all
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        answer("200 OK", b"<html>"),
        answer("302 Found", b""),
        answer("401 Unauthorized", {"detail": "No."}),
        answer("403 Forbidden", {}),
        answer("404 Not Found", b"nginx"),
        answer("429 Too Many Requests", {}),
        answer("500 Internal Server Error", b""),
        answer("503 Service Unavailable", {"detail": "full"}),
    ],
    ids=str,
)
async def test_a_sink_that_takes_nothing_costs_no_result_and_holds_up_no_check(
    tmp_path: Path, said: bytes | None
) -> None:
    server = Server(said)
    async with server.running() as url, posting(settings(tmp_path, url, "k")) as keep:
        await asyncio.wait_for(keep(results(1)), 30)
        await until(lambda: server.bodies)
        await asyncio.wait_for(keep(results(1)), 30)
    assert waiting(tmp_path) == 2


async def test_what_the_sink_refuses_for_good_holds_up_nothing_behind_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {"detail": "Nothing was accepted.", "rejected": [{"index": 0, "message": "Expected int, got str."}]}
    server = Server(answer("422 Unprocessable Entity", refused))
    async with server.running() as url, posting(settings(tmp_path, url, "k")) as keep:
        await keep(results(1))
        await until(lambda: not waiting(tmp_path))
    said = capsys.readouterr()
    assert "monitor.result_refused" in said.out + said.err


async def test_the_second_on_one_data_directory_is_told(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "http://127.0.0.1:9", "k", disk={"kind": "disk", "path": str(tmp_path)})

    async def keep(_: Sequence[Event]) -> None:
        """Nowhere."""

    async with monitoring(chosen, planned(chosen), keep):
        with pytest.raises(DataDirectoryInUse):
            async with monitoring(chosen, planned(chosen), keep):
                pass
    async with monitoring(chosen, planned(chosen), keep):
        """Once the first has ended, it may."""


async def test_without_a_sink_there_is_nothing_to_post_to(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"monitor\.url is missing"):
        async with posting(settings(tmp_path)):
            pass


def test_checks_may_stand_in_the_environment(tmp_path: Path) -> None:
    environment = {
        "EVENTSINK_CHECKS__PAGE__KIND": "http",
        "EVENTSINK_CHECKS__PAGE__URL": "https://clowder.example.org/",
        "EVENTSINK_CHECKS__PAGE__EVERY": "30",
        "EVENTSINK_CHECKS__PAGE__VERIFY": "false",
        "EVENTSINK_MONITOR__NAME": "here",
    }
    found = load(environment=environment, data=str(tmp_path))
    (one,) = planned(found)
    assert (one.name, one.kind, one.every, one.check.options.verify) == ("page", "http", 30.0, False)
    assert place(found).region == "here"


def test_a_name_of_a_check_leads_out_of_no_folder(tmp_path: Path) -> None:
    one = load_check("../../etc/x", {"kind": "disk", "path": "."}, folder=tmp_path)
    assert one.check.site.folder and one.check.site.folder.parent == tmp_path
