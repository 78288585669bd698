"""What differs between InfluxDB 1, 2 and 3: where to write, how to get in, how what is missing is made.

In: settings. Out: paths, headers, requests. Called by the worker, which is the same for all three.
"""

import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from eventsink.deliver.http import Answer

__all__ = ["Send", "Version", "influxdb_1", "influxdb_2", "influxdb_3", "seconds_of"]

SECONDS = {"h": 3600, "d": 86_400, "w": 604_800}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON = {"Content-Type": "application/json"}
_PLAIN = re.compile(r"[A-Za-z0-9_.@-]+")  # a name that needs no care in a command

Send = Callable[..., Awaitable[Answer]]
"""Sends a request: method and path, by keyword query, headers and body."""


@dataclass(frozen=True)
class Version:
    """One version, with its settings.

    Args:
        path: where lines are sent to.
        query: into what they are written, and the unit of their times.
        authorization: the header that lets us in. No secret is a part of the address, which ends up in logs.
        by_hand: with which command an administrator makes what lines are written into.
        create: makes it; gives the reason why that cannot be, or nothing.
        may_create: makes nothing; gives the reason why it could not be made, as far as that can be asked, or nothing.
    """

    path: str
    query: Mapping[str, str]
    authorization: Mapping[str, str]
    by_hand: str
    create: Callable[[Send], Awaitable[str]]
    may_create: Callable[[Send], Awaitable[str]]


def influxdb_1(*, database: str, username: str, password: str, retention: str) -> Version:
    """A database, and a user if it asks for one."""
    statement = f'CREATE DATABASE "{database}"' + (f" WITH DURATION {retention}" if retention else "")
    # Whoever makes the database is seldom the worker, who still may not write into it then.
    grant = f'; GRANT WRITE ON "{database}" TO "{username}"' if _PLAIN.fullmatch(username) else ""
    credentials = b64encode(f"{username}:{password}".encode()).decode()

    async def create(send: Send) -> str:
        answer = await send("POST", "/query", headers=_FORM, body=urlencode({"q": statement}).encode())
        results = _objects(answer, "results")
        return str(results[0].get("error", "")) if answer.ok and results else answer.reason

    async def may_create(send: Send) -> str:
        answer = await send("POST", "/query", headers=_FORM, body=b"q=SHOW+USERS")  # which administrators alone may
        results = _objects(answer, "results")
        return str(results[0].get("error", "")) if answer.ok and results else answer.reason

    return Version(
        "/write",
        {"db": database, "precision": "ns"},
        {"Authorization": f"Basic {credentials}"} if username else {},
        f"influx -execute '{statement}{grant}'",
        create,
        may_create,
    )


def influxdb_2(*, token: str, org: str, bucket: str, retention: str) -> Version:
    """A bucket of an organization, and a token."""

    async def create(send: Send) -> str:
        answer = await send("GET", "/api/v2/orgs", query={"org": org})
        orgs = _objects(answer, "orgs")
        if not answer.ok or not orgs:
            return f"the token sees no organization {org}" if answer.ok else answer.reason
        rules = [{"type": "expire", "everySeconds": seconds_of(retention)}] if retention else []
        wanted = {"orgID": orgs[0].get("id"), "name": bucket, "retentionRules": rules}
        answer = await send("POST", "/api/v2/buckets", headers=_JSON, body=msgspec.json.encode(wanted))
        return "" if answer.ok else answer.reason

    async def may_create(send: Send) -> str:
        answer = await send("GET", "/api/v2/orgs", query={"org": org})
        if answer.ok and not _objects(answer, "orgs"):
            return f"the token sees no organization {org}"
        return "" if answer.ok else answer.reason

    return Version(
        "/api/v2/write",
        {"org": org, "bucket": bucket, "precision": "ns"},
        {"Authorization": f"Token {token}"},
        f"influx bucket create --org '{org}' --name '{bucket}'" + (f" --retention {retention}" if retention else ""),
        create,
        may_create,
    )


def influxdb_3(*, token: str, database: str) -> Version:
    """A database, and a token unless it runs without."""

    async def create(_: Send) -> str:
        return "the write should have made it"

    async def may_create(_: Send) -> str:
        return ""

    return Version(
        "/api/v3/write_lp",
        {"db": database, "precision": "nanosecond", "accept_partial": "true"},
        {"Authorization": f"Bearer {token}"} if token else {},
        f"influxdb3 create database '{database}'",
        create,
        may_create,
    )


def seconds_of(retention: str) -> int:
    """Seconds of a span of time as 90d; 0 if it is none."""
    number, unit = retention[:-1], retention[-1:]
    return int(number) * SECONDS[unit] if number.isascii() and number.isdigit() and unit in SECONDS else 0


def _objects(answer: Answer, name: str) -> list[dict[str, Any]]:
    """A list of objects in an answer, empty if it has none."""
    content = answer.json
    found = content.get(name) if isinstance(content, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
