"""From samples to the time between them.

A sample says how things are from its moment until the next one, but no longer than two and a half periods of its check:
after that nobody knows, for the monitor may be dead. What is in no segment is unknown. All times are milliseconds since
1970.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["DOWN", "MAINTENANCE", "UP", "Sample", "Segment", "clipped", "merge", "order", "segments", "validity"]

UP, DOWN, MAINTENANCE, UNKNOWN = "u", "d", "m", "?"
VALID_FOR = 2.5  # periods
LONGEST = 86_400.0  # seconds of a period
_RANK = {UNKNOWN: 0, UP: 1, MAINTENANCE: 2, DOWN: 3}
UNSAID = 600_000  # milliseconds that a sample is good for which names no period


class Sample(NamedTuple):
    """What one run of a check has found.

    Args:
        valid: milliseconds for which it says something.
    """

    at: int
    state: str
    valid: int
    reason: str = ""
    message: str = ""
    elapsed_ms: float | None = None


class Segment(NamedTuple):
    """A time in which nothing changed, the end excluded.

    Args:
        reason: of the first sample in it, when it was down.
        region: where that was seen.
    """

    start: int
    end: int
    state: str
    reason: str = ""
    message: str = ""
    region: str = ""


def validity(every_s: float | None) -> int:
    """For how many milliseconds a sample is good whose check runs every so many seconds."""
    return round(1000 * VALID_FOR * min(every_s, LONGEST)) if every_s else UNSAID


def order(sample: Sample) -> tuple[int, int, int, str, str]:
    """A total order: of several samples at one moment the last counts, and one that was down comes last."""
    return sample.at, _RANK[sample.state], sample.valid, sample.reason, sample.message


def segments(samples: Iterable[Sample], carried: Segment | None, begin: int, end: int) -> list[Segment]:
    """What samples say of a span.

    Args:
        samples: of the span, in any order; of two at one moment the one that was down counts.
        carried: what the last sample before it says, as far as that is good.
        begin: of the span; end: of the span, excluded.
    """
    found = [carried] if carried else []
    ordered = sorted(samples, key=order)
    for sample, following in itertools.zip_longest(ordered, ordered[1:]):
        until = min(sample.at + sample.valid, following.at if following else end)
        if following is None or following.at > sample.at:
            found.append(Segment(sample.at, until, sample.state, sample.reason, sample.message))
    if carried and ordered:
        found[0] = carried._replace(end=min(carried.end, ordered[0].at))
    return list(_joined(clipped(found, begin, end)))


def clipped(found: Iterable[Segment], begin: int, end: int) -> Iterator[Segment]:
    """The parts of segments that lie within a span and are known."""
    for segment in found:
        start, until = max(segment.start, begin), min(segment.end, end)
        if start < until and segment.state != UNKNOWN:
            yield segment._replace(start=start, end=until)


def merge(regions: Sequence[Sequence[Segment]]) -> list[Segment]:
    """What all regions together say: down where more than half of those that know it say so.

    Maintenance is where one of them is told of it.
    """
    if len(regions) == 1:
        return list(regions[0])
    edges = sorted({edge for found in regions for segment in found for edge in (segment.start, segment.end)})
    places = [0] * len(regions)
    merged: list[Segment] = []
    for start, end in itertools.pairwise(edges):
        there = []
        for number, found in enumerate(regions):
            while places[number] < len(found) and found[places[number]].end <= start:
                places[number] += 1
            if places[number] < len(found) and found[places[number]].start <= start:
                there.append(found[places[number]])
        if there:
            merged.append(_judged(there)._replace(start=start, end=end))
    return list(_joined(merged))


def _judged(there: Sequence[Segment]) -> Segment:
    for state in (MAINTENANCE, DOWN):
        found = [segment for segment in there if segment.state == state]
        if found and (state == MAINTENANCE or 2 * len(found) > len(there)):
            return min(found, key=lambda segment: segment.start)
    return next(segment for segment in there if segment.state == UP)


def _joined(found: Iterable[Segment]) -> Iterator[Segment]:
    """Segments of one state that touch, as one."""
    last: Segment | None = None
    for segment in found:
        if last and last.end == segment.start and last.state == segment.state:
            last = last._replace(end=segment.end)
            continue
        if last:
            yield last
        last = segment
    if last:
        yield last
