"""A private RabbitMQ, with its management API; also several of them as a cluster."""

import contextlib
import http.client
import json
import os
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests import processes
from tests.servers.process import Server, eventually, free_ports, required

__all__ = ["RabbitMQ", "cluster"]

# Erlang's distribution listens on loopback alone, and small: two cores are shared with what is tested.
_ERLANG = "-kernel inet_dist_use_interface {127,0,0,1}"
_SMALL = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"


class RabbitMQ(Server):
    """One node.

    Args:
        folder: its own, or for a cluster the one that all nodes share: there lies the cookie.
        node: its name, which is also that of its folder.
        config: lines of rabbitmq.conf.
    """

    def __init__(self, folder: Path, *, node: str = "rabbit", config: str = "") -> None:
        super().__init__(node, folder / node)
        self.home = folder
        self.port, self.management, distribution = free_ports(3)
        self.node = f"{node}-{self.port}@localhost"
        self._distribution = distribution
        (self.folder / "plugins").write_text("[rabbitmq_management].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.management}\n"
            "log.file.level = warning\nloopback_users = none\ndisk_free_limit.absolute = 50MB\n"
            "collect_statistics_interval = 1000\n" + config
        )

    @property
    def url(self) -> str:
        """Address of its default virtual host."""
        return self.at("/")

    def at(self, vhost: str) -> str:
        """Address of a virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """rabbitmq-server in the foreground."""
        return [required("rabbitmq-server", "rabbitmq-server")], self._environment() | {
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        }

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_SERVER_START_ARGS": _ERLANG,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _SMALL,
            "RABBITMQ_USE_LONGNAME": "false",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "LC_ALL": "C.UTF-8",
        }

    def answers(self) -> bool:
        """Whether the management API, which starts last, answers."""
        try:
            return self.manage("GET", "/api/aliveness-test/%2F")[0] == 200
        except OSError:
            return False

    def manage(self, method: str, path: str, body: Any = None, *, seconds: float = 30) -> tuple[int, Any]:
        """Ask the management API, and wait so long for its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.management, timeout=seconds)
        credentials = b64encode(b"guest:guest").decode()
        headers = {"authorization": f"Basic {credentials}", "content-type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()

    def knows(self, count: int) -> bool:
        """Whether so many nodes of its cluster run."""
        return [node["running"] for node in self.manage("GET", "/api/nodes")[1]] == count * [True]

    def vhost(self, name: str) -> str:
        """Make an empty virtual host; gives its address."""
        path = f"/api/vhosts/{quote(name, safe='')}"
        answer: tuple[int, Any] = (0, None)
        for _ in range(5):  # all nodes have to have it: one that was started a moment ago takes its time, or refuses
            self.manage("DELETE", path)
            answer = self.manage("PUT", path, seconds=120)
            if answer[0] in (201, 204):
                break
            time.sleep(1)
        assert answer[0] in (201, 204), answer
        assert self.manage("PUT", f"/api/permissions/{quote(name, safe='')}/guest", _EVERYTHING)[0] in (201, 204)
        return self.at(name)

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl on this node."""
        return self._run("rabbitmqctl", *arguments)

    def shrink(self, vhost: str, queue: str) -> None:
        """Have a quorum queue no copy on this node any more."""
        self._run("rabbitmq-queues", "delete_member", "--vhost", vhost, queue, self.node)

    def _run(self, program: str, *arguments: str) -> str:
        command = [required(program, "rabbitmq-server"), "--quiet", *arguments]
        environment = {**os.environ, **self._environment()}
        done = processes.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return str(done.stdout)

    def depth(self, vhost: str, queue: str) -> int:
        """Messages ready and unacknowledged in a queue, as the management API has them: up to a second old."""
        status, found = self.manage("GET", f"/api/queues/{quote(vhost, safe='')}/{quote(queue, safe='')}")
        assert status == 200, found
        return int(found.get("messages", 0))


@contextlib.contextmanager
def cluster(folder: Path, count: int) -> Iterator[list[RabbitMQ]]:
    """Nodes that run and know each other: started at once, they find each other by their names."""
    cookie = folder / ".erlang.cookie"
    cookie.write_text(secrets.token_hex(16))
    cookie.chmod(0o400)
    nodes = [RabbitMQ(folder, node=f"node{number}") for number in range(count)]
    known = "".join(
        f"cluster_formation.classic_config.nodes.{number} = {node.node}\n" for number, node in enumerate(nodes)
    )
    try:
        for node in nodes:
            with (node.folder / "rabbitmq.conf").open("a") as config:
                config.write(f"cluster_formation.peer_discovery_backend = classic_config\n{known}")
            node.launch()
        for node in nodes:
            node.wait()
            eventually(partial(node.knows, count), f"{node.node} knows the others")
        yield nodes
    finally:
        for node in nodes:
            node.close()


_EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}
