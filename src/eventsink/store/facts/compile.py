"""Questions in SQL: one text that DuckDB, PostgreSQL and ClickHouse understand but for the names of functions.

Columns are names out of a list, values are parameters: nothing that somebody typed stands in the text.
"""

import difflib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from eventsink.errors import InvalidQuestion
from eventsink.store.facts.question import COLUMNS, MEASURED, Every, Filter, Measure, Question
from eventsink.store.zones import offsets, zone_of

__all__ = ["compiled", "cut", "narrowed", "readable"]

_HOW = {
    "count": "count(*)",
    "distinct": "count(DISTINCT {of})",
    "sum": "coalesce(sum({of}), 0)",
    "mean": "avg({of})",
    "median": "quantile_cont({of}, 0.5)",
    "p95": "quantile_cont({of}, 0.95)",
    "highest": "max({of})",
}


def compiled(question: Question, committed: int) -> tuple[str, dict[str, Any]]:
    """The statement of a question and its values.

    Args:
        committed: the number of the last event to be counted.

    Raises:
        InvalidQuestion: it names a column that there is not.
        SettingsError: its zone is none.
    """
    values = _Values()
    since, until = _naive(question.since), _naive(question.until)
    conditions = [
        f"seq <= {values.add(committed)}",
        f"time >= {values.add(since)}",
        f"time < {values.add(until)}",
        *(_condition(chosen, values) for chosen in question.where),
    ]
    groups = [_column(name) for name in question.by]
    if question.every:
        zone = zone_of(question.zone)
        groups.insert(0, f"{_interval(question, zone)} AS time")
    measures = [f"{_measured(measure, values)} AS {measure.name}" for measure in question.measures]
    text = f"SELECT {', '.join([*groups, *measures])} FROM facts.events WHERE {' AND '.join(conditions)}"
    if groups:
        text += f" GROUP BY {', '.join(str(place) for place in range(1, len(groups) + 1))}"
        text += f" ORDER BY {_order(question, len(groups))} LIMIT {int(question.limit)}"
    return text, values.named


def narrowed(filters: Iterable[Filter], known: Iterable[str] = COLUMNS) -> tuple[str, dict[str, Any]]:
    """Filters as a part of a statement of `sql/`, to stand behind a condition, and their values.

    Args:
        known: the columns that the statement has.

    Raises:
        InvalidQuestion: a filter names another one.
    """
    values = _Values()
    return "".join(f" AND {_condition(chosen, values, known)}" for chosen in filters), values.named


def cut(since: datetime, until: datetime, every: Every, zone: str) -> str:
    """The begin of the interval in which `time` lies, as a part of a statement of `sql/`.

    Raises:
        SettingsError: the zone is none.
    """
    return _interval(Question(measures=(), since=since, until=until, every=every, zone=zone), zone_of(zone))


def readable(question: Question) -> str:
    """The statement of a question for people, to be asked with `eventsink sql`: its values stand in it.

    Raises:
        InvalidQuestion, SettingsError: as `compiled`.
    """
    text, values = compiled(question, 0)
    text = text.replace("seq <= $v0 AND ", "").replace("facts.events", "facts")
    for word in (" FROM ", " WHERE ", " GROUP BY ", " ORDER BY "):
        text = text.replace(word, f"\n{word[1:]}")
    text = text.replace("\nWHERE ", " WHERE ").replace(" facts WHERE ", " facts\nWHERE ")  # those of measures stay
    # Values last and at once: whatever stands in one is no part of the statement.
    return re.sub(r"\$(v\d+)", lambda found: _literal(values[found[1]]), text)


def _literal(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(' ')}'"
    doubled = str(value).replace("'", "''")
    return f"'{doubled}'"


class _Values:
    """The parameters of a statement."""

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}

    def add(self, value: Any) -> str:
        """The name of a new one in the statement."""
        name = f"v{len(self.named)}"
        self.named[name] = value
        return f"${name}"


def _order(question: Question, groups: int) -> str:
    """Always by the groups in the end, so that the same events give the same rows."""
    places = [f"{place} NULLS LAST" for place in range(1, groups + 1)]
    if question.order:
        names = [measure.name for measure in question.measures]
        if question.order not in names:
            raise InvalidQuestion(f"There is no measure {question.order[:60]!r}: {', '.join(names)}.")
        places.insert(0, f"{groups + 1 + names.index(question.order)} DESC NULLS LAST")
    return ", ".join(places)


def _measured(measure: Measure, values: _Values) -> str:
    of = _column(measure.of, (*COLUMNS, *MEASURED)) if measure.of else ""
    text = _HOW[measure.how].format(of=of)
    found = _only(text, measure.where, values)
    return f"{found} - {_only(text, measure.minus, values)}" if measure.minus else found


def _only(text: str, where: Iterable[Filter], values: _Values) -> str:
    conditions = " AND ".join(_condition(chosen, values) for chosen in where)
    if not conditions:
        return text
    if text.startswith("coalesce("):  # of a sum that nothing has a part in
        inner = text.removeprefix("coalesce(").removesuffix(", 0)")
        return f"coalesce({inner} FILTER (WHERE {conditions}), 0)"
    return f"{text} FILTER (WHERE {conditions})"


def _condition(chosen: Filter, values: _Values, known: Iterable[str] = COLUMNS) -> str:
    column = _column(chosen.column, known)
    if not chosen.values:
        return f"{column} IS {'NOT ' if chosen.wanted else ''}NULL"
    names = ", ".join(values.add(value) for value in chosen.values)
    return f"{column} {'' if chosen.wanted else 'NOT '}IN ({names})"


def _column(name: str, known: Iterable[str] = COLUMNS) -> str:
    if name not in known:
        near = difflib.get_close_matches(name[:60], list(known), 1)
        raise InvalidQuestion(
            f"Events have no column {name[:60]!r}{f': did you mean {near[0]!r}?' if near else '.'}"
            f" There are {', '.join(known)}."
        )
    return '"user"' if name == "user" else name


def _interval(question: Question, zone: ZoneInfo) -> str:
    """The begin of an interval by the clocks of a zone, of which each offset has a part in the text.

    The two hours of one name as clocks go back are told apart: hours are cut in local time, and said in UTC.
    """
    pieces = [*offsets(question.since.astimezone(UTC), question.until, zone)]
    parts = [(piece.until, _begin(question.every or "day", piece.seconds)) for piece in pieces]
    if not parts:
        return _begin(question.every or "day", 0)
    whens = [f"WHEN time < TIMESTAMP '{_naive(until).isoformat(' ')}' THEN {begin}" for until, begin in parts[:-1]]
    return f"CASE {' '.join(whens)} ELSE {parts[-1][1]} END" if whens else parts[-1][1]


def _begin(every: Every, offset: int) -> str:
    """The begin of an interval where local time is so many seconds before UTC."""
    if offset == 0:
        return f"date_trunc('{every}', time)"
    begin = f"date_trunc('{every}', time + INTERVAL '{offset}' SECOND)"
    return f"{begin} - INTERVAL '{offset}' SECOND" if every == "hour" else begin


def _naive(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(tzinfo=None)
