"""What numbers are made of: one narrow row an event, read out of the months' files once, in a file of its own.

In: the files of the months. Out: answers of the panels and reports, over years, within a second. Called by `Store.ask`.
The file holds nothing that is not in the events: it is deleted and made again whenever it does not fit them.
"""

from eventsink.store.facts.keeper import NotRead
from eventsink.store.facts.question import (
    Answer,
    Filter,
    Measure,
    Question,
)

__all__ = ["Answer", "Filter", "Measure", "NotRead", "Question"]
