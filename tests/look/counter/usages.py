"""Usage to be rendered, made by hand."""

from datetime import UTC, datetime
from typing import Any

from eventsink.look.counter import About, DatasetAbout, Platform
from eventsink.store.counter import Counts, DatasetUsage, Excluded, MonthUsage, Noted, Period, Rules, Usage

SOIL, CORES = "64c000000000000000000001", "64c000000000000000000002"
PLATFORM = Platform(
    name="Clowder Example",
    created_by="Clowder Example",
    publisher="NCSA",
    publisher_id="grid.35403.31",
    address="https://clowder.example.org/",
)
ABOUT = About(
    {
        SOIL: DatasetAbout(
            title="Soil cores & moisture 2021",
            doi="10.5072/FK2.00001",
            creators=("Okafor, A.", "Meyer, J."),
            published="2021-05-21",
            version="1",
        )
    }
)


def usage_of(*months: MonthUsage, **rules: Any) -> Usage:
    return Usage(period=Period(months[0].month, months[-1].month), rules=Rules(**rules), months=list(months))


def a_month(month: str, *datasets: DatasetUsage, names: dict[str, str] | None = None, **said: Any) -> MonthUsage:
    counted = sum(usage.counts.investigations for usage in datasets)
    excluded = {name: number for name, number in said.items() if name in Excluded.__struct_fields__}
    noted = {name: number for name, number in said.items() if name in Noted.__struct_fields__}
    return MonthUsage(
        month=month,
        begin=datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC),
        end=datetime(int(month[:4]), int(month[5:]), 28, tzinfo=UTC),
        datasets=list(datasets),
        excluded=Excluded(**excluded),
        noted=Noted(**{"accesses": counted + sum(excluded.values()), "counted": counted} | noted),
        names=names or {},
    )


def used(dataset: str, method: Any = "regular", *numbers: int, **countries: Counts) -> DatasetUsage:
    return DatasetUsage(dataset=dataset, method=method, counts=counts(*numbers), countries=countries)


def counts(*numbers: int) -> Counts:
    return Counts(**dict(zip(Counts.__struct_fields__, numbers, strict=False)))
