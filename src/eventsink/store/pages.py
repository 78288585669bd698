"""One page of events: first the numbers of what is on it and how long that is, then the events themselves.

A page ends with its limit, or with its bytes: whoever sends decides how long events are, and a limit counts only them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from eventsink.store.batch import LONGEST
from eventsink.store.contract import EventPage, EventQuery, StoredEvent
from eventsink.store.extent import Extent
from eventsink.store.span import Conditions, Row, Span, utc

__all__ = ["PageFinder"]

MOST_EVENTS = 10_000
MOST_BYTES = 4_000_000  # of text: 300 events of 200 kB took 260 MB
FEW = 20_000  # events of a file, which are sorted before anybody notices


class _Place(NamedTuple):
    """Where an event is, and how many bytes it has, about."""

    seq: int
    month: str
    size: int


class PageFinder:
    """Finds one page.

    Args:
        span: where to look.
        query: the order and the limit.
    """

    def __init__(self, span: Span, query: EventQuery) -> None:
        self._span = span
        self._query = query
        self._backwards = query.order == "desc"
        self._limit = min(query.limit or MOST_EVENTS, MOST_EVENTS)

    def page(self) -> EventPage:
        """The events of the page, in order.

        Raises:
            StoreUnavailable, OSError, duckdb.Error: as `Span.ask`.
        """
        places = self._places()
        fitting = places[: _count_that_fits([place.size for place in places])]
        numbers: dict[str, list[int]] = {}
        for place in fitting:
            numbers.setdefault(place.month, []).append(place.seq)
        events = [event for month, part in numbers.items() for event in self._events(month, part)]
        events.sort(key=lambda event: event.seq, reverse=self._backwards)
        more = len(fitting) < len(places) or len(places) == self._limit
        return EventPage(events, events[-1].seq if more else None)

    # --- what is on it -----------------------------------------------------------------------------------------------

    def _places(self) -> list[_Place]:
        """The events of the page if bytes did not count, in order."""
        places: list[_Place] = []
        for month, extent in self._files():
            conditions = self._span.conditions
            if len(places) == self._limit:
                last = places[-1].seq
                if not self._precedes(extent, last):
                    break
                conditions = conditions.also("seq > $last" if self._backwards else "seq < $last", last=last)
            places += self._places_in(month, extent, conditions)
            places = sorted(places, key=lambda place: place.seq, reverse=self._backwards)[: self._limit]
        return places

    def _files(self) -> list[tuple[str, Extent]]:
        """The files, that with the event nearest to the beginning of the page first."""
        if self._backwards:
            return sorted(self._span.extents.items(), key=lambda item: item[1].last_seq, reverse=True)
        return sorted(self._span.extents.items(), key=lambda item: item[1].first_seq)

    def _precedes(self, extent: Extent, seq: int) -> bool:
        return extent.last_seq > seq if self._backwards else extent.first_seq < seq

    def _places_in(self, month: str, extent: Extent, conditions: Conditions) -> list[_Place]:
        """The first events of a file that are asked for."""
        numbers: list[int] = []
        if extent.events > FEW:
            numbers = self._first_of(month, self._beside_cursor(extent, conditions))
        if len(numbers) < self._limit:
            numbers = self._first_of(month, conditions)
        return [_Place(seq, month, size) for seq, size in self._sizes(month, numbers).items()] if numbers else []

    def _beside_cursor(self, extent: Extent, conditions: Conditions) -> Conditions:
        """Where the page nearly always is: to sort all that lies beyond takes longer."""
        if self._backwards:
            newest = min(extent.last_seq, self._span.committed) + 1
            near = min(self._query.before_seq or newest, newest) - 2 * self._limit
            return conditions.also("seq >= $near", near=near)
        near = max(self._query.after_seq or 0, extent.first_seq - 1) + 2 * self._limit
        return conditions.also("seq <= $near", near=near)

    def _first_of(self, month: str, conditions: Conditions) -> list[int]:
        parts = {"conditions": str(conditions), "order": self._query.order, "limit": str(self._limit)}
        return [row[0] for row in self._span.run(month, "page_of_month", conditions.values, **parts)]

    def _sizes(self, month: str, numbers: Sequence[int]) -> dict[int, int]:
        """About how many bytes each of these events has."""
        sizes: dict[int, int] = dict(self._span.ask(month, "sizes", self._between(numbers)))
        pieces = {"first": min(numbers), "last": max(numbers)}
        for seq, count in self._span.run(month, "piece_counts", pieces):
            if seq in sizes:
                sizes[seq] += count * LONGEST
        return sizes

    # --- the events --------------------------------------------------------------------------------------------------

    def _events(self, month: str, numbers: Sequence[int]) -> list[StoredEvent]:
        rows = self._span.ask(month, "events", self._between(numbers))
        long = self._long_texts(month, [row[0] for row in rows if "" in row[-2:]])
        return [_stored(row, long) for row in rows]

    def _long_texts(self, month: str, numbers: Sequence[int]) -> dict[tuple[int, str], str]:
        pieces: dict[tuple[int, str], list[str]] = {}
        if numbers:
            for seq, field, _, text in sorted(self._span.run(month, "pieces", {"seqs": list(numbers)})):
                pieces.setdefault((seq, field), []).append(text)
        return {key: "".join(parts) for key, parts in pieces.items()}

    def _between(self, numbers: Sequence[int]) -> Conditions:
        """What the events of a file meet that have these numbers: a few groups of rows are read for them."""
        return self._span.conditions.also("seq BETWEEN $first AND $last", first=min(numbers), last=max(numbers))


def _count_that_fits(sizes: Sequence[int]) -> int:
    """How many events go on a page: one at least, or nobody would ever get beyond it."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > MOST_BYTES and count:
            return count
    return len(sizes)


def _stored(row: Row, long: Mapping[tuple[int, str], str]) -> StoredEvent:
    seq, event_id, source, kind, time, received, subject, user, dialect, data, extensions = row
    if extensions == "":
        extensions = long[seq, "extensions"]
    return StoredEvent(
        seq=seq,
        id=event_id,
        source=source,
        type=kind,
        time=utc(time),
        received=utc(received),
        data=msgspec.Raw(data or long[seq, "data"]),
        subject=subject,
        user=user,
        dialect=dialect,
        extensions=msgspec.json.decode(extensions) if extensions else {},
    )
