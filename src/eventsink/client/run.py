"""One run of `send`: sources through the delivery into the tally, each journal kept up to date."""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

from eventsink.client.batch import Course, batches
from eventsink.client.delivery import Delivery, Outcome
from eventsink.client.source import Source
from eventsink.client.tally import Tally
from eventsink.errors import EventSinkError

__all__ = ["Run", "View"]

GRACE = 5.0  # seconds after Ctrl-C for what is under way to be answered


class View(Protocol):
    """Who looks on."""

    def advance(self, source: Source, events: int) -> None:
        """Some more events of a source were answered, `events` in all."""

    def tell_once(self, text: str) -> None:
        """Say something that may come up often."""


class Run:
    """Sends sources one after the other.

    Args:
        delivery: posts batches.
        view: told how far it is.
        rejected: where lines that were not accepted are written, if anywhere.
    """

    def __init__(self, delivery: Delivery, view: View, rejected: BinaryIO | None = None) -> None:
        self.tally = Tally()
        self._courses: list[Course] = []
        self._delivery = delivery
        self._view = view
        self._rejected = rejected

    def send(self, course: Course) -> None:
        """Send one source. What is under way when it returns is settled with the next one, or by `finish`.

        Raises:
            Unreadable: the source cannot be read on; others may.
            EventSinkError: the sink takes nothing any more.
        """
        self._courses.append(course)
        for batch in batches(course):
            self._settle(self._delivery.drain() if batch is None else self._delivery.submit(batch))

    def finish(self) -> None:
        """Wait for all that is under way.

        Raises:
            EventSinkError: the sink takes nothing any more.
        """
        self._settle(self._delivery.drain())
        self._save_rest()

    def stop(self) -> None:
        """End early: note what is answered soon, and how far each source was sent."""
        self._settle(self._delivery.stop(GRACE))
        self._save_rest()

    def unfinished(self) -> list[str]:
        """Sentences about the sources that were not sent to their end."""
        return [_how_to_go_on(course) for course in self._courses if course.answered.number]

    def _settle(self, outcomes: Iterator[Outcome]) -> None:
        for outcome in outcomes:
            batch, course = outcome.batch, outcome.batch.course
            self.tally.add(outcome)
            self._write_rejected(outcome)
            self._view.advance(course.source, self.tally.accepted + self.tally.rejected)
            course.answered = batch.end
            if course.journal:
                course.journal.note(batch.end, accepted=outcome.accepted, refused=outcome.refused)
                self._save(course, done=batch.last)
            if batch.last:
                course.source.close()
                self._courses.remove(course)

    def _save_rest(self) -> None:
        for course in self._courses:
            self._save(course, done=False, now=True)
            course.source.close()

    def _save(self, course: Course, *, done: bool, now: bool = False) -> None:
        if course.journal is None:
            return
        try:
            course.journal.save(done=done, now=now)
        except OSError as error:
            self._view.tell_once(f"How far files were sent cannot be noted: {error.strerror}: {error.filename}.")

    def _write_rejected(self, outcome: Outcome) -> None:
        if self._rejected is None or not outcome.rejected:
            return
        refused = {remark.number for remark in outcome.rejected}
        batch = outcome.batch
        lines = [line for number, line in zip(batch.numbers, batch.lines, strict=True) if number in refused]
        try:
            self._rejected.writelines(line + b"\n" for line in lines)
            self._rejected.flush()
        except OSError as error:
            raise EventSinkError(f"{self._rejected.name} cannot be written: {error.strerror}.") from None


def _how_to_go_on(course: Course) -> str:
    name, place = course.source.name, f"{course.source.unit} {course.answered.number:,}"
    if course.journal:
        return f"{name} goes on after {place} when the same command is given again."
    return f"Of {name} all up to {place} was answered."
