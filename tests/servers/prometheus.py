"""A private Prometheus, with the settings and rules that we give away, and promtool beside it."""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests import processes
from tests.servers.process import Server, free_ports, required

__all__ = ["DEPLOYED", "Prometheus", "promtool"]

DEPLOYED = Path(__file__).parents[2] / "deploy" / "prometheus"


def promtool(*words: str, given: bytes | None = None) -> str:
    """Run promtool, which must be content; gives what it says."""
    command = [required("promtool", "prometheus"), *words]
    done = processes.run(command, input=given, capture_output=True)
    said: str = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


class Prometheus(Server):
    """One server with our settings, which scrapes more often, and other targets.

    Args:
        targets: by the target that stands in our settings, the one to scrape.
    """

    def __init__(self, folder: Path, targets: Mapping[str, str]) -> None:
        super().__init__("prometheus", folder)
        (self.port,) = free_ports(1)
        settings = (DEPLOYED / "prometheus.yml").read_text().replace("_interval: 30s", "_interval: 500ms")
        for ours, there in targets.items():
            assert ours in settings
            settings = settings.replace(ours, there)
        settings = settings.replace("eventsink.rules.yml", str(DEPLOYED / "eventsink.rules.yml"))
        (folder / "prometheus.yml").write_text(settings)

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """The server, with everything in its folder."""
        words = (
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )
        return [required("prometheus", "prometheus"), *words], {}

    def answers(self) -> bool:
        """Whether it is ready for queries."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer of its API."""
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(query)}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            return json.load(answer)["data"]

    def value(self, query: str) -> dict[str, float]:
        """What a query gives now, by worker or instance."""
        found = self.ask("query", query=query)["result"]
        return {one["metric"].get("worker", one["metric"].get("instance", "")): float(one["value"][1]) for one in found}
