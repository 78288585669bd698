"""Processes without a front door answer probes and scrapes: real workers on RabbitMQ, a real monitor."""

import asyncio
import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import eventsink.assemble.answering as answering_module
from eventsink.assemble.answering import answering
from eventsink.cli import app
from eventsink.collect.metrics import OwnMetrics
from eventsink.collect.readiness import Part
from eventsink.errors import SettingsError
from eventsink.event import parse_time
from eventsink.settings import Telemetry
from tests.servers.process import eventually, free_ports
from tests.sink_process import PATIENCE, Process, SinkProcess

Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a command that is gone when the test ends."""
    made: list[Process] = []

    def start_one(*words: str, **environment: str) -> Process:
        made.append(Process(*words, log=tmp_path / f"{words[0]}-{len(made)}.log", environment=environment))
        made[-1].launch()
        return made[-1]

    yield start_one
    for process in made:
        process.close()


def ask(port: int, path: str) -> tuple[int, Any]:
    """The status of an answer, and what it is; 0 where nothing listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read().decode()
    except ConnectionRefusedError:
        return 0, ""
    finally:
        connection.close()
    return answer.status, json.loads(content) if "json" in answer.headers["content-type"] else content


def value(text: str, metric: str) -> float:
    """Of a metric in a scrape."""
    found = re.search(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)
    assert found, f"{metric} is not in\n{text}"
    return float(found[1])


def unready(port: int) -> dict[str, str]:
    """The parts of a process that are not ready, with what they say."""
    return {part["part"]: part["says"] for part in ask(port, "/readyz")[1]["parts"] if not part["ready"]}


def test_canaries_go_through_rabbitmq_and_processes_of_workers_say_how_they_are(
    start: Start, make_sink: Callable[..., SinkProcess], broker: str, tmp_path: Path
) -> None:
    good, bad, nowhere = free_ports(3)
    settings = {
        "EVENTSINK_EXCHANGE__URL": broker,
        "EVENTSINK_TELEMETRY__EVERY": "0.5",
        "EVENTSINK_WORKERS__ECHO__PATH": str(tmp_path / "echo.ndjson"),
        "EVENTSINK_WORKERS__INFLUXDB__URL": f"http://127.0.0.1:{nowhere}",
        "EVENTSINK_WORKERS__INFLUXDB__TYPES": "storage.*",
    }
    serve = make_sink(command="serve", environment=settings).start()
    start("worker", "echo", **settings, EVENTSINK_TELEMETRY__PORT=str(good))
    start("worker", "influxdb", **settings, EVENTSINK_TELEMETRY__PORT=str(bad))

    eventually(lambda: serve.accounts().get("echo", {}).get("canary") is not None, "serve hears of the canary of echo")
    accounts = serve.accounts()
    canary = accounts["echo"]["canary"]
    assert 0 <= canary["delay_seconds"] < PATIENCE and parse_time(canary["at"]) <= datetime.now(UTC)
    assert canary["id"] in (tmp_path / "echo.ndjson").read_text()
    assert accounts["influxdb"]["canary"] is None and accounts["influxdb"]["types"] == ["storage.*"]

    eventually(lambda: ask(good, "/readyz")[0] == 200, "the worker is ready")
    delivered = 'eventsink_worker_delivered_total{worker="echo"}'
    eventually(lambda: value(ask(good, "/metrics")[1], delivered) >= 2, "it goes on delivering")
    assert ask(good, "/healthz") == (200, {"status": "ok"})
    assert set(ask(good, "/readyz")[1]) == {"status", "parts"}
    scraped = ask(good, "/metrics")[1]
    assert value(scraped, "eventsink_ready") == 1.0
    assert value(scraped, 'eventsink_canary_age_seconds{worker="echo"}') < PATIENCE
    assert "eventsink_account_" not in scraped and "eventsink_events_accepted" not in scraped
    assert value(serve.request("GET", "/metrics")[1], 'eventsink_canary_delay_seconds{worker="echo"}') >= 0

    eventually(
        lambda: ask(bad, "/readyz")[0] == 503 and list(unready(bad)) == ["worker influxdb"],
        "the other worker waits for its destination, and for nothing else",
    )
    status, problem = ask(bad, "/readyz")
    assert (status, problem["status"]) == (503, 503)
    assert list(unready(bad)) == ["worker influxdb"] and "InfluxDB" in problem["detail"]
    scraped = ask(bad, "/metrics")[1]
    assert (value(scraped, "eventsink_ready"), value(scraped, 'eventsink_worker_paused{worker="influxdb"}')) == (0, 1)
    assert "eventsink_canary_age_seconds{" not in scraped, "it asks for none"
    assert ask(bad, "/healthz")[0] == 200, "starting it anew would mend nothing"
    assert ask(bad, "/v1/events")[0] == 404

    words = ["doctor", "--data", str(serve.data), "--url", serve.url, "--key", serve.key, "--format", "json"]
    found = [json.loads(line) for line in CliRunner().invoke(app, words).stdout.splitlines()]
    arrived = {each["check"]: each for each in found if each["check"].startswith("canary")}
    assert arrived.keys() == {"canary to echo", "canary to store"}
    assert all(each["ok"] and "delivered after" in each["found"] for each in arrived.values()), arrived


