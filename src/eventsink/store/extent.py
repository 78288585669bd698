"""What is known of a file without opening it: how many events it holds, and of which times and numbers."""

from datetime import UTC, datetime

import msgspec

from eventsink.store.batch import Chunk

__all__ = ["Extent"]


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """How far the events of a file reach.

    Args:
        first: time of the earliest event; `last`: of the latest. None without events.
        first_seq: the lowest number; `last_seq`: the highest. 0 without events.
    """

    events: int = 0
    first: datetime | None = None
    last: datetime | None = None
    first_seq: int = 0
    last_seq: int = 0

    @classmethod
    def of_row(cls, events: int, first: datetime | None, last: datetime | None, *seqs: int | None) -> "Extent":
        """That of a row of extent.sql, whose times are naive."""
        first_seq, last_seq = (seq or 0 for seq in seqs)
        return cls(events=events, first=_aware(first), last=_aware(last), first_seq=first_seq, last_seq=last_seq)

    def grown(self, chunk: Chunk) -> "Extent":
        """The same with events that were added. Their numbers are above all that are there."""
        return Extent(
            events=self.events + chunk.count,
            first=min(self.first or chunk.first, chunk.first),
            last=max(self.last or chunk.last, chunk.last),
            first_seq=self.first_seq or chunk.first_seq,
            last_seq=chunk.first_seq + chunk.count - 1,
        )

    def may_hold(self, since: datetime | None, until: datetime | None) -> bool:
        """Whether any of its events may be of a span of time, `until` excluded."""
        if self.first is None or self.last is None:
            return False
        return (since is None or self.last >= since) and (until is None or self.first < until)

    def lies_within(self, since: datetime | None, until: datetime | None) -> bool:
        """Whether all of its events are of a span of time."""
        if self.first is None or self.last is None:
            return True
        return (since is None or self.first >= since) and (until is None or self.last < until)


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None
