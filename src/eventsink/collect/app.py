"""The ASGI application: the hot route straight to its code, all others through Litestar."""

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from litestar import Litestar, MediaType, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

import eventsink
from eventsink.collect.api import routes
from eventsink.collect.desk import Desk
from eventsink.collect.examples import illustrate
from eventsink.collect.intake_route import IntakeRoute, Receive, Send
from eventsink.collect.openapi import intake_paths
from eventsink.collect.problems import MEDIA_TYPE, NO_SNIFF, Problem, encode
from eventsink.errors import ExchangeUnavailable, StoreUnavailable

__all__ = ["App"]

_log = structlog.get_logger(__name__)


class App:
    """One front door as an ASGI application.

    Args:
        desk: what the routes work with.
        pages: routes of other rooms that are served beside.
    """

    def __init__(self, desk: Desk, pages: Sequence[BaseRouteHandler] = ()) -> None:
        self._intake = IntakeRoute(desk)
        self._litestar = Litestar(
            [*routes(desk), *pages, self._get_openapi()],
            openapi_config=OpenAPIConfig(
                title="Clowder event sink",
                version=eventsink.__version__,
                description="Takes events of Clowder and all around it, and brings them to every destination once.",
                components=Components(
                    security_schemes={
                        "key": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
                        "bearer": SecurityScheme(type="http", scheme="bearer"),
                    }
                ),
                render_plugins=(),
                path="/unused",
            ),
            exception_handlers={
                Problem: _problem,
                HTTPException: _http_exception,
                ExchangeUnavailable: _unavailable,
                StoreUnavailable: _unavailable,
                Exception: _bug,
            },
            logging_config=None,
        )
        self._document = b""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""

        async def no_guessing(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), NO_SNIFF]
            await send(message)

        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/v1/events"):
            await self._intake(scope, receive, send)
        else:
            await self._litestar(scope, receive, no_guessing)  # type: ignore[arg-type]

    def document(self) -> dict[str, Any]:
        """The whole OpenAPI document."""
        described: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self._litestar.openapi_schema.to_schema()))
        paths, schemas = intake_paths()
        for path, operations in paths.items():
            described["paths"].setdefault(path, {}).update(operations)
        described["components"].setdefault("schemas", {}).update(schemas)
        described["paths"] = dict(sorted(described["paths"].items()))
        illustrate(described)
        return described

    def _get_openapi(self) -> BaseRouteHandler:
        @get("/openapi.json", include_in_schema=False)
        async def get_openapi() -> Response[bytes]:
            """The OpenAPI document, made when it is first asked for."""
            self._document = self._document or msgspec.json.encode(self.document())
            return Response(self._document, media_type=MediaType.JSON)

        return get_openapi


def _problem(_: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    return Response(encode(problem), status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    detail = error.detail or "The request is wrong."
    reasons = "; ".join(
        f"{item.get('key')}: {item.get('message')}" for item in error.extra or () if isinstance(item, dict)
    )
    headers = {name.lower(): value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return _problem(request, Problem(error.status_code, f"{detail} {reasons}".strip(), headers=headers))


def _unavailable(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return _problem(request, Problem(503, str(error), headers={"retry-after": "5"}))


def _bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("collect.failed", path=request.url.path, exc_info=error)
    return _problem(request, Problem(500, "The event sink failed; its log says why."))
