"""Errors as RFC 9457 problem details: one shape for every refusal."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from eventsink.redact import hide_secrets

__all__ = ["MEDIA_TYPE", "SAFE", "Problem", "encode", "safe"]

MEDIA_TYPE = "application/problem+json"
# Of every answer that says nothing else: no browser takes what was sent to us for a page, or keeps it.
SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
]


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
    detail = hide_secrets(problem.detail)  # of what was sent, or of what a broker or a disk said
    body = {"type": "about:blank", "title": title, "status": problem.status, "detail": detail}
    return msgspec.json.encode(body | problem.members)


def safe(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, and those of `SAFE` that are not among them."""
    given = list(headers)
    names = {name for name, _ in given}
    return given + [header for header in SAFE if header[0] not in names]
