"""A real extractor, on the pyClowder of the package index."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.process import Server

__all__ = ["Extractor"]

HOME = Path(__file__).parents[1] / "fixtures" / "linecount"
NAME = "test.linecount"


class Extractor(Server):
    """One process of the extractor `test.linecount`. It does not reconnect: without its broker it ends.

    Args:
        folder: for its log.
        rabbitmq: address of the broker.
        environment: `FAIL`, `SLOW`.
    """

    def __init__(self, folder: Path, rabbitmq: str, **environment: str) -> None:
        super().__init__("extractor", folder)
        (self.folder / "extractor_info.json").write_bytes((HOME / "extractor_info.json").read_bytes())
        self._environment = {"RABBITMQ_URI": rabbitmq, "HEARTBEAT": "1", "PYTHONUNBUFFERED": "1", **environment}

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """The extractor."""
        return [sys.executable, str(HOME / "linecount.py")], self._environment

    def answers(self) -> bool:
        """Whether it waits for jobs."""
        return b"Starting to listen for messages" in self.log.read_bytes()