def test_a_monitor_says_what_it_runs_and_what_waits_for_the_sink(
    start: Start, sink: SinkProcess, tmp_path: Path
) -> None:
    port, nowhere = free_ports(2)
    settings = {
        "EVENTSINK_DATA": str(tmp_path / "monitor"),
        "EVENTSINK_MONITOR__URL": f"http://127.0.0.1:{nowhere}",
        "EVENTSINK_MONITOR__KEY": sink.key,
        "EVENTSINK_CHECKS__SINK__KIND": "tcp",
        "EVENTSINK_CHECKS__SINK__EVERY": "1",
        "EVENTSINK_TELEMETRY__PORT": str(port),
    }
    host, _, sink_port = sink.url.removeprefix("http://").partition(":")
    settings |= {"EVENTSINK_CHECKS__SINK__HOST": host, "EVENTSINK_CHECKS__SINK__PORT": sink_port}
    first = start("monitor", "--data", str(tmp_path / "monitor"), **settings)

    def results_wait() -> bool:
        status, scraped = ask(port, "/metrics")
        return (
            status == 200
            and value(scraped, "eventsink_monitor_waiting") > 0
            and value(scraped, 'eventsink_monitor_checks{state="up"}') == 1
            and ask(port, "/readyz")[0] == 503
        )

    eventually(results_wait, "results wait", log=first.log)
    assert list(unready(port)) == ["sink"]
    first.stop()

    begun = time.monotonic()
    second = start("monitor", "--data", str(tmp_path / "monitor"), **(settings | {"EVENTSINK_MONITOR__URL": sink.url}))

    def is_well() -> bool:
        status, scraped = ask(port, "/metrics")
        return status == 200 and value(scraped, "eventsink_monitor_waiting") == 0 and ask(port, "/readyz")[0] == 200

    eventually(is_well, "the sink has all", log=second.log)
    assert time.monotonic() - begun < PATIENCE


async def test_a_port_that_is_taken_is_a_sentence() -> None:
    async def parts() -> list[Part]:
        return []

    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Telemetry(port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match=r"Give another telemetry\.port, one for each process"):
            async with answering(settings, parts, OwnMetrics().render):
                raise AssertionError("it listens")


async def test_no_word_of_a_probe_is_taken_for_more_than_it_is() -> None:
    (port,) = free_ports(1)

    async def parts() -> list[Part]:
        return [Part(part="exchange", ready=False, says="amqp://clowder:hunter2@rabbit/ does not answer.")]

    async with answering(Telemetry(port=port), parts, OwnMetrics().render):
        status, problem = await asyncio.to_thread(ask, port, "/readyz")
        assert status == 503 and "does not answer" in problem["detail"] and "hunter2" not in str(problem)
        for path in ("/", "/readyz/", "/v1/status", "/metrics?x=" + 9000 * "y", "/%00"):
            assert (await asyncio.to_thread(ask, port, path))[0] in {400, 404}
        connection = http.client.HTTPConnection("127.0.0.1", port)
        await asyncio.to_thread(connection.request, "POST", "/metrics", b"x")
        assert (await asyncio.to_thread(connection.getresponse)).status == 405
        connection.close()


async def test_clients_that_stay_take_no_more_than_a_few_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering_module, "STAYS", 1.0)
    (port,) = free_ports(1)

    async def parts() -> list[Part]:
        return []

    async with answering(Telemetry(port=port), parts, lambda *, ready: b""):
        slow = await asyncio.to_thread(lambda: [socket.create_connection(("127.0.0.1", port)) for _ in range(200)])
        for one in slow:
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
            one.settimeout(0.0)
        async with asyncio.timeout(PATIENCE):
            while len([one for one in slow if _is_open(one)]) > answering_module.MOST:
                await asyncio.sleep(0.1)
            assert (await asyncio.to_thread(ask, port, "/healthz"))[0] == 200, "others are answered meanwhile"
            while any(_is_open(one) for one in slow):
                await asyncio.sleep(0.1)
        for one in slow:
            one.close()


def _is_open(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
