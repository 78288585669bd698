"""What one check of `eventsink doctor` found."""

import msgspec

from eventsink.point import Point

__all__ = ["Finding"]


class Finding(msgspec.Struct, frozen=True):
    """What one check found.

    Args:
        check: what was looked at.
        ok: whether nothing has to be done. With a remedy all the same, it works, and there is a better way.
        found: what is so; no secret is in it.
        remedy: a sentence that says what to do.
    """

    check: str
    ok: bool
    found: str
    remedy: str = ""

    @classmethod
    def of(cls, point: Point, about: str = "") -> "Finding":
        """What was asked of a server; `about` stands before it."""
        return cls(f"{about} {point.what}".strip(), point.well, point.found, point.remedy)
