"""One thing that was asked of a server or destination, and what to do where it is not well."""

import msgspec

__all__ = ["Point"]


class Point(msgspec.Struct, frozen=True):
    """One thing that was asked. What is not well has a remedy.

    Args:
        what: was asked, in a word or two.
        found: what is so, for a person; no secret is in it.
        remedy: a sentence that says what to do.
        minor: whether all works without the remedy: it is advice.
    """

    what: str
    found: str
    remedy: str = ""
    minor: bool = False

    @property
    def well(self) -> bool:
        """Whether nothing needs to be done."""
        return self.minor or not self.remedy
