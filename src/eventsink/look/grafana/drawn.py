"""A panel in the JSON of Grafana's dashboards: the classic form, which Grafana 11 to 13 read from files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eventsink.look.grafana.datasource import REFERENCE
from eventsink.look.grafana.series import Series, said
from eventsink.look.numbers.units import Unit

__all__ = ["Drawn", "drawn"]

Form = Literal["figures", "bars", "lines", "table"]

UNITS: Mapping[Unit, str] = {
    "count": "short",
    "bytes": "decbytes",
    "ms": "ms",
    "s": "s",
    "percent": "percent",
    "days": "d",
}
KINDS: Mapping[Form, str] = {"figures": "stat", "bars": "timeseries", "lines": "timeseries", "table": "table"}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A panel.

    Args:
        title: above it.
        form: figures, bars or lines over time, or a table with a row for each combination of tags, the highest first.
        series: its numbers.
        about: how it is counted; shown beside the title.
        width: in columns, of 24.
        height: in rows of 30 pixels.
    """

    title: str
    form: Form
    series: Sequence[Series]
    about: str = ""
    width: int = 12
    height: int = 8


def drawn(panel: Drawn, zone: str) -> dict[str, Any]:
    """Its JSON, without id and place.

    Args:
        zone: by whose clocks days begin.
    """
    return {
        "type": KINDS[panel.form],
        "title": panel.title,
        "description": panel.about,
        "datasource": REFERENCE,
        "targets": [
            _target(panel, letter, series, zone) for letter, series in zip(_letters(), panel.series, strict=False)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel)},
        "options": _options(panel),
        "transformations": [*_transformations(panel)],
    }


def _letters() -> Iterable[str]:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _target(panel: Drawn, letter: str, series: Series, zone: str) -> dict[str, Any]:
    tags = " ".join(f"$tag_{tag}" for tag in series.by)
    several = len(panel.series) > 1
    return {
        "refId": letter,
        "datasource": REFERENCE,
        "rawQuery": True,
        "query": said(series, zone),
        "resultFormat": "table" if panel.form == "table" or series.listed else "time_series",
        "alias": f"{tags} {series.title}" if tags and several else tags or series.title,
    }


def _defaults(panel: Drawn) -> dict[str, Any]:
    unit = panel.series[0].unit
    found: dict[str, Any] = {"unit": UNITS[unit]}
    if panel.form in ("bars", "lines"):
        grouped = panel.form == "bars" and any(series.by for series in panel.series)
        found["custom"] = {
            "drawStyle": "bars" if panel.form == "bars" else "line",
            "fillOpacity": 60 if panel.form == "bars" else 5,
            "lineWidth": 1,
            "showPoints": "never" if panel.form == "bars" else "auto",
            "spanNulls": False,
            "stacking": {"mode": "normal" if grouped else "none", "group": "A"},
        }
    elif panel.form == "figures":
        found["noValue"] = "0" if unit in ("count", "bytes") else "none"
    return found


def _overrides(panel: Drawn) -> list[dict[str, Any]]:
    """What is true of single numbers: another unit than that of the first, a side of zero, words for values."""
    found = []
    for series in panel.series:
        properties: list[dict[str, Any]] = []
        if series.unit != panel.series[0].unit:
            properties.append({"id": "unit", "value": UNITS[series.unit]})
        if series.below:
            properties.append({"id": "custom.transform", "value": "negative-Y"})
        if series.words:
            words = {value: {"text": word, "index": place} for place, (value, word) in enumerate(series.words)}
            properties.append({"id": "mappings", "value": [{"type": "value", "options": words}]})
        if properties:
            found.append({"matcher": {"id": "byName", "options": series.title}, "properties": properties})
    return found


def _options(panel: Drawn) -> dict[str, Any]:
    if panel.form == "table":
        return {"showHeader": True, "cellHeight": "sm"}
    if panel.form == "figures":
        listed = panel.series[0].listed
        return {
            "reduceOptions": {
                "calcs": ["distinctCount" if listed else "lastNotNull"],
                "fields": f"/^{panel.series[0].title}$/" if listed else "",
                "values": False,
            },
            "colorMode": "none",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
        }
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _transformations(panel: Drawn) -> Iterable[dict[str, Any]]:
    """What Grafana does with the answers: one table of several, and values counted once each."""
    title = panel.series[0].title
    listed = panel.series[0].listed
    if panel.form == "table" or listed:
        yield {"id": "merge", "options": {}}
    if panel.form == "table":
        yield {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": {}}}
        yield {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": title, "desc": True}]}}
    elif listed and panel.form != "figures":
        counted = {"aggregations": ["distinctCount"], "operation": "aggregate"}
        kept = {"aggregations": [], "operation": "groupby"}
        yield {"id": "groupBy", "options": {"fields": {"Time": kept, title: counted}}}
        names = {f"{title} (distinctCount)": title}
        yield {"id": "organize", "options": {"excludeByName": {}, "indexByName": {}, "renameByName": names}}
