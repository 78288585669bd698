"""What a panel of Grafana asks InfluxDB for: one number, by intervals or by tags, in InfluxQL."""

from dataclasses import dataclass
from typing import Literal

from eventsink.look.numbers.units import Unit

__all__ = ["ANYTHING", "EVERY", "INTERVAL", "Series", "said", "text"]

ANYTHING = "/.*/"  # all measurements
EVERY = "$every"  # the variable of a dashboard, by which people choose days or hours
INTERVAL = "$__interval"  # what fits the width of a panel


@dataclass(frozen=True, kw_only=True)
class Series:
    """One number.

    Args:
        title: of it, for people.
        select: the function and its field, as `count("event_id")`.
        measurement: quoted, or a regular expression.
        where: conditions, all of which hold.
        minus: conditions of what is taken off again, in the place of `where`; for sums.
        by: tags, one line or row for each combination that occurs.
        every: by intervals of this length; nothing for one number of the whole span.
        unit: of the number.
        missing: what stands for an interval without events: 0 for what is counted, nothing for what is measured.
        below: it is drawn below zero.
        listed: the select gives values, which Grafana counts: each once, from whatever measurement it came.
        words: for numbers, as (("0", "down"),).
    """

    title: str
    select: str
    measurement: str
    where: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    every: str = ""
    unit: Unit = "count"
    missing: Literal["0", "none"] = "none"
    below: bool = False
    listed: bool = False
    words: tuple[tuple[str, str], ...] = ()


def said(series: Series, zone: str = "UTC") -> str:
    """The query. `$timeFilter` stands in it for the span, as Grafana has it.

    Args:
        zone: by whose clocks days begin, an IANA name.
    """
    source, conditions = series.measurement, _all(series.where)
    select = series.select
    if series.minus:
        field = select.removeprefix("sum(").removesuffix(")")
        came = f'SELECT {field} AS "change" FROM {source} WHERE {conditions}'
        went = f'SELECT -1 * {field} AS "change" FROM {source} WHERE {_all(series.minus)}'
        source, conditions, select = f"({came}), ({went})", "$timeFilter", 'sum("change")'
    query = f'SELECT {select} AS "{series.title}" FROM {source} WHERE {conditions}'
    groups = [f"time({series.every})"] * bool(series.every) + [f'"{tag}"' for tag in series.by]
    if groups:
        query += f" GROUP BY {', '.join(groups)}"
    if series.every:
        query += f" fill({series.missing})"
        query += f" tz({text(zone)})" if zone != "UTC" else ""
    return query


def text(value: str) -> str:
    """A value as InfluxQL writes it, between quotes."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _all(conditions: tuple[str, ...]) -> str:
    return " AND ".join((*conditions, "$timeFilter"))
