"""What counting gives: for every month the usage of each dataset, and what was left out, and why."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from eventsink.store.counter.period import Period
from eventsink.store.counter.rules import Rules

__all__ = ["Counts", "DatasetUsage", "Excluded", "Method", "MonthUsage", "Noted", "Usage"]

Method = Literal["regular", "machine"]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The four metrics of the Code of Practice, and the volume of the requests.

    Args:
        volume: bytes of all requests; `unique_volume`: of those that differ in session, link or size.
    """

    investigations: int = 0
    unique_investigations: int = 0
    requests: int = 0
    unique_requests: int = 0
    volume: int = 0
    unique_volume: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class DatasetUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The usage of a dataset by one access method in one month.

    Args:
        countries: by ISO 3166-1 alpha-2 code in capitals; what is of an unknown country is in `counts` alone.
        sizes_unknown: requests of which nobody knows the bytes: the volume is a lower bound.
    """

    dataset: str
    method: Method
    counts: Counts
    countries: Mapping[str, Counts]
    sizes_unknown: int = 0


class Excluded(msgspec.Struct, frozen=True, kw_only=True):
    """Events of a month that were not counted, each by the first reason that holds.

    Args:
        other_resource: of a collection or space, or of a page that shows no resource.
        other_teller: told by the other kind of reporter, server or tracker, which is not the one believed.
        unsuccessful: of a status other than 200 and 304.
        internal: of users whose use is none.
        extractor: downloads by extractors.
        robot: of robots, crawlers and spiders.
        anonymous: of nobody known, where these are not to be counted.
        no_dataset: of a file of which no dataset is known (warning 102).
        double_click: followed by the same within 30 seconds.
    """

    other_resource: int = 0
    other_teller: int = 0
    unsuccessful: int = 0
    internal: int = 0
    extractor: int = 0
    robot: int = 0
    anonymous: int = 0
    no_dataset: int = 0
    double_click: int = 0


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of a month's numbers.

    Args:
        accesses: views, downloads and page views that the store has of it.
        counted: of these.
        nobody: counted, with neither user, session nor visitor: unique counts are too low (warning 101).
        unclassified: counted as regular, because nothing tells whether a person or a program asked.
        sizes_unknown: requests of which nobody knows the bytes (warning 103).
    """

    accesses: int = 0
    counted: int = 0
    nobody: int = 0
    unclassified: int = 0
    sizes_unknown: int = 0


class MonthUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The usage of one month.

    Args:
        month: as "2026-01", of the zone of the rules.
        begin: of it, UTC; `end` likewise, excluded.
        datasets: in the order of dataset and access method; those without usage are left out.
        names: of these datasets, as the last event of the month with a name has it.
    """

    month: str
    begin: datetime
    end: datetime
    datasets: list[DatasetUsage]
    excluded: Excluded
    noted: Noted
    names: dict[str, str]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The usage of a period, and how it was counted. All counts may be summed up over months, also the unique ones.

    Args:
        first: the time of the first event that the store has, of any kind; None where it has none. What was before
            it was deleted (`keep_months`), or reported to nobody.
    """

    period: Period
    rules: Rules
    months: list[MonthUsage]
    first: datetime | None = None
