"""The ASGI application: the hot route straight to its code, all others through Litestar."""

from collections.abc import Sequence
from typing import Any, get_args

import msgspec
import structlog
from litestar import Litestar, MediaType, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

import eventsink
from eventsink.collect.api import routes
from eventsink.collect.asyncapi import asyncapi
from eventsink.collect.browser_route import BrowserRoute
from eventsink.collect.desk import Desk
from eventsink.collect.examples import illustrate
from eventsink.collect.intake_route import IntakeRoute, Receive, Send
from eventsink.collect.methods import allowed, head_only, not_allowed
from eventsink.collect.openapi import intake_paths
from eventsink.collect.problems import MEDIA_TYPE, Problem, encode, safe
from eventsink.collect.reports import describe_reports
from eventsink.collect.unread import read_on
from eventsink.errors import ExchangeUnavailable, InvalidQuestion, PluginError, StoreUnavailable
from eventsink.store import TooManyPoints

__all__ = ["App"]

_log = structlog.get_logger(__name__)
_CONFIG = OpenAPIConfig(
    title="Clowder event sink",
    version=eventsink.__version__,
    description="Takes events of Clowder and all around it, and brings them to every destination once."
    " What programs publish into RabbitMQ is described in [/asyncapi.json](/asyncapi.json).",
    components=Components(
        security_schemes={
            "key": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
            "bearer": SecurityScheme(type="http", scheme="bearer"),
        }
    ),
)


class App:
    """One front door as an ASGI application.

    Args:
        desk: what the routes work with.
        pages: routes of other rooms that are served beside.
    """

    def __init__(self, desk: Desk, pages: Sequence[BaseRouteHandler] = ()) -> None:
        self._intake = IntakeRoute(desk)
        self._browser = BrowserRoute(desk)
        self._thrown_away = 8 * desk.settings.collect.max_body
        self._desk = desk
        self._litestar = Litestar(
            [*routes(desk), *pages, self._get_openapi(), self._get_asyncapi()],
            openapi_config=None,  # or Litestar serves pages of its own, with scripts from other people's hosts
            exception_handlers={
                Problem: _problem,
                HTTPException: _http_exception,
                ExchangeUnavailable: _unavailable,
                StoreUnavailable: _unavailable,
                TooManyPoints: _asked_wrongly,
                InvalidQuestion: _asked_wrongly,
                RecursionError: _too_deep,
                Exception: _bug,
            },
            logging_config=None,
        )
        self._document = self._asyncapi = b""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        path = scope["path"]
        receive, send = read_on(scope, receive, send, self._thrown_away)
        if path.startswith("/v1/events/") if path.rstrip("/") != "/v1/events" else scope["method"] == "POST":
            await self._intake(scope, receive, send)
            return
        if path.rstrip("/") == "/v1/browser":
            await self._browser(scope, receive, send)
            return

        async def send_ours(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    (name, _allow(path, value) if name == b"allow" else value) for name, value in message["headers"]
                ]
                message["headers"] = safe(headers)
            await send(message)

        if scope["method"] == "HEAD":
            await self._litestar(scope | {"method": "GET"}, receive, head_only(send_ours))  # type: ignore[arg-type]
        else:
            await self._litestar(scope, receive, send_ours)  # type: ignore[arg-type]

    def document(self) -> dict[str, Any]:
        """The whole OpenAPI document."""
        routed = Litestar(routes(self._desk), openapi_config=_CONFIG)  # which nobody is served by
        described: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(routed.openapi_schema.to_schema()))
        paths, schemas = intake_paths()
        for path, operations in paths.items():
            described["paths"].setdefault(path, {}).update(operations)
        described["components"].setdefault("schemas", {}).update(schemas)
        described["paths"] = dict(sorted(described["paths"].items()))
        illustrate(described)
        describe_reports(described)
        return described

    def _get_openapi(self) -> BaseRouteHandler:
        @get("/openapi.json", include_in_schema=False)
        async def get_openapi() -> Response[bytes]:
            """The OpenAPI document, made when it is first asked for."""
            self._document = self._document or msgspec.json.encode(self.document())
            return Response(self._document, media_type=MediaType.JSON)

        return get_openapi

    def _get_asyncapi(self) -> BaseRouteHandler:
        @get("/asyncapi.json", include_in_schema=False)
        async def get_asyncapi() -> Response[bytes]:
            """The AsyncAPI document of the exchange, made when it is first asked for."""
            try:
                made = self._asyncapi or msgspec.json.encode(asyncapi(self._desk.settings, self._desk.destinations))
            except PluginError as error:
                raise Problem(501, str(error)) from None
            self._asyncapi = made
            return Response(made, media_type=MediaType.JSON)

        return get_asyncapi


def _allow(path: str, methods: bytes) -> bytes:
    """The methods that Litestar knows of an address, with those that do not pass through it."""
    ours = ["POST"] if path.rstrip("/") == "/v1/events" else []
    return allowed([*methods.decode().split(", "), *ours]).encode()


def _problem(_: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    return Response(encode(problem), status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What Litestar refuses, with what is expected instead."""
    if error.status_code == 405:
        known = next((value for name, value in (error.headers or {}).items() if name.lower() == "allow"), "")
        allow = _allow(request.scope["path"], known.encode()).decode()
        return _problem(request, not_allowed(request.method, allow))
    return _problem(request, Problem(error.status_code, _reason(request, error)))


def _reason(request: Request[Any, Any, Any], error: HTTPException) -> str:
    if error.status_code == 404:
        return "There is nothing at this address: /docs shows what there is."
    wrong = [item for item in error.extra or () if isinstance(item, dict)]
    if wrong:
        return "; ".join(f"{item.get('key')}: {item.get('message')}{_choice(request, item)}" for item in wrong) + "."
    if error.status_code == 400:
        return f"The request cannot be read: {error.detail.rstrip('.') or 'it is malformed'}."
    return error.detail or "The request is wrong."


def _choice(request: Request[Any, Any, Any], item: dict[str, Any]) -> str:
    """The values that a parameter of the address may have, if there are but a few."""
    parameters = request.scope["route_handler"].parsed_fn_signature.parameters
    found = parameters.get(str(item.get("key")))
    choices = (
        [value for kind in (found.annotation, *get_args(found.annotation)) for value in get_args(kind)] if found else []
    )
    texts = [str(value) for value in choices if isinstance(value, str)]
    return f": it may be {' or '.join(texts)}" if texts else ""


def _unavailable(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return _problem(request, Problem(503, str(error), headers={"retry-after": "5"}))


def _asked_wrongly(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return _problem(request, Problem(400, str(error)))


def _too_deep(request: Request[Any, Any, Any], _: Exception) -> Response[bytes]:
    return _problem(request, Problem(400, "The request cannot be read: the JSON is nested too deeply."))


def _bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("collect.failed", path=request.url.path, exc_info=error)
    return _problem(request, Problem(500, "The event sink failed; its log says why."))
