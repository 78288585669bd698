"""Asking: rows, sums and series. All methods run on the reader's thread.

The files are asked one after the other, so a question about ten years needs no more memory and no more open files than
one about a month; and only those that can have a part in the answer.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import duckdb

from eventsink.store import sums
from eventsink.store.contract import EventPage, EventQuery, Interval, Stats, Summary
from eventsink.store.counter.contract import MonthUsage
from eventsink.store.counter.counting import count_month
from eventsink.store.counter.rules import Rules
from eventsink.store.facts.compile import compiled
from eventsink.store.facts.keeper import FactsKeeper, NotRead
from eventsink.store.facts.question import Answer, Question
from eventsink.store.months import Months
from eventsink.store.pages import PageFinder
from eventsink.store.salvage import is_damage
from eventsink.store.span import Row, Span, fetched
from eventsink.store.sql import statement

__all__ = ["Reader"]

MADE_AGAIN = "What numbers are made of was damaged, and is made again from the events. Ask again."


class Reader:
    """Asks the files of the store.

    Args:
        months: the files.
        committed: the number of the last event that is committed. What is newer is left out, or an answer would have
            some files of an earlier moment than others, and whoever follows by number would miss events.
    """

    def __init__(self, months: Months, committed: Callable[[], int]) -> None:
        self._months = months
        self._committed = committed
        self._facts = FactsKeeper(months)

    def page(self, query: EventQuery) -> EventPage:
        """The events asked for, in order: as many as a page may have."""
        with self._months.gate.looking():
            return PageFinder(self._span(query), query).page()

    def count(self, query: EventQuery) -> int:
        """How many events, whatever the limit."""
        with self._months.gate.looking():
            span = self._span(query)  # a file of which all is asked for need not be opened
            return sum(
                extent.events if span.has_all(extent) else span.ask(month, "count")[0][0]
                for month, extent in span.extents.items()
            )

    def summary(self, since: datetime | None, until: datetime | None, interval: Interval) -> Summary:
        """Sums and the series of a span of event time."""
        with self._months.gate.looking():
            return sums.summary(self._span(EventQuery(since=since, until=until)), interval)

    def counter(self, month: str, rules: Rules, datasets: Mapping[str, str], committed: int) -> MonthUsage:
        """The usage of datasets in a month, of events up to a number."""
        with self._months.gate.looking():
            self._months.files.check()
            return count_month(lambda query: Span(self._months, query, committed), month, rules, datasets)

    def read_facts(self, committed: int) -> int:
        """Read some events, up to a number, into the facts. Returns how many are left."""
        with self._months.gate.looking():
            self._months.files.check()
            return self._facts.left() if self._facts.read_on(committed) else 0

    def ask(self, question: Question, committed: int | None = None) -> Answer:
        """Numbers of the facts that were read, or of those up to a number."""
        text, values = compiled(question, self._committed() if committed is None else committed)
        columns = (
            *(["time"] if question.every else []),
            *question.by,
            *(measure.name for measure in question.measures),
        )
        return Answer(columns, self._of_facts(text, values))

    def report(self, name: str, values: Mapping[str, Any], parts: Mapping[str, str]) -> list[Row]:
        """The rows of a statement about the facts that were read."""
        return self._of_facts(statement(name, **parts), values)

    def _of_facts(self, text: str, values: Mapping[str, Any]) -> list[Row]:
        with self._months.gate.looking():
            self._months.files.check()
            if not self._facts.attach():  # the store was opened anew since they were read: there are none in it
                raise NotRead(MADE_AGAIN)
            try:
                return fetched(self._months.files.counter.execute(text, values or None))
            except duckdb.Error as error:
                if not is_damage(error):
                    raise
                self._facts.make_again(error)
                raise NotRead(MADE_AGAIN) from error

    def stats(self, trouble: str | None) -> Stats:
        """What the store holds; `trouble` is for the answer."""
        with self._months.gate.looking():
            self._months.files.check()
            extents = self._months.extents
            return Stats(
                events=sum(extent.events for extent in extents.values()),
                bytes=self._months.size(),
                months=sorted(extents),
                first=min((extent.first for extent in extents.values() if extent.first), default=None),
                last=max((extent.last for extent in extents.values() if extent.last), default=None),
                trouble=trouble,
            )

    def _span(self, query: EventQuery) -> Span:
        self._months.files.check()
        return Span(self._months, query, self._committed())
