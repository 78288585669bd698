"""Real processes of the event sink, to be talked to over HTTP, killed and started again."""

import contextlib
import http.client
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import processes

__all__ = ["Process", "SinkProcess"]

LAST_OF_BANNER = b"Send an event, then see it with"
PATIENCE = 30.0  # seconds; a loaded machine is slow, a broken sink is slower


class Process:
    """One `eventsink` command.

    Args:
        words: of the command line.
        log: file for what it prints.
        environment: settings, as EVENTSINK_SECTION__KEY.
        prefix: a command that runs it, as one that gives it a small disk.
    """

    def __init__(
        self, *words: str, log: Path, environment: dict[str, str] | None = None, prefix: tuple[str, ...] = ()
    ) -> None:
        self.log = log
        self._words = words
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENTSINK_")}
        self._environment |= environment or {}
        self._prefix = prefix
        self._process: processes.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        assert self._process is not None
        return self._process.pid

    def launch(self) -> None:
        """Start it, and do not wait."""
        command = [*self._prefix, sys.executable, "-m", "eventsink", *self._words]
        with self.log.open("ab") as log:
            self._process = processes.start(
                command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )

    def wait_for(self, true: Callable[[], bool], *, patience: float = PATIENCE) -> None:
        """Wait until something is so while it runs."""
        assert self._process is not None
        deadline = time.monotonic() + patience
        while not true():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self._words[0]} did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        processes.end(self._process)

    def stop(self) -> int:
        """End it with SIGTERM; gives its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
        return processes.end(self._process)

    def close(self) -> None:
        """Make sure that it is gone."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


class SinkProcess(Process):
    """Starts and stops `eventsink up`, or a command like it, on one data directory.

    Args:
        data: the data directory, kept over restarts.
        command: `up` or `serve`.
        port: to listen on; 0 is a free one each time.
    """

    def __init__(
        self,
        data: Path,
        *,
        command: str = "up",
        port: int = 0,
        environment: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> None:
        words = (command, "--data", str(data), "--port", str(port))
        log = data.with_name(data.name + ".log")
        super().__init__(*words, log=log, environment=environment, prefix=prefix)
        self.data = data
        self.url = self.key = ""
        self.lasting_key = ""
        """In the place of the one that each process announces, for those who go on asking while it starts anew."""

    def start(self) -> "SinkProcess":
        """Start it and wait until it answers, and has made and shown its first keys."""
        (self.data / "running.json").unlink(missing_ok=True)  # left behind by kill -9
        before = self.log.stat().st_size if self.log.exists() else 0
        self.launch()
        self.wait_for(self._announced)
        self.wait_for(lambda: LAST_OF_BANNER in self.log.read_bytes()[before:])
        return self

    def _announced(self) -> bool:
        try:
            running = json.loads((self.data / "running.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        self.url, self.key = running["url"], self.lasting_key or running["key"]
        return True

    @property
    def pid(self) -> int:
        """Of the sink itself, also when a prefix runs it."""
        return int(json.loads((self.data / "running.json").read_text())["pid"])

    # --- talking to it -----------------------------------------------------------------------------------------------

    def connect(self) -> http.client.HTTPConnection:
        """A connection of one's own."""
        return http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=PATIENCE)

    def request(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """One request on a fresh connection: the status, and the JSON (or text) of the answer."""
        connection = self.connect()
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {"X-API-Key": self.key if key is None else key, "Content-Type": "application/json"} | (headers or {})
        try:
            with contextlib.suppress(BrokenPipeError):  # a body that is too large is answered before all of it is sent
                connection.request(method, path, raw, sent)
            answer = connection.getresponse()
            content = answer.read()
            self.last_headers = dict(answer.getheaders())
        finally:
            connection.close()
        try:
            return answer.status, json.loads(content)
        except ValueError:
            return answer.status, content.decode("utf-8", "replace")

    def post(self, body: Any, **more: Any) -> tuple[int, Any]:
        """Post events."""
        return self.request("POST", "/v1/events", body, **more)

    def status(self, *, fresh: bool = True) -> dict[str, Any]:
        """The answer of /v1/status.

        Args:
            fresh: of now. A sink that is too busy to look in time answers with what it saw last, and how long ago that
                was; it is asked again.
        """
        asked = time.monotonic()
        while True:
            status, answer = self.request("GET", "/v1/status")
            assert status == 200, answer
            if not fresh or answer["age_seconds"] <= time.monotonic() - asked:
                return dict(answer)
            assert time.monotonic() < asked + PATIENCE, f"it does not look any more: {answer}"
            time.sleep(0.02)

    def accounts(self, *, fresh: bool = True) -> dict[str, dict[str, Any]]:
        """The books of every worker, checked to balance; fresh as `status` is."""
        answer = self.status(fresh=fresh)
        for name, account in answer["workers"].items():
            settled = account["delivered"] + account["waiting"] + account["dead"] + account["missing"]
            assert account["accepted"] == settled, f"the books of {name} do not balance: {account}"
        return dict(answer["workers"])

    def settle(self, seconds: float = PATIENCE) -> dict[str, dict[str, Any]]:
        """Wait until nothing waits; gives the accounts."""
        deadline = time.monotonic() + seconds
        while True:
            accounts = self.accounts()
            if not any(account["waiting"] for account in accounts.values()):
                return accounts
            assert time.monotonic() < deadline, f"events still wait: {accounts}"
            time.sleep(0.05)

    def stored_ids(self) -> list[str]:
        """The ids of all stored events, in the order of arrival."""
        ids: list[str] = []
        after = 0
        while after is not None:
            _, page = self.request("GET", f"/v1/events?order=asc&limit=10000&after={after}")
            ids += [event["id"] for event in page["events"]]
            after = page["next"]
        return ids
