"""What Grafana does with our files: puts values into queries, asks InfluxDB, and makes one table of several answers."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.servers.influxdb import InfluxDB

__all__ = ["Board", "Row", "load", "read_yaml"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Board:
    """A dashboard with what was chosen on it.

    Args:
        server: that answers.
        database: of the events.
        since: `until` is excluded.
        chosen: values of variables, several each; All where there is none.
        every: length of intervals.
    """

    dashboard: Mapping[str, Any]
    server: InfluxDB
    database: str
    since: datetime
    until: datetime
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    every: str = "1d"

    def panel(self, kind: str, title: str) -> Mapping[str, Any]:
        """One panel."""
        (found,) = (panel for panel in self.dashboard["panels"] if (panel["type"], panel["title"]) == (kind, title))
        return found  # type: ignore[no-any-return]

    def query(self, text: str) -> str:
        """A query as it is sent."""
        for variable in self.dashboard["templating"]["list"]:
            values = self.chosen.get(variable["name"])
            shown = _regex(values) if values else variable.get("allValue", "")
            text = text.replace(f"${{{variable['name']}:regex}}", shown)
        span = f"time >= {_ms(self.since)}ms and time <= {_ms(self.until) - 1}ms"
        text = text.replace("$timeFilter", span).replace("$every", self.every).replace("$__interval", self.every)
        assert not re.search(r"\$\{|\$[a-z_]", text), text
        return text

    def ask(self, target: Mapping[str, Any]) -> list[Row]:
        """The rows of one target."""
        return self.server.query(self.database, self.query(target["query"]))

    def figures(self, title: str) -> dict[str, Any]:
        """The numbers of a panel, by their titles; none where Grafana shows what stands for no value."""
        panel = self.panel("stat", title)
        found: dict[str, Any] = {}
        for target in panel["targets"]:
            name, rows = target["alias"], self.ask(target)
            if panel["options"]["reduceOptions"]["calcs"] == ["distinctCount"]:
                assert panel["options"]["reduceOptions"]["fields"] == f"/^{name}$/"
                found[name] = len({row[name] for row in rows})
            else:
                assert len(rows) <= 1, rows
                found[name] = rows[0][name] if rows else None
        return found

    def over_time(self, title: str) -> dict[str, dict[tuple[Any, ...], Any]]:
        """The numbers of a panel by their titles, then by the nanosecond and tags."""
        panel = self.panel("timeseries", title)
        counts = any(step["id"] == "groupBy" for step in panel["transformations"])
        found: dict[str, dict[tuple[Any, ...], Any]] = {}
        for target in panel["targets"]:
            name = re.findall(r' AS "([^"]+)"', target["query"].partition(" FROM ")[0])[0]
            grouped: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
            for row in self.ask(target):
                grouped[(row["time"], *_tags(row, target))].append(row[name])
            if counts:
                found[name] = {group: len(set(values)) for group, values in grouped.items()}
            else:
                assert all(len(values) == 1 for values in grouped.values())
                found[name] = {group: values[0] for group, values in grouped.items()}
        return found

    def table(self, title: str) -> dict[tuple[str, ...], Row]:
        """The rows of a panel by their tags: those of all targets that agree in these are one."""
        panel = self.panel("table", title)
        assert [step["id"] for step in panel["transformations"]] == ["merge", "organize", "sortBy"]
        merged: dict[tuple[str, ...], Row] = defaultdict(dict)
        for target in panel["targets"]:
            for row in self.ask(target):
                name = re.findall(r' AS "([^"]+)"', target["query"].partition(" FROM ")[0])[0]
                merged[_tags(row, target)][name] = row[name]
        return merged


def load(folder: Path, name: str) -> dict[str, Any]:
    """A dashboard that was exported."""
    return dict(json.loads((folder / "dashboards" / f"{name}.json").read_text("utf-8")))


def read_yaml(path: Path) -> Any:
    """A provisioning file as Grafana reads it: with no variable in its environment."""

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: put(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [put(inner) for inner in value]
        if isinstance(value, str):
            return re.sub(r"\$(\$|\w+|\{\w+\})", lambda found: "$" if found[1] == "$" else "", value)
        return value

    return put(yaml.safe_load(path.read_text("utf-8")))


def _tags(row: Row, target: Mapping[str, Any]) -> tuple[Any, ...]:
    """The tags in the order in which the query names them: InfluxDB answers in that of their names."""
    names = re.findall(r'"(\w+)"', target["query"].partition(" GROUP BY ")[2])
    return tuple(row[name] for name in names)


def _regex(values: Sequence[str]) -> str:
    """Values as Grafana's format `regex` has them."""
    escaped = [re.sub(r"[\\^$*+?.()|[\]{}/]", lambda found: "\\" + found[0], value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _ms(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)
