"""A full disk: events are refused with 503, nothing is half-written, and it goes on when there is room again."""

import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import processes
from tests.servers.process import eventually, free_ports
from tests.servers.rabbitmq import RabbitMQ
from tests.sink_process import Process, SinkProcess

_MEGABYTES = 12


def _on_small_disk(data: Path) -> tuple[str, ...]:
    """A command prefix that gives the process a data directory on a small disk of its own."""
    script = f'mkdir -p "{data}" && mount -t tmpfs -o size={_MEGABYTES}m,mode=700 small "{data}" && exec "$@"'
    return ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)), "sh", "-c", script, "sh")


def _need_namespaces(folder: Path) -> None:
    if processes.run([*_on_small_disk(folder / "probe"), "true"], capture_output=True, check=False).returncode:
        message = "mount namespaces are not allowed here, so there is no small disk to fill"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)


@pytest.fixture
def small_disk(tmp_path: Path, make_sink: Callable[..., SinkProcess]) -> Iterator[SinkProcess]:
    """A sink whose data directory is a small disk, which only its own processes see."""
    _need_namespaces(tmp_path)
    data = tmp_path / "var"
    sink = _Inside(data, prefix=_on_small_disk(data))
    try:
        yield sink.start()
    finally:
        sink.close()


class _Inside(SinkProcess):
    """Its data directory is mounted in a namespace of its own; it is seen through /proc."""

    outside: Path

    def _announced(self) -> bool:
        assert self._process is not None
        data, self.data = self.data, Path(f"/proc/{self._process.pid}/root{self.data}")
        try:
            return super()._announced()
        except (PermissionError, ProcessLookupError):
            return False
        finally:
            self.data = data

    def see(self, name: str) -> Path:
        """A file on the small disk."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/root{self.data}/{name}")


def test_a_full_disk_refuses_with_503_and_recovers(small_disk: _Inside) -> None:
    kept = [{"id": f"kept-{number}", "type": "a.b", "data": {}} for number in range(50)]
    assert small_disk.post(kept)[0] == 202
    small_disk.settle()
    ballast = small_disk.see("ballast")
    with pytest.raises(OSError), ballast.open("wb") as file:  # noqa: PT011 - whatever "full" is called here
        while True:
            file.write(os.urandom(64 * 1024))
            file.flush()
    big = [{"id": f"big-{number}", "type": "a.b", "data": {"text": "x" * 1000}} for number in range(5000)]
    status, answer = small_disk.post(big)
    assert status == 503, answer
    assert "full" in answer["detail"] and "Nothing of this request was stored" in answer["detail"]
    assert int(small_disk.last_headers["retry-after"]) > 0
    # Probes that a busy machine has no time for say how it was a moment before.
    eventually(lambda: small_disk.request("GET", "/readyz")[0] == 503, "it says what a POST is answered")
    assert "full" in small_disk.request("GET", "/readyz")[1]["detail"]
    assert "full" in small_disk.status()["refuses"]
    eventually(lambda: "\neventsink_ready 0.0\n" in small_disk.request("GET", "/metrics")[1], "the metrics say it")
    small_disk.accounts()
    ballast.unlink()
    deadline = time.monotonic() + 30
    while small_disk.post([{"id": "after", "type": "a.b", "data": {}}])[0] != 202:
        assert time.monotonic() < deadline, "it goes on when there is room again"
        time.sleep(0.1)
    eventually(lambda: small_disk.request("GET", "/readyz")[0] == 200, "it is ready again")
    assert small_disk.status()["refuses"] is None
    eventually(lambda: "\neventsink_ready 1.0\n" in small_disk.request("GET", "/metrics")[1], "the metrics say it")
    small_disk.settle()
    ids = small_disk.stored_ids()
    assert set(ids) == {event["id"] for event in kept} | {"after"}, "nothing of the refused request was stored"
    assert len(ids) == len(set(ids))


def test_while_rabbitmq_is_away_a_door_accepts_until_its_disk_is_full_and_loses_nothing(
    tmp_path: Path, make_sink: Callable[..., SinkProcess]
) -> None:
    _need_namespaces(tmp_path)
    with RabbitMQ(tmp_path / "rabbitmq").running() as rabbitmq:
        environment = {"EVENTSINK_EXCHANGE__URL": rabbitmq.url}
        store = make_sink("store", command="serve", environment=environment).start()
        (port,) = free_ports(1)
        words = ("api", "--data", str(tmp_path / "var"), "--port", str(port))
        make_key = (
            f'"{sys.executable}" -m eventsink keys create --data "{tmp_path}/var" --scope ingest >"{tmp_path}/key"'
        )
        prefix = (*_on_small_disk(tmp_path / "var"), "sh", "-c", f'{make_key} && exec "$@"', "sh")
        door = Process(*words, log=tmp_path / "api.log", environment=environment, prefix=prefix)
        door.launch()
        try:
            door.wait_for(lambda: "X-API-Key: " in door.log.read_text())
            key = (tmp_path / "key").read_text().strip()
            time.sleep(1.5)  # RabbitMQ 3.10 forgets part of a quorum queue that was made just before kill -9
            rabbitmq.kill()
            accepted: list[str] = []
            assert _fill(port, key, accepted) == 503, "the disk is full"
            assert len(accepted) > 1000, "until then it accepts"
            assert _post(port, key, "too-much") == 503
            rabbitmq.start()
            deadline = time.monotonic() + 180  # thousands of events
            while _post(port, key, "after") != 202:
                assert time.monotonic() < deadline, "it goes on when there is room again"
                time.sleep(0.2)
            while not {*accepted, "after-0"} <= set(ids := store.stored_ids()):
                assert time.monotonic() < deadline, "what was accepted arrives"
                time.sleep(0.2)
            assert len(ids) == len(set(ids)) and not any(event_id.startswith("too-much") for event_id in ids)
        finally:
            door.close()


def _fill(port: int, key: str, accepted: list[str]) -> int:
    """Post until something else than 202 is answered; gives that."""
    for number in range(200):
        status = _post(port, key, f"event-{number}")
        if status != 202:
            return status
        accepted += [f"event-{number}-{part}" for part in range(300)]
    return 202


def _post(port: int, key: str, name: str) -> int:
    events = [{"id": f"{name}-{part}", "type": "a.b", "data": {"text": "x" * 400}} for part in range(300)]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        connection.request("POST", "/v1/events", json.dumps(events), headers)
        return connection.getresponse().status
    finally:
        connection.close()
