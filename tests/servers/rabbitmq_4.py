"""RabbitMQ 4, in a root directory of its own beside the RabbitMQ of this machine."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests import processes
from tests.servers.rabbitmq import RabbitMQ

__all__ = ["RabbitMQ4"]

SCRIPT = Path(__file__).parents[2] / "scripts" / "rabbitmq-4"
PROGRAMS = "/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What is mounted is seen by this process and its children alone, and is gone with them. The node's folder has its own
# path inside, too.
_INSIDE = """
root=$1 home=$2; shift 2
mkdir -p "$root$home" && mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" &&
mount --bind "$home" "$root$home" && exec chroot "$root" "$@"
"""


class RabbitMQ4(RabbitMQ):
    """One node, of the newest version that Debian has. As root alone: without, a test skips."""

    def __init__(self, folder: Path, *, node: str = "rabbit4", config: str = "") -> None:
        super().__init__(folder, node=node, config=config)
        self.root = _made()

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """rabbitmq-server in the foreground, with its root directory as `/`."""
        _, environment = super().command()
        return self._inside("rabbitmq-server"), dict(environment) | {"PATH": PROGRAMS}

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl on this node."""
        environment = {**self._environment(), "PATH": PROGRAMS}
        command = self._inside("rabbitmqctl", "--quiet", *arguments)
        done = processes.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return str(done.stdout)

    def _inside(self, *words: str) -> list[str]:
        return ["unshare", "--mount", "sh", "-c", _INSIDE, "sh", str(self.root), str(self.home), *words]


def _made() -> Path:
    """The root directory, made where it is not there."""
    apart = processes.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    if apart.returncode:  # no root, or a container or chroot that may not mount
        _without(f"RabbitMQ 4 needs a mount namespace: {apart.stderr.strip()}")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eventsink" / "rabbitmq-4"
    done = processes.run([SCRIPT, folder], timeout=600, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        _without(f"RabbitMQ 4 cannot be had: {done.stderr.strip()}")
    return folder


def _without(message: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
