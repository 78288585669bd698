"""A panel of our own pages, in the words of InfluxDB.

InfluxDB groups by tags alone, and ids, names and people are no tags: what a panel has by them, only our store can say.
The names of columns are those of `store/facts`; what they are in InfluxDB stands in docs/influxdb.md.
"""

from collections.abc import Iterable

from eventsink.errors import InvalidQuestion
from eventsink.look.grafana.series import ANYTHING, EVERY, Series, text
from eventsink.look.grafana.variables import EXTRACTOR, SPACE, Variable, condition
from eventsink.look.numbers.panel import Panel
from eventsink.store.facts import Filter, Measure

__all__ = ["is_asked_for", "series_of"]

_TAGS = frozenset({"type", "source", "resource_type", "extractor", "status", "method", "route", "country", "device"})
_SPACES = frozenset({"storage", "traffic", "extractions"})  # measurements whose events have a space
_HOW = {
    "count": 'count("event_id")',
    "distinct": 'count(distinct("{of}"))',
    "sum": 'sum("{of}")',
    "mean": 'mean("{of}")',
    "median": 'median("{of}")',
    "p95": 'percentile("{of}", 95)',
    "highest": 'max("{of}")',
}


def is_asked_for(panel: Panel) -> bool:
    """Whether InfluxDB can say it."""
    return _TAGS.issuperset(panel.by)


def series_of(panel: Panel, variables: Iterable[Variable] = ()) -> list[Series]:
    """Each measure of a panel.

    Args:
        variables: of the dashboard; those narrow it that its events have.

    Raises:
        InvalidQuestion: InfluxDB has no word for something in it.
    """
    return [_series(panel, measure, tuple(variables)) for measure in panel.measures]


def _series(panel: Panel, measure: Measure, variables: tuple[Variable, ...]) -> Series:
    common = [chosen for chosen in panel.where if chosen.values]  # that a group is there at all shows by itself
    kinds = _types([*panel.where, *measure.where])
    components = {kind.partition(".")[0] for kind in kinds}
    listed = measure.how == "distinct" and len(components) != 1
    narrowing = tuple(condition(by) for by in variables if _has(by, components))
    where = _conditions([*common, *measure.where])
    if len(components) > 1:
        raise InvalidQuestion(f"{panel.name}.{measure.name} is of two measurements of InfluxDB: count each for itself.")
    counted = measure.how in ("count", "distinct", "sum")
    return Series(
        title=panel.titles.get(measure.name, measure.name),
        select=f'distinct("{measure.of}")' if listed else _HOW[measure.how].format(of=measure.of),
        measurement=f'"{components.pop()}"' if components else ANYTHING,
        where=(*where, *narrowing),
        minus=(*_conditions([*common, *measure.minus]), *narrowing) if measure.minus else (),
        by=panel.by,
        every=EVERY if panel.over_time else "",
        unit=panel.units.get(measure.name, "count"),
        missing="0" if counted and not listed else "none",
        below=measure.name in panel.below,
        listed=listed,
    )


def _has(by: Variable, components: set[str]) -> bool:
    """Whether a variable narrows what is counted; of a space that was chosen, all else is left out."""
    if by == EXTRACTOR:
        return components == {"extractions"}
    return by == SPACE and components <= _SPACES


def _types(filters: Iterable[Filter]) -> set[str]:
    """The types that all filters on types let pass; none if there is no such filter."""
    kinds: set[str] | None = None
    for chosen in filters:
        if chosen.column == "type" and chosen.wanted and chosen.values:
            kinds = set(chosen.values) if kinds is None else kinds & set(chosen.values)
    return kinds or set()


def _conditions(filters: Iterable[Filter]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_condition(chosen) for chosen in filters))


def _condition(chosen: Filter) -> str:
    """A condition in InfluxQL, for which a tag that is missing is an empty text."""
    match chosen:
        case Filter("robot", (False,), True):
            return "\"device\" != 'robot'"  # the worker gives this tag to whatever is marked as a robot's
        case Filter("succeeded", (True,), True):
            return '"http_status" !~ /^[4-9]/'
        case Filter("status_class", (int(first),), True):
            return f'"status" =~ /^{first}/'
        case Filter(column, (_, *_)) if column in _TAGS:
            equal, joint = ("=", " OR ") if chosen.wanted else ("!=", " AND ")
            conditions = [f'"{column}" {equal} {text(str(value))}' for value in chosen.values]
            return conditions[0] if len(conditions) == 1 else f"({joint.join(conditions)})"
    raise InvalidQuestion(f"InfluxDB has no tag for a filter on {chosen.column}.")
