"""What the route of COUNTER's report asks for: it is made in another room, and handed in."""

from typing import Literal, Protocol

__all__ = ["Counting", "Form", "Made"]

Form = Literal["json", "tsv", "csv", "rows"]


class Made(Protocol):
    """A report that can be sent."""

    @property
    def body(self) -> bytes:
        """All of it."""

    @property
    def media_type(self) -> str:
        """Without a charset: what is text is UTF-8."""

    @property
    def filename(self) -> str:
        """Under which it may be kept."""


class Counting(Protocol):
    """Makes COUNTER's reports from the store of this process."""

    async def render(  # noqa: PLR0913 - what a person can choose of a report
        self,
        first: str | None,
        last: str | None,
        form: Form,
        *,
        metric_type: str | None,
        access_method: str | None,
        yop: str | None,
    ) -> Made:
        """A report of whole months, both included.

        Raises:
            InvalidQuestion: the months are none, or a filter has a value that there is not.
        """
