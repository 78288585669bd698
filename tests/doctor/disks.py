"""Disks that are full or read-only, which one command alone sees."""

import os

import pytest

from tests import processes

__all__ = ["apart"]


def apart(script: str) -> tuple[str, ...]:
    """A command prefix with a file system of its own; a test without the right to it skips."""
    prefix = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)), "sh", "-c")
    if processes.run([*prefix, "mount -t tmpfs none /mnt"], capture_output=True).returncode:
        message = "mount namespaces are not allowed here, so there is no disk to fill or to make read-only"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return (*prefix, f'{script} && exec "$@"', "sh")
