"""One DuckDB in memory, and the files of months that are attached to it: a bounded number, those used last.

Each file that is open costs two descriptors and a quarter of a megabyte that DuckDB never gives back, and every
statement looks at all of them. With 120 open there was no memory left to answer anything, with 335 there were 680
descriptors. To attach a file that nothing has to be replayed into takes a millisecond, so hardly anybody notices.
"""

import threading
from contextlib import suppress
from pathlib import Path

import duckdb

from eventsink.errors import StoreUnavailable
from eventsink.store import salvage
from eventsink.store.sql import statement

__all__ = ["MOST_OPEN", "OpenFiles", "catalog", "on_month"]

MOST_OPEN = 12  # a year: whoever looks at one does not open and close all the time


def catalog(month: str) -> str:
    """What the file of a month is called in statements."""
    return f'"events-{month}"'


def on_month(month: str, name: str, **parts: str) -> str:
    """The statement of a file for one month."""
    return statement(name, month=catalog(month), **parts)


class OpenFiles:
    """The files that are open. Make it, then `connect`.

    A file in use is never closed, nor one with a WAL: that would write it at a moment, and on a thread, not meant for
    it. The writer sees to it that there are few of these. If all are so, one more is opened.

    Args:
        path: the folder.
        memory: what DuckDB may use, as "64MB".
        threads: that it may use.
    """

    def __init__(self, path: Path, memory: str, threads: int = 1) -> None:
        self.path = path
        self.memory = memory
        self.threads = threads
        self.changing = threading.RLock()  # held while files are opened, closed or replaced
        self.interrupted = False
        self._connections: list[duckdb.DuckDBPyConnection] = []
        self._uses: dict[str, int] = {}  # how many use each file now; the one used longest ago is the first

    @property
    def writer(self) -> duckdb.DuckDBPyConnection:
        """The connection for the writer's thread."""
        return self._connection(0)

    @property
    def reader(self) -> duckdb.DuckDBPyConnection:
        """The connection for the reader's thread."""
        return self._connection(1)

    @property
    def opener(self) -> duckdb.DuckDBPyConnection:
        """The connection for whoever is `changing`."""
        return self._connection(2)

    @property
    def analyst(self) -> duckdb.DuckDBPyConnection:
        """The connection for queries that others wrote."""
        return self._connection(3)

    @property
    def exporter(self) -> duckdb.DuckDBPyConnection:
        """The connection that exports."""
        return self._connection(4)

    @property
    def counter(self) -> duckdb.DuckDBPyConnection:
        """The connection that reads facts and answers questions about numbers."""
        return self._connection(5)

    def _connection(self, number: int) -> duckdb.DuckDBPyConnection:
        self.check()
        return self._connections[number]

    def check(self) -> None:
        """Nothing, if it is connected.

        Raises:
            StoreUnavailable: it is not.
        """
        if not self._connections:
            raise StoreUnavailable(f"The store in {self.path} is not open; the log says why.")

    def connect(self) -> None:
        """Make the DuckDB, without any files."""
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": self.threads,
            "memory_limit": self.memory,
            "temp_directory": str(self.path / "tmp"),
            "storage_compatibility_version": "v1.5.0",
            "wal_autocheckpoint": "1GB",  # the writer does it at better moments
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,  # or a name in a statement may be a variable of this program
        }
        connection = duckdb.connect(":memory:", config=settings)
        self._connections = [connection, *(connection.cursor() for _ in range(5))]
        connection.execute(statement("event_key"))
        connection.execute(statement("fence", folder=self._quoted(self.path.resolve())))

    def disconnect(self) -> None:
        """Close everything. Nobody may be using any of it."""
        with self.changing:
            self._uses.clear()
            while self._connections:
                self._connections.pop().close()

    def interrupt(self) -> None:
        """Break off what is running, if anything, and let none begin that looks; called on any thread.

        A statement that is just beginning does not hear it: call it until all have ended.
        """
        self.interrupted = True
        for reader in (*self._connections[1:2], *self._connections[3:]):
            with suppress(duckdb.Error):  # the writer is opening all anew, and has closed it
                reader.interrupt()

    # --- files -------------------------------------------------------------------------------------------------------

    def __contains__(self, month: str) -> bool:
        return month in self._uses

    def file(self, month: str) -> Path:
        """The file of a month."""
        return self.path / f"events-{month}.duckdb"

    def wal_size(self, month: str) -> int:
        """Bytes of what has not been written into the file of a month itself."""
        return sum(part.stat().st_size for part in salvage.parts(self.file(month), beside=True))

    def attach(self, month: str) -> None:
        """Open the file of a month, or make it. Another one is closed for it, if there are too many."""
        with self.changing:
            self._make_room()
            self.opener.execute(on_month(month, "attach", file=self._quoted(self.file(month).resolve())))
            self._uses[month] = 0

    def detach(self, month: str) -> None:
        """Close the file of a month, if it is open."""
        with self.changing:
            if month in self._uses:
                self.opener.execute(on_month(month, "detach"))
                del self._uses[month]

    def hold(self, month: str) -> None:
        """Keep a file open that is open, until as many have released it as hold it."""
        with self.changing:
            self._uses[month] = self._uses.pop(month) + 1

    def release(self, month: str) -> None:
        """Let a file be closed that was held."""
        with self.changing:
            if month in self._uses:
                self._uses[month] -= 1

    @staticmethod
    def _quoted(path: Path) -> str:
        return str(path).replace("'", "''")

    def _make_room(self) -> None:
        for month in [month for month, users in self._uses.items() if not users]:
            if len(self._uses) < MOST_OPEN:
                return
            if not self.wal_size(month):
                self.detach(month)
