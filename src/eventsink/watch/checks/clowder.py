"""Asks a Clowder whether it is well: `/healthz`, then its status, with version and counts.

`/healthz` of Clowder 1 is a fixed text that checks nothing; `/api/status` knows whether its RabbitMQ is there.
Clowder 2 has `/api/v2/status` alone.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from eventsink.watch.check import Check, Down, Measurement
from eventsink.watch.fetch import fetch, fetch_json

COUNTS = ("users", "spaces", "collections", "datasets", "files")


@dataclass(frozen=True)
class Options:
    """Which Clowder."""

    url: Annotated[
        str,
        "Its address, as https://clowder.example.org.",
        msgspec.Meta(pattern=r"^https?://[^/]", title="an address as https://clowder.example.org"),
    ]
    key: Annotated[str, "API key of Clowder; without one it may show less."] = ""
    version: Annotated[int, "Of Clowder's API: 1 or 2.", msgspec.Meta(ge=1, le=2)] = 1
    rabbitmq: Annotated[bool, "Whether it is down when it has lost its RabbitMQ."] = True


class Clowder(Check[Options]):
    """One Clowder."""

    @property
    def target(self) -> str:
        """Its host."""
        return urlsplit(self.options.url).hostname or "clowder"

    async def measure(self) -> Measurement:
        """Ask for both."""
        base, left = self.options.url.rstrip("/"), time.monotonic() + self.site.timeout
        headers = {"x-api-key": self.options.key} if self.options.key else {}
        if self.options.version == 2:
            status = await fetch_json(f"{base}/api/v2/status", left - time.monotonic(), headers)
            return Measurement({}, f"Clowder {status.get('version', 'of an unknown version')}.")
        health = await fetch(f"{base}/healthz", left - time.monotonic())
        if health.status >= 300 or b"healthy" not in health.body:
            raise Down("status", f"{base}/healthz answers {health.status}, and not the word `healthy`.")
        status = await fetch_json(f"{base}/api/status", max(left - time.monotonic(), 0.1), headers)
        numbers = _counts(status)
        if self.options.rabbitmq and (state := _rabbitmq(status)) not in {None, "connected"}:
            raise Down("status", f"Clowder says that its RabbitMQ is {state}.", numbers)
        return Measurement(numbers, f"Clowder {_version(status)}.")


def _counts(status: Mapping[str, Any]) -> dict[str, int]:
    found = status.get("counts")
    counts = found if isinstance(found, dict) else {}
    numbers = {name: counts[name] for name in COUNTS if isinstance(counts.get(name), int)}
    if isinstance(counts.get("bytes"), int):
        numbers["size_bytes"] = counts["bytes"]
    return numbers


def _version(status: Mapping[str, Any]) -> str:
    found = status.get("version")
    number = found.get("number") if isinstance(found, dict) else found
    return str(number or "of an unknown version")


def _rabbitmq(status: Mapping[str, Any]) -> str | None:
    plugins = status.get("plugins")
    found = plugins.get("rabbitmq") if isinstance(plugins, dict) else None
    state = found.get("status") if isinstance(found, dict) else found
    return str(state) if isinstance(state, str) else None
