"""Sums and a series over many files: each is asked by itself, and what they say is added up in tables of DuckDB."""

from eventsink.store.contract import OTHER_TYPES, Interval, Point, Summary, TooManyPoints, TypeCount
from eventsink.store.span import Span, utc

__all__ = ["summary"]

MOST_BYTES_COUNTED = 2**63 - 1  # what JSON readers take for an integer
MOST_TYPES = 250  # whoever may send can make up any number, and each has a point in every interval
MOST_POINTS = 100_000  # some 40 MB on their way into JSON


def summary(span: Span, interval: Interval) -> Summary:
    """Sums and the series of a span.

    Raises:
        TooManyPoints: the series would have too many.
        StoreUnavailable, OSError, duckdb.Error: as `Span.ask`.
    """
    span.sums("sum_tables")
    try:
        return _summary(span, interval)
    finally:
        span.sums("drop_sum_tables")


def _summary(span: Span, interval: Interval) -> Summary:
    for month in span.extents:
        span.ask(month, "add_users")
        span.ask(month, "add_counts", interval=interval)
    ((users,),) = span.sums("count_users")
    ((events, uploaded, downloaded),) = span.sums("totals")
    return Summary(
        events=events,
        users=users,
        bytes_uploaded=min(uploaded, MOST_BYTES_COUNTED),
        bytes_downloaded=min(downloaded, MOST_BYTES_COUNTED),
        by_type=_by_type(span, events),
        series=_series(span, interval),
    )


def _by_type(span: Span, events: int) -> list[TypeCount]:
    span.sums("add_types", limit=MOST_TYPES)
    counts = [TypeCount(kind, count) for kind, count in span.sums("types")]
    others = events - sum(entry.count for entry in counts)
    return [*counts, TypeCount(OTHER_TYPES, others)] if others else counts


def _series(span: Span, interval: Interval) -> list[Point]:
    rows = span.sums("series", others=OTHER_TYPES, limit=MOST_POINTS + 1)
    if len(rows) > MOST_POINTS:
        raise TooManyPoints(
            f"By the {interval}, this time has more than {MOST_POINTS:,} counts to show:"
            " ask for longer intervals, or for a shorter time."
        )
    return [Point(utc(begin), kind, count) for begin, kind, count in rows]
