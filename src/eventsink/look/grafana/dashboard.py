"""A dashboard of Grafana: its panels on a grid of 24 columns, its variables, its links."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eventsink.look.grafana.drawn import Drawn, drawn
from eventsink.look.grafana.variables import Variable, every, variable

__all__ = ["COLUMNS", "TAG", "Dashboard", "dashboard"]

COLUMNS = 24
TAG = "eventsink"
SCHEMA = 39  # of Grafana 11.0; newer ones bring it up to theirs when they read it


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """What one shows.

    Args:
        name: in its address, as storage.
        title: above it.
        panels: in the order of reading.
        variables: by which it is narrowed.
        periods: whether it is of days, which people choose the length of; else of hours.
        about: what it leaves to the pages of the sink, a sentence in Markdown; may be empty.
    """

    name: str
    title: str
    panels: Sequence[Drawn]
    variables: Sequence[Variable] = ()
    periods: bool = True
    about: str = ""


def dashboard(of: Dashboard, *, zone: str, sink: str) -> dict[str, Any]:
    """Its JSON.

    Args:
        zone: by whose clocks days begin.
        sink: the address of our own pages.
    """
    choices = [variable(found) for found in of.variables] + ([every()] if of.periods else [])
    panels = [*_placed(of.panels, zone)]
    if of.about:
        panels.append(_note(of.about, panels))
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    return {
        "id": None,
        "uid": f"eventsink-{of.name}",
        "title": of.title,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "utc" if zone == "UTC" else zone,
        "time": {"from": "now-30d/d" if of.periods else "now-24h", "to": "now"},
        "refresh": "" if of.periods else "1m",
        "templating": {"list": choices},
        "annotations": {"list": []},
        "links": _links(sink),
        "panels": panels,
    }


def _links(sink: str) -> list[dict[str, Any]]:
    common: dict[str, Any] = {"icon": "external link", "tooltip": "", "url": "", "asDropdown": False, "keepTime": False}
    boards = common | {"type": "dashboards", "title": "Event sink", "tags": [TAG], "asDropdown": True, "keepTime": True}
    own = common | {"type": "link", "title": "Pages of the sink", "tags": [], "url": sink, "targetBlank": True}
    return [boards | {"targetBlank": False, "includeVars": False}, own | {"includeVars": False}]


def _placed(panels: Iterable[Drawn], zone: str) -> Iterator[dict[str, Any]]:
    """From left to right, and down where a row is full; a row is as high as its highest."""
    x = y = height = 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, height = 0, y + height, 0
        yield drawn(panel, zone) | {"gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height}}
        x, height = x + panel.width, max(height, panel.height)


def _note(text: str, panels: Sequence[dict[str, Any]]) -> dict[str, Any]:
    below = max((panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels), default=0)
    return {
        "type": "text",
        "title": "",
        "gridPos": {"x": 0, "y": below, "w": COLUMNS, "h": 3},
        "options": {"mode": "markdown", "content": text},
    }
