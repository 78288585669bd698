"""Errors as RFC 9457 problem details: one shape for every refusal."""

from http import HTTPStatus
from typing import Any

import msgspec

__all__ = ["MEDIA_TYPE", "NO_SNIFF", "Problem", "encode"]

MEDIA_TYPE = "application/problem+json"
NO_SNIFF = (b"x-content-type-options", b"nosniff")  # of every answer: no browser takes what was sent to us for a page


class Problem(Exception):
    """A refusal on its way to the client.

    Args:
        status: HTTP status.
        detail: a sentence for the person who has to act.
        headers: of the answer, besides the content type.
        members: extension members of the problem object.
    """

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.members = members


def encode(problem: Problem) -> bytes:
    """The JSON body of a problem."""
    title = HTTPStatus(problem.status).phrase
    body = {"type": "about:blank", "title": title, "status": problem.status, "detail": problem.detail}
    return msgspec.json.encode(body | problem.members)
