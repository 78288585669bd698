"""Counting one month: a few statements over tables of numbers and texts, after one that reads events into them.

Only a month's accesses are held, by DuckDB, which moves them to the disk where they are many. All runs on the reader's
thread.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

from eventsink.store.contract import EventQuery
from eventsink.store.counter.contract import Counts, DatasetUsage, Excluded, MonthUsage, Noted
from eventsink.store.counter.period import bounds, microseconds
from eventsink.store.counter.rules import Rules
from eventsink.store.open_files import catalog
from eventsink.store.span import Row, Span
from eventsink.store.sql import statement
from eventsink.store.zones import offsets, zone_of

__all__ = ["SpanOf", "count_month"]

DOUBLE_CLICK = timedelta(seconds=30)  # for which is looked beyond the end of a month
LONGEST_JOB = timedelta(days=7)  # of jobs that run over a border of the month: their begin or end is beyond it
_CHOICES = ("views", "downloads", "visitor", "session_slice", "anonymous", "partial")
_NO_COUNTRY = frozenset({"XX", "ZZ", "T1"})  # what lists and proxies write for an unknown one


class SpanOf(Protocol):
    """Makes the span of a query; all of one month see the same events."""

    def __call__(self, query: EventQuery) -> Span:
        """The files and conditions of a query."""


def count_month(span_of: SpanOf, month: str, rules: Rules, datasets: Mapping[str, str]) -> MonthUsage:
    """Count a month.

    Args:
        month: as "2026-01".
        datasets: of files, by the files' ids, as far as the caller knows them; what events say comes after it.

    Raises:
        SettingsError: the zone of the rules is none.
        StoreUnavailable, OSError, duckdb.Error: as `Span.ask`.
    """
    begin, end = bounds(month, zone_of(rules.zone))
    span = span_of(EventQuery(since=begin, until=end + DOUBLE_CLICK))
    with _tables(span):
        _judge(span_of, begin, end + DOUBLE_CLICK, rules)
        _find_extractors(span, span_of(_jobs_about(begin, end, rules)), rules)
        _find_datasets(span, span_of(_query("storage.file_uploaded", None, None)), datasets)
        return _counted(span, month, (begin, end), rules)


# --- how -------------------------------------------------------------------------------------------------------------


@contextmanager
def _tables(span: Span) -> Iterator[None]:
    span.sums("counter_tables")
    try:
        yield
    finally:
        span.sums("counter_drop")


def _query(kind: str, since: datetime | None, until: datetime | None) -> EventQuery:
    return EventQuery(type=kind, since=since, until=until)


def _jobs_about(begin: datetime, end: datetime, rules: Rules) -> EventQuery:
    """What is told of jobs that run in a month. Without their ends, they would seem to have none."""
    before = max(LONGEST_JOB, timedelta(seconds=rules.extraction_s))
    return _query("extractions.extraction_event", begin - before, end + DOUBLE_CLICK + LONGEST_JOB)


def _judge(span_of: SpanOf, begin: datetime, until: datetime, rules: Rules) -> None:
    """Take the accesses out of the files, each with its user, slice, link and reason: by the offsets of the zone."""
    span = span_of(EventQuery(since=begin, until=until))
    for source in rules.sources:
        span.sums("counter_add_source", source=source)
    for login in rules.internal_users:
        span.sums("counter_add_internal", login=login)
    choices = {name: getattr(rules, name) for name in _CHOICES} | {"all_sources": int(not rules.sources)}
    for offset in offsets(begin, until, zone_of(rules.zone)):
        piece = span_of(EventQuery(since=offset.begin, until=offset.until))
        values = piece.conditions.values | choices | {"shift": offset.shift, "seconds": offset.seconds}
        for name in piece.extents:
            accesses = statement("counter_accesses", month=catalog(name), conditions=str(piece.conditions))
            piece.run(name, "counter_judge", values, accesses=accesses)


def _find_extractors(span: Span, jobs: Span, rules: Rules) -> None:
    if rules.extractor_downloads == "count":
        return
    for name in jobs.extents:
        jobs.ask(name, "counter_job_events")
    span.sums("counter_extract", longest=round(rules.extraction_s * 1_000_000))


def _find_datasets(span: Span, uploads: Span, known: Mapping[str, str]) -> None:
    """Find the datasets of files where the access does not name one: first as the caller knows them, then by events."""
    missing = sorted(file for (file,) in span.sums("counter_missing"))
    if not missing:
        return
    if found := [file for file in missing if file in known]:
        span.sums("counter_add_files", files=found, datasets=[known[file] for file in found])
    span.sums("counter_named_files")
    for name in uploads.extents:
        uploads.ask(name, "counter_uploads")


def _counted(span: Span, month: str, limits: tuple[datetime, datetime], rules: Rules) -> MonthUsage:
    settled = statement("counter_settled")
    values = {"end": microseconds(limits[1]), "extractors": rules.extractor_downloads}
    for name in ("counter_number_people", "counter_number_links", "counter_number_datasets"):
        span.sums(name)
    span.sums_of("counter_retain", values | {"anonymous": rules.anonymous}, settled=settled)
    reasons: dict[str, int] = dict(span.sums_of("counter_reasons", values, settled=settled))
    eligible = reasons.pop("", 0)
    tallies = _tallies(span.sums("counter_usage"), span.sums("counter_repeated"))
    counted = sum(tally.counts.investigations for tally in tallies.values())
    used = {dataset for dataset, _ in tallies}
    return MonthUsage(
        month=month,
        begin=limits[0],
        end=limits[1],
        datasets=[tally.usage(*key) for key, tally in sorted(tallies.items())],
        excluded=Excluded(**reasons, double_click=eligible - counted),
        noted=Noted(
            accesses=eligible + sum(reasons.values()),
            counted=counted,
            nobody=sum(tally.nobody for tally in tallies.values()),
            unclassified=sum(tally.unclassified for tally in tallies.values()),
            sizes_unknown=sum(tally.sizes_unknown for tally in tallies.values()),
        ),
        names={dataset: name for dataset, name in span.sums("counter_names") if dataset in used},
    )


class _Tally:
    """What the rows of a dataset and access method, one a country, come to."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.countries: dict[str, Counts] = {}
        self.sizes_unknown = self.nobody = self.unclassified = 0

    def add(self, country: str | None, counts: Counts) -> None:
        """Take in what one country has."""
        self.counts += counts
        if code := _country(country):
            self.countries[code] = self.countries.get(code, Counts()) + counts

    def usage(self, dataset: str, machine: int) -> DatasetUsage:
        """The sums."""
        return DatasetUsage(
            dataset=dataset,
            method="machine" if machine else "regular",
            counts=self.counts,
            countries=dict(sorted(self.countries.items())),
            sizes_unknown=self.sizes_unknown,
        )


def _tallies(usage: Iterable[Row], repeated: Iterable[Row]) -> dict[tuple[str, int], _Tally]:
    """By dataset and access method, the rows of counter_usage.sql, and those of counter_repeated.sql taken off."""
    found: defaultdict[tuple[str, int], _Tally] = defaultdict(_Tally)
    for dataset, machine, country, *counts, volume, sizes_unknown, nobody, unclassified in usage:
        tally = found[dataset, machine]
        tally.add(country, _counts(*counts, volume, volume))
        tally.sizes_unknown += int(sizes_unknown)
        tally.nobody += int(nobody)
        tally.unclassified += int(unclassified)
    for dataset, machine, country, size in repeated:
        found[dataset, machine].add(country, Counts(unique_volume=-int(size)))
    return dict(found)


def _counts(*numbers: Any) -> Counts:
    """Numbers in the order of the fields: databases give sums in types of their own."""
    return Counts(**dict(zip(Counts.__struct_fields__, map(int, numbers), strict=True)))


def _country(code: str | None) -> str:
    """A country code in capitals; empty if it is none."""
    code = (code or "").strip().upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() and code not in _NO_COUNTRY else ""
