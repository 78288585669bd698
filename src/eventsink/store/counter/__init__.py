"""Usage of datasets as COUNTER's Code of Practice for Research Data counts it, out of stored events.

In: a period in whole months, and the rules where the Code leaves a choice. Out: investigations and requests, total and
unique, by month, dataset, access method and country, and what was not counted, and why. Called by `Store.counter`.
Rendering is `look/counter`: a later release of the Code changes only that.
"""

from eventsink.store.counter.contract import Counts, DatasetUsage, Excluded, Method, MonthUsage, Noted, Usage
from eventsink.store.counter.period import InvalidPeriod, Period
from eventsink.store.counter.rules import Rules

__all__ = [
    "Counts",
    "DatasetUsage",
    "Excluded",
    "InvalidPeriod",
    "Method",
    "MonthUsage",
    "Noted",
    "Period",
    "Rules",
    "Usage",
]
