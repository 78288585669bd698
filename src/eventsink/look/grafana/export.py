"""All files that Grafana reads at its start."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import msgspec

from eventsink.look.grafana.dashboard import TAG, dashboard
from eventsink.look.grafana.datasource import Influx, datasource
from eventsink.look.grafana.from_pages import from_pages
from eventsink.look.grafana.health import HEALTH
from eventsink.look.grafana.rules import FOLDER, Thresholds, alerting
from eventsink.look.grafana.sink import SINK
from eventsink.look.grafana.yaml import to_yaml

__all__ = ["DASHBOARDS", "RUNBOOKS", "Exported", "export"]

DASHBOARDS = "/etc/grafana/dashboards/eventsink"
RUNBOOKS = "https://github.com/clowder-framework/event-sink/blob/main/docs/operations/runbooks.md"
ABOUT = "Written by `eventsink grafana export`, which writes it anew."


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What is written.

    Args:
        influx: where Grafana reads.
        sink: the address of our own pages, as people reach it.
        zone: by whose clocks days begin.
        dashboards: the folder in which Grafana finds the dashboards.
        runbooks: the address of what to do about alerts.
        thresholds: from which alerts fire.
    """

    influx: Influx
    sink: str
    zone: str = "UTC"
    dashboards: str = DASHBOARDS
    runbooks: str = RUNBOOKS
    thresholds: Thresholds = Thresholds()  # noqa: RUF009 - frozen


def export(what: Exported) -> Iterator[tuple[PurePosixPath, str]]:
    """Each file by its path within the folder of the export, with its text."""
    folder = PurePosixPath("provisioning")
    yield folder / "datasources" / "eventsink.yaml", to_yaml(datasource(what.influx), ABOUT)
    yield folder / "dashboards" / "eventsink.yaml", to_yaml(_provider(what.dashboards), ABOUT)
    rules = alerting(what.thresholds, runbooks=what.runbooks)
    yield folder / "alerting" / "eventsink.yaml", to_yaml(rules, ABOUT)
    for found in (*from_pages(what.sink), HEALTH, SINK):
        text = msgspec.json.format(msgspec.json.encode(dashboard(found, zone=what.zone, sink=what.sink)), indent=2)
        yield PurePosixPath("dashboards") / f"{found.name}.json", text.decode() + "\n"


def _provider(folder: str) -> dict[str, Any]:
    provider = {
        "name": TAG,
        "folder": FOLDER,
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 60,
        "options": {"path": folder.replace("$", "$$")},
    }
    return {"apiVersion": 1, "providers": [provider]}
