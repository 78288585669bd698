"""Processes that a test starts, none of which outlives it or is waited for without an end."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["PATIENCE", "Popen", "end", "run", "running", "start"]

PATIENCE = 120.0  # seconds

Popen = subprocess.Popen


def run(
    command: Sequence[object], *, timeout: float = PATIENCE, check: bool = False, **more: Any
) -> "subprocess.CompletedProcess[Any]":
    """Run a command to its end, which comes within a time."""
    return subprocess.run([str(word) for word in command], timeout=timeout, check=check, **more)


def start(command: Sequence[object], **more: Any) -> "subprocess.Popen[Any]":
    """Start a command; whoever starts it ends it."""
    return subprocess.Popen([str(word) for word in command], **more)


@contextlib.contextmanager
def running(command: Sequence[object], **more: Any) -> Iterator["subprocess.Popen[Any]"]:
    """A command while in the context. One that has not ended by itself when the test fails is killed."""
    process = start(command, **more)
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    finally:
        end(process)


def end(process: "subprocess.Popen[Any]", *, within: float = PATIENCE) -> int:
    """Wait for the end of a process; one that does not come to it is killed, and that is a failure."""
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        raise
    finally:
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):  # a pipe that nobody reads any more
                    stream.close()
