"""Batches of events, as they are posted."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from eventsink.client.identity import NameEvent, TimeEvent, completed
from eventsink.client.journal import Journal
from eventsink.client.source import Mark, Piece, Source, Unreadable

__all__ = ["Batch", "Course", "batches"]

START = Mark()
MOST_EVENTS = 1000
MOST_BYTES = 4 << 20  # half of what the front door takes by default


@dataclass(eq=False)
class Course:
    """One source on its way to the sink.

    Args:
        journal: None for a stream, which cannot be read twice.
        name: gives ids to events without one.
        answered: all up to here was answered by the sink.
        time_of: gives times to events without one; None where the front door does.
    """

    source: Source
    journal: Journal | None
    name: NameEvent
    answered: Mark = START
    time_of: TimeEvent | None = None

    def where(self, number: int) -> str:
        """A place in it, for a person."""
        return f"{self.source.name}:{number}" if self.source.unit else self.source.name


@dataclass
class Batch:
    """Some events that follow one another, ready to be posted.

    Args:
        too_long: numbers of lines that were too long to be read.
        end: the place after the last of them.
        last: nothing comes after it.
    """

    course: Course
    lines: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    too_long: list[int] = field(default_factory=list)
    end: Mark = START
    last: bool = False
    size: int = 0

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def full(self) -> bool:
        """Whether nothing more should be added."""
        return len(self.lines) >= MOST_EVENTS or self.size >= MOST_BYTES

    def add(self, piece: Piece) -> None:
        """Take one more event."""
        self.end = piece.end
        if not piece.line:
            self.too_long.append(piece.end.number)
            return
        line = completed(piece.line, piece.start, piece.end.number, self.course.name, self.course.time_of)
        self.lines.append(line)
        self.numbers.append(piece.end.number)
        self.size += len(line) + 1

    def halves(self) -> tuple["Batch", "Batch"]:
        """Two batches of the same events, to find the one that does not pass."""
        middle = len(self) // 2
        first = Batch(self.course, self.lines[:middle], self.numbers[:middle], end=self.end)
        return first, Batch(self.course, self.lines[middle:], self.numbers[middle:], end=self.end)


def batches(course: Course) -> Iterator[Batch | None]:
    """All batches of a source, the last of them marked and perhaps empty. None: no more for the moment.

    Raises:
        Unreadable: the source cannot be read on; what came before was given.
    """
    batch = Batch(course, end=course.answered)
    try:
        for piece in course.source.pieces(course.answered):
            if piece is not None:
                batch.add(piece)
            if batch.full or piece is None:
                yield batch
                batch = Batch(course, end=batch.end)
            if piece is None:
                yield None
    except Unreadable:
        yield batch
        raise
    batch.last = True
    yield batch
