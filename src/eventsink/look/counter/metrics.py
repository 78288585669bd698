"""The four metrics of release 1, and their names in the table and in DataCite's JSON."""

from typing import Literal, NamedTuple

from eventsink.store.counter import Counts

__all__ = ["METRICS", "Metric", "MetricName"]

MetricName = Literal[
    "Total_Dataset_Investigations",
    "Unique_Dataset_Investigations",
    "Total_Dataset_Requests",
    "Unique_Dataset_Requests",
]


class Metric(NamedTuple):
    """One metric.

    Args:
        name: in tables.
        field: of `Counts` that has it.
        volume: the field with its bytes; empty for investigations, which have none.
    """

    name: MetricName
    field: str
    volume: str = ""

    @property
    def json_name(self) -> str:
        """Its name on DataCite's wire."""
        return self.name.lower().replace("_", "-")

    def of(self, counts: Counts) -> int:
        """Its value."""
        value: int = getattr(counts, self.field)
        return value

    def bytes_of(self, counts: Counts) -> int:
        """The bytes of what it counts; 0 where it has none."""
        return getattr(counts, self.volume) if self.volume else 0


METRICS = (
    Metric("Total_Dataset_Investigations", "investigations"),
    Metric("Unique_Dataset_Investigations", "unique_investigations"),
    Metric("Total_Dataset_Requests", "requests", "volume"),
    Metric("Unique_Dataset_Requests", "unique_requests", "unique_volume"),
)
