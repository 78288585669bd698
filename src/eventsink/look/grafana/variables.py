"""What people choose on a dashboard of Grafana: a space, an extractor, a region, the length of intervals."""

from dataclasses import dataclass
from typing import Any

from eventsink.look.grafana.datasource import REFERENCE

__all__ = ["EXTRACTOR", "REGION", "SPACE", "Variable", "condition", "every", "variable"]

# Stands in a condition for "All". Points that lack a field never meet a condition on it: All is no pattern of values,
# but ends the pattern and adds what holds of every point. Grafana puts it in as it stands.
ALL = '.*$/ OR "type" =~ /.*'


@dataclass(frozen=True)
class Variable:
    """Something that events have, by which a dashboard is narrowed.

    Args:
        name: of it in queries.
        column: of events, a tag or a field of text.
        query: what gives the values to choose from.
    """

    name: str
    label: str
    column: str
    query: str


REGION = Variable("region", "Region", "region", 'SHOW TAG VALUES FROM "health" WITH KEY = "region"')
EXTRACTOR = Variable("extractor", "Extractor", "extractor", 'SHOW TAG VALUES FROM "extractions" WITH KEY = "extractor"')
SPACE = Variable(
    "space",
    "Space",
    "space_id",
    'SELECT distinct("space_id") FROM "storage", "traffic", "extractions" WHERE $timeFilter',
)


def condition(by: Variable) -> str:
    """The condition that an event is of what was chosen."""
    return f'("{by.column}" =~ /^${{{by.name}:regex}}$/)'


def variable(of: Variable) -> dict[str, Any]:
    """A variable in the JSON of a dashboard."""
    return {
        "type": "query",
        "name": of.name,
        "label": of.label,
        "datasource": REFERENCE,
        "query": of.query,
        "definition": of.query,
        "refresh": 2,  # whenever the span changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ALL,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "hide": 0,
    }


def every() -> dict[str, Any]:
    """The length of the intervals of bars and lines."""
    lengths = ("1h", "6h", "1d")
    return {
        "type": "custom",
        "name": "every",
        "label": "Every",
        "query": ",".join(lengths),
        "multi": False,
        "includeAll": False,
        "current": {"selected": True, "text": "1d", "value": "1d"},
        "options": [{"selected": length == "1d", "text": length, "value": length} for length in lengths],
        "hide": 0,
    }
