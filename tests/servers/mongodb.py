"""A private server that speaks MongoDB's protocol: SecantusDB, as a separate process."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.servers.process import Server, free_ports, required

__all__ = ["MongoDB"]


class MongoDB(Server):
    """One server that keeps what it acknowledged with j=True."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__("mongodb", folder)
        (self.port,) = free_ports(1)
        self._options = options

    @property
    def url(self) -> str:
        """Its address."""
        return f"mongodb://127.0.0.1:{self.port}/"

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """The server, from the environment that runs the tests."""
        beside = Path(sys.executable).with_name("secantusd-py")
        program = str(beside) if beside.exists() else required("secantusd-py", "secantusdb")
        arguments = ["--host", "127.0.0.1", "--port", str(self.port), "--storage-path", str(self.folder / "data")]
        return [program, *arguments, *self._options], {}

    def answers(self) -> bool:
        """Whether it answers a ping."""
        try:
            with self.connect(within=0.5) as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def connect(self, *, within: float = 60.0) -> "MongoClient[dict[str, Any]]":
        """A client of one's own, to be closed, that waits so many seconds for the server."""
        return MongoClient(self.url, serverSelectionTimeoutMS=int(within * 1000))
