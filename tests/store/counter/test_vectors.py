"""The vectors of `fixtures/counter`, each through a store."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventsink.browsers.robots import Kind, Robots
from eventsink.event import Event
from eventsink.store import Store
from eventsink.store.counter import MonthUsage, Period, Rules
from tests.store.events import an_event

VECTORS = json.loads((Path(__file__).parents[2] / "fixtures/counter/vectors.json").read_text())
DATASET = "64c000000000000000000001"
COUNTRIES = {"198.18.1.9": "US", "198.18.201.9": "DE"}


def as_events(vector: dict[str, Any]) -> list[Event]:
    """The events of a vector as the catalogue has them, with what a collector finds out of address and browser."""
    robots = Robots()
    return [_event(event, robots) for event in vector["events"]]


def _event(said: dict[str, Any], robots: Robots) -> Event:
    kind, _, file = said["resource"].partition(":")
    data: dict[str, Any] = {"resource_type": kind, "resource_id": file or DATASET, "http_status": said["status"]}
    data |= {"dataset_id": DATASET} if file else {}
    data |= {"bytes": said["bytes"]} if said["bytes"] is not None else {}
    if said["ua"] is not None:
        method = robots[said["ua"]]
        data |= {"robot": True} if method is Kind.robot else {"access_method": method.value}
    if said["user_cookie"] is not None:
        data["visitor"] = said["user_cookie"]
    elif said["session_cookie"] is not None:
        data["session"] = said["session_cookie"]
    elif said["ip"] is not None:
        data["visitor"] = hashlib.sha256(f"{said['ip']}|{said['ua']}".encode()).hexdigest()[:32]
    if said["ip"] in COUNTRIES:
        data["country"] = COUNTRIES[said["ip"]]
    action = {"view": "traffic.resource_viewed", "download": "traffic.resource_downloaded"}[said["action"]]
    time = datetime.fromisoformat(said["time"]).astimezone(UTC)
    return an_event(type=action, time=time, user=said["user"], data=data)


def rules_of(vector: dict[str, Any]) -> Rules:
    """What a vector chooses. A visitor is a cookie where one has cookies: no vector has both."""
    cookies = any(event["user_cookie"] for event in vector["events"])
    plain = [event for event in vector["events"] if not (event["user"] or event["user_cookie"])]
    assert not cookies or all(event["session_cookie"] for event in plain)
    return Rules(
        zone=vector["tz"],
        anonymous=vector["options"].get("anonymous", "merge"),
        visitor="cookie" if cookies else "hash",
    )


def as_vector(months: list[MonthUsage]) -> dict[str, dict[str, list[int]]]:
    """Usage as vectors write what they expect."""
    found: dict[str, dict[str, list[int]]] = {}
    for month in months:
        for usage in month.datasets:
            counts = usage.counts
            assert usage.dataset == DATASET
            found.setdefault(month.month, {})[usage.method] = [
                counts.investigations, counts.unique_investigations, counts.requests, counts.unique_requests,
                counts.volume,
            ]  # fmt: skip
    return found


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
async def test_vector(store: Store, vector: dict[str, Any]) -> None:
    await store.append(as_events(vector))
    usage = await store.counter(Period("2026-01", "2026-02"), rules_of(vector))
    assert as_vector(usage.months) == vector["expect"], vector["title"]


async def _one(store: Store, name: str) -> MonthUsage:
    (vector,) = [vector for vector in VECTORS if vector["id"] == name]
    await store.append(as_events(vector))
    (month,) = (await store.counter(Period("2026-01", "2026-01"), rules_of(vector))).months
    return month


async def test_a_session_in_two_countries_counts_in_that_of_its_last_event(store: Store) -> None:
    (usage,) = (await _one(store, "V32")).datasets
    assert {country: counts.investigations for country, counts in usage.countries.items()} == {"DE": 1, "US": 1}
    assert {country: counts.unique_investigations for country, counts in usage.countries.items()} == {"DE": 1, "US": 0}


async def test_an_unknown_country_is_counted_and_has_no_entry(store: Store) -> None:
    (usage,) = (await _one(store, "V33")).datasets
    assert (usage.counts.unique_investigations, dict(usage.countries)) == (1, {})


async def test_equal_downloads_of_a_session_are_one_unique_volume(store: Store) -> None:
    (usage,) = (await _one(store, "V36")).datasets
    assert (usage.counts.volume, usage.counts.unique_volume) == (2000, 1000)
    assert usage.countries["US"] == usage.counts


async def test_what_is_left_out_is_told_with_its_reason(store: Store) -> None:
    month = await _one(store, "V25")
    assert (month.excluded.unsuccessful, month.excluded.double_click) == (2, 0)
    assert (month.noted.accesses, month.noted.counted, month.noted.nobody) == (3, 1, 0)
