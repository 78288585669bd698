"""What all typed routes share: who may ask, and which refusals are documented."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from eventsink.collect.access import authorize
from eventsink.collect.desk import Desk
from eventsink.collect.openapi import ProblemDetails

__all__ = ["answers", "needs", "security"]

_PROBLEMS = {400: "The request is wrong.", 401: "No valid key.", 403: "The key has not the scope."}


def needs(scope: str, desk: Desk) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]:
    """A Litestar guard that lets keys of a scope pass."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        await authorize(dict(connection.scope["headers"]), scope, desk.keys)

    return guard


def answers(*more: int, scope: bool = True) -> dict[int, ResponseSpec]:
    """The documented refusals of a route."""
    texts = {
        **(_PROBLEMS if scope else {400: _PROBLEMS[400]}),
        404: "There is no such thing.",
        409: "It is not in a state for that.",
        422: "It cannot be accepted.",
        503: "Try again later.",
    }
    codes = [code for code in texts if code in more or code in (_PROBLEMS if scope else ())]
    return {
        code: ResponseSpec(
            ProblemDetails, generate_examples=False, description=texts[code], media_type="application/problem+json"
        )
        for code in codes
    }


def security(scope: str) -> list[dict[str, list[str]]]:
    """How a key of a scope is given, for the OpenAPI document."""
    return [{"key": [scope]}, {"bearer": [scope]}]
