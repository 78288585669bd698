"""What became of all events that were sent, for a person and for a program."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from eventsink.client.batch import Course
from eventsink.client.delivery import Outcome, Remark

__all__ = ["Group", "Tally"]

MOST_GROUPS = 500  # of remarks that differ; what comes after is counted together
EXAMPLES = 5


@dataclass
class Group:
    """Remarks that say the same."""

    message: str
    pointer: str
    expected: str
    got: str
    count: int = 0
    places: list[str] = field(default_factory=list)


class Tally:
    """Counts, and the reasons in groups."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected = 0
        self._rejections: dict[tuple[str, str], Group] = {}
        self._warnings: dict[tuple[str, str], Group] = {}

    def add(self, outcome: Outcome) -> None:
        """Take the outcome of one batch."""
        self.accepted += outcome.accepted
        self.rejected += outcome.refused
        course = outcome.batch.course
        _group(self._rejections, outcome.rejected, course)
        _group(self._warnings, outcome.warnings, course)

    @property
    def rejections(self) -> list[Group]:
        """Why events were not accepted, the most frequent reason first."""
        return _by_count(self._rejections)

    @property
    def warnings(self) -> list[Group]:
        """What the sink remarked about events that it accepted, the most frequent first."""
        return _by_count(self._warnings)

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        counts = {"accepted": self.accepted, "rejected": self.rejected}
        groups = {"rejections": self.rejections, "warnings": self.warnings}
        return {**counts, **groups}


def _group(groups: dict[tuple[str, str], Group], remarks: Iterable[Remark], course: Course) -> None:
    for remark in remarks:
        key = (remark.message, remark.pointer)
        if key not in groups and len(groups) >= MOST_GROUPS:
            key = ("Other reasons.", "")
        group = groups.get(key)
        if group is None:
            details = (remark.expected, remark.got) if key[0] == remark.message else ("", "")
            group = groups[key] = Group(*key, *details)
        group.count += 1
        if len(group.places) < EXAMPLES:
            group.places.append(course.where(remark.number))


def _by_count(groups: dict[tuple[str, str], Group]) -> list[Group]:
    return sorted(groups.values(), key=lambda group: -group.count)
