"""The datasource: where Grafana finds the InfluxDB that our worker writes to. Always in InfluxQL."""

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["REFERENCE", "UID", "Influx", "datasource"]

UID = "eventsink-influxdb"
REFERENCE = {"type": "influxdb", "uid": UID}

# Grafana puts variables of its environment in the place of these, so that no secret stands in a file of ours.
PASSWORD = "$EVENTSINK_INFLUXDB_PASSWORD"  # noqa: S105 - the name of a variable
TOKEN = "$EVENTSINK_INFLUXDB_TOKEN"  # noqa: S105


@dataclass(frozen=True, kw_only=True)
class Influx:
    """Which InfluxDB it is.

    Args:
        version: 1, 2 or 3.
        url: its address, as Grafana reaches it.
        database: or the bucket of InfluxDB 2.
        username: of InfluxDB 1; empty if it asks for none.
        token: whether it asks for one.
    """

    version: Literal[1, 2, 3]
    url: str
    database: str
    username: str = ""
    token: bool = False


def datasource(of: Influx) -> dict[str, Any]:
    """The file of `provisioning/datasources`."""
    entry: dict[str, Any] = {
        "name": "Event sink (InfluxDB)",
        "uid": UID,
        "type": "influxdb",
        "access": "proxy",
        "url": _literal(of.url),
        "editable": False,
        "jsonData": {"version": "InfluxQL", "dbName": _literal(of.database), "httpMode": "GET", "timeInterval": "10s"},
    }
    if of.version == 1 and of.username:
        entry |= {"user": _literal(of.username), "secureJsonData": {"password": PASSWORD}}
    elif of.token:
        scheme = "Token" if of.version == 2 else "Bearer"
        entry["jsonData"]["httpHeaderName1"] = "Authorization"
        entry["secureJsonData"] = {"httpHeaderValue1": f"{scheme} {TOKEN}"}
    return {"apiVersion": 1, "datasources": [entry]}


def _literal(text: str) -> str:
    """A text in which Grafana finds no variable."""
    return text.replace("$", "$$")
