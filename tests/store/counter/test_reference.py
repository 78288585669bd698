"""The SQL over a real store says what plain Python says, whatever the events."""

import asyncio
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eventsink.event import Event
from eventsink.store import Store
from eventsink.store.counter import MonthUsage, Period, Rules
from tests.store.counter import reference
from tests.store.counter.test_vectors import VECTORS, as_events, rules_of
from tests.store.events import an_event

MONTHS = ("2026-03", "2026-04", "2026-11")
# Ends of months in several zones, full hours, and the moments at which Chicago, London and Lord Howe change clocks.
MOMENTS = [
    datetime(2026, 3, 31, 23, 59, 45, tzinfo=UTC),
    datetime(2026, 4, 1, 4, 59, 45, tzinfo=UTC),
    datetime(2026, 4, 30, 18, 29, 45, tzinfo=UTC),
    datetime(2026, 3, 8, 7, 59, 45, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, 45, tzinfo=UTC),
    datetime(2026, 4, 4, 14, 59, 45, tzinfo=UTC),
    datetime(2026, 11, 1, 5, 59, 45, tzinfo=UTC),
    datetime(2026, 11, 1, 6, 59, 45, tzinfo=UTC),
]
STEPS = [0.0, 0.000001, 0.002, 1.0, 1.000001, 15.0, 20.0, 29.999999, 30.0, 30.000001, 31.0, 90.0, 1800.0, 3600.0]
ZONES = ["UTC", "America/Chicago", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe"]
SOURCES = ["clowder", "clowder", "clowder", "log", "https://clowder.example.org"]

rules = st.builds(
    Rules,
    zone=st.sampled_from(ZONES),
    sources=st.sampled_from([(), (), ("clowder",), ("clowder", "https://clowder.example.org")]),
    views=st.sampled_from(["server", "server", "tracker"]),
    downloads=st.sampled_from(["server", "server", "tracker"]),
    visitor=st.sampled_from(["hash", "cookie"]),
    session_slice=st.sampled_from(["hour", "day"]),
    anonymous=st.sampled_from(["merge", "separate", "exclude"]),
    partial=st.sampled_from(["none", "first"]),
    internal_users=st.sampled_from([(), ("admin",)]),
    extractor_downloads=st.sampled_from(["exclude", "machine", "count"]),
    extraction_s=st.sampled_from([60.0, 3600.0]),
)


# Of each field what it may be; None is absent. What is likely stands more often: else hardly anything would be counted.
FIELDS: dict[str, list[Any]] = {
    "resource_type": ["dataset"] * 3 + ["file"] * 6 + ["folder", "collection", None],
    "resource_id": ["a", "b", "b", "b", None],
    "resource_name": [None, "A", "="],
    "dataset_id": ["a", "d", "d", None],
    "http_status": [None, 200, 304, 206, 404],
    "visitor": [None, None, "x", "y"],
    "session": [None, None, "x"],
    "country": ["US", "US", "de", "XX", None],
    "device": [None, None, "desktop", "tool"],
    "access_method": [None, None, "regular", "machine"],
    "bytes": [None, 0, 10, 10, 1000],
}
TYPES = ["traffic.resource_viewed"] * 3 + ["traffic.resource_downloaded"] * 4 + ["traffic.page_view"]
USERS = ["u1", "u1", "u2", None, None, "admin", "x", "0" * 24, "Anonymous"]
URLS = ["https://c/a", "https://c/a?page=2", "https://c/b"]


def _events(chance: random.Random, most: int) -> list[Event]:
    """Events around a moment or two, of a few that come again and again: so that many meet."""
    moments = chance.sample(MOMENTS, chance.choice((1, 1, 2)))
    accesses = [_access(chance) for _ in range(6)]
    events = []
    for _ in range(most):
        steps = chance.choices(STEPS, k=chance.choice((0, 1, 1, 2)))
        time = chance.choice(moments) + sum((timedelta(seconds=step) for step in steps), timedelta())
        dice = chance.random()
        if dice < 0.06:
            events.append(_upload(chance, time))
        elif dice < 0.16:
            events.append(_job(chance, time))
        else:
            kind, user, source, data = chance.choice(accesses)
            data = data | {"country": chance.choice(("US", "de", "XX"))} if chance.random() < 0.3 else data
            data = data | {"bytes": chance.choice((10, 1000))} if chance.random() < 0.2 else data
            events.append(an_event(type=kind, user=user, source=source, data=data, time=time))
    return events


def _access(chance: random.Random) -> tuple[str, str | None, str, dict[str, Any]]:
    kind = chance.choice(TYPES)
    data = {name: value for name, values in FIELDS.items() if (value := chance.choice(values)) is not None}
    if kind == "traffic.page_view":
        data["url"] = chance.choice(URLS)
    if chance.random() < 0.1:
        data |= chance.choice(({"robot": True}, {"device": "robot"}, {"robot": False}))
    return kind, chance.choice(USERS), chance.choice(SOURCES), data


def _upload(chance: random.Random, time: datetime) -> Event:
    data = {"file_id": chance.choice("ab"), "dataset_id": chance.choice("de")}
    time -= chance.choice((timedelta(), timedelta(days=50)))
    return an_event(type="storage.file_uploaded", data=data, time=time)


def _job(chance: random.Random, time: datetime) -> Event:
    data = {"resource_type": "file", "resource_id": "b", "status": chance.choice(("queued", "working", "done"))}
    data |= {"job_id": chance.choice("jk")} if chance.random() < 0.8 else {}
    before = (0, 5, 5.000001, 10) if data["status"] == "done" else (0, 60, 60.000001, 86_400, 7 * 86_400)
    time -= timedelta(seconds=chance.choice(before))
    return an_event(
        type="extractions.extraction_event", user=chance.choice(("u1", "u1", "u2", None)), data=data, time=time
    )


def _counted(events: list[Event], rules: Rules, datasets: dict[str, str]) -> list[MonthUsage]:
    async def ask() -> list[MonthUsage]:
        with tempfile.TemporaryDirectory() as folder:
            store = await Store.open(Path(folder))
            await store.append(events)
            months = [(await store.counter(Period(month, month), rules, datasets)).months[0] for month in MONTHS]
            await store.close()
            return months

    return asyncio.run(ask())


def _written(month: MonthUsage) -> dict[tuple[str, str], dict[str, Any]]:
    """Usage as the reference writes it."""
    names = ("investigations", "unique_investigations", "requests", "unique_requests")
    return {
        (usage.dataset, usage.method): {
            "counts": [*(getattr(usage.counts, name) for name in names), usage.counts.volume],
            "unique_volume": usage.counts.unique_volume,
            "countries": tuple(
                {country: number for country, counts in usage.countries.items() if (number := getattr(counts, name))}
                for name in names
            ),
        }
        for usage in month.datasets
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), rules, st.sampled_from([{}, {"b": "k"}]))
def test_sql_and_python_agree(seed: int, most: int, rules: Rules, datasets: dict[str, str]) -> None:
    events = _events(random.Random(seed), most)
    for month in _counted(events, rules, datasets):
        expected, excluded = reference.count(events, month.month, rules, datasets)
        assert _written(month) == expected
        reasons = {
            name: number for name in month.excluded.__struct_fields__ if (number := getattr(month.excluded, name))
        }
        assert reasons == dict(excluded)
        assert month.noted.counted == sum(usage["counts"][0] for usage in expected.values())
        assert month.noted.accesses == month.noted.counted + excluded.total()
        _check_invariants(month)


def _check_invariants(month: MonthUsage) -> None:
    """What holds of any usage, by what the metrics mean."""
    for usage in month.datasets:
        counts = usage.counts
        assert 0 < counts.unique_investigations <= counts.investigations
        assert counts.requests <= counts.investigations
        assert counts.unique_requests <= counts.unique_investigations
        assert (counts.unique_requests > 0) == (counts.requests > 0)
        assert counts.unique_requests <= counts.requests
        for name in counts.__struct_fields__:
            assert sum(getattr(one, name) for one in usage.countries.values()) <= getattr(counts, name)


def test_the_reference_reproduces_the_vectors() -> None:
    for vector in VECTORS:
        found = {}
        for month in ("2026-01", "2026-02"):
            usage, _ = reference.count(as_events(vector), month, rules_of(vector), {})
            if usage:
                found[month] = {method: numbers["counts"] for (_, method), numbers in usage.items()}
        assert found == vector["expect"], vector["id"]
