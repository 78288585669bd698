"""A server of somebody else in a process of its own: on free loopback ports, with its own folder, ended by pid."""

import contextlib
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import pytest

from tests import processes

__all__ = ["Server", "free_ports", "required"]

PATIENCE = 60.0  # seconds; a loaded machine is slow, a broken server is slower
# Debian's own rabbitmq-server changes to another user, who may not write to our folders; the one beneath does not.
SYSTEM_PATHS = "/usr/lib/rabbitmq/bin:{PATH}:/usr/sbin:/sbin"


def required(program: str, package: str) -> str:
    """The path of a program. Without it a test skips on a laptop and fails with CI=true."""
    beside = shutil.which(program, path=SYSTEM_PATHS.format(PATH=os.environ.get("PATH", "")))
    if beside is not None:
        return beside
    message = f"{program} is not there: install the package {package}, or run `make test`, which does"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now, none of them twice.

    They are none of those that the system gives to whoever connects: a server that is killed and started again, some
    seconds later, would find its port taken by a client of somebody else.
    """
    chance, ports = random.SystemRandom(), dict[int, None]()  # tests in another process draw others
    with contextlib.ExitStack() as stack:
        while len(ports) < count:
            port = chance.randrange(10_000, _first_of_clients())
            with contextlib.suppress(OSError):  # somebody has it
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                ports[port] = None
    return [*ports]


def _first_of_clients() -> int:
    """The first port that the system may give to a client."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:  # of another system: as IANA suggests
        return 49_152


class Server:
    """Starts, kills and starts again one server on one folder.

    Args:
        name: of its log.
        folder: where it keeps its data, over restarts.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        self.log = folder / f"{name}.log"
        self._process: processes.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """What to run, and its environment besides our own."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it takes work now."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        self.launch()
        self.wait()
        return self

    def launch(self) -> None:
        """Start it, and do not wait."""
        command, environment = self.command()
        with self.log.open("ab") as log:
            self._process = processes.start(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it answers."""
        assert self._process is not None
        eventually(
            self.answers, f"{self.log.stem} answers", dead=lambda: self._process.poll() is not None, log=self.log
        )

    def kill(self) -> None:
        """End it with SIGKILL, and all that it started."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        processes.end(self._process)

    def freeze(self) -> None:
        """Have it hang: it keeps its connections and answers nothing."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Make sure that it is gone."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self.kill()

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Have it run while in the context."""
        try:
            yield self.start()
        finally:
            self.close()


def eventually(
    true: Callable[[], bool], what: str, *, dead: Callable[[], bool] = lambda: False, log: Path | None = None
) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if dead() or time.monotonic() > deadline:
            raise AssertionError(f"not so: {what}\n{log.read_text('utf-8', 'replace')[-3000:] if log else ''}")
        time.sleep(0.05)
