"""A private InfluxDB 1.6."""

import http.client
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.servers.process import Server, free_ports, required

__all__ = ["InfluxDB"]

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  series-id-set-cache-size = 100
  query-log-enabled = false
{data}
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
{http}
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[logging]
  level = "warn"
"""


class InfluxDB(Server):
    """One server.

    Args:
        data: more lines of its section [data].
        http: more lines of its section [http].
    """

    def __init__(self, folder: Path, *, data: str = "", http: str = "") -> None:
        super().__init__("influxd", folder)
        self.port, rpc = free_ports(2)
        config = _CONFIG.format(folder=folder, port=self.port, rpc=rpc, data=data, http=http)
        (folder / "influxdb.conf").write_text(config)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """influxd in the foreground."""
        return [required("influxd", "influxdb"), "-config", str(self.folder / "influxdb.conf")], {
            "HOME": str(self.folder)
        }

    def answers(self) -> bool:
        """Whether it answers a ping."""
        try:
            return self.request("GET", "/ping")[0] == 204
        except OSError:
            return False

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """One request: the status, and the JSON of the answer if there is any."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()

    def query(self, database: str, query: str) -> list[dict[str, Any]]:
        """The rows of an InfluxQL query, each with the tags of its series; times are in nanoseconds."""
        path = f"/query?db={quote(database)}&epoch=ns&q={quote(query)}"
        status, answer = self.request("POST" if query.startswith(("CREATE", "DROP")) else "GET", path)
        assert status == 200, answer
        result = answer["results"][0]
        assert "error" not in result, result
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
            for series in result.get("series", ())
            for values in series.get("values", ())
        ]
