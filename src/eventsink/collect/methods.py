"""Which methods an address answers: said by OPTIONS, and by the refusal of every other."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from eventsink.collect.problems import Problem

__all__ = ["allowed", "head_only", "not_allowed"]

Send = Callable[[dict[str, Any]], Awaitable[None]]


def allowed(methods: Iterable[str]) -> str:
    """The value of `Allow`: whatever answers GET answers HEAD, and everything answers OPTIONS."""
    found = {*methods, "OPTIONS"}
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))


def not_allowed(method: str, allow: str) -> Problem:
    """405, with what is answered instead."""
    return Problem(405, f"{method[:20]} is not answered at this address: use {allow}.", headers={"allow": allow})


def head_only(send: Send) -> Send:
    """Sends the answer to a GET without its body, as HEAD wants it (RFC 9110 §9.3.2)."""

    async def send_head(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            message = message | {"body": b""}
        await send(message)

    return send_head
