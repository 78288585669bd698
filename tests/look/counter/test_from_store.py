"""From events in a store to bytes: every vector renders to what DataCite's schema allows, and always to the same."""

import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventsink.look.counter import About, Platform, render_json, render_tsv
from eventsink.store import Store
from eventsink.store.counter import Period, Rules
from tests.look.counter.test_json import VALIDATOR
from tests.look.counter.usages import ABOUT, PLATFORM
from tests.store.counter.test_vectors import VECTORS, as_events, rules_of
from tests.store.events import an_event

NAMES = (
    "total-dataset-investigations",
    "unique-dataset-investigations",
    "total-dataset-requests",
    "unique-dataset-requests",
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
async def test_vector(tmp_path: Path, vector: dict[str, Any]) -> None:
    store = await Store.open(tmp_path)
    await store.append(as_events(vector))
    usage = await store.counter(Period("2026-01", "2026-02"), rules_of(vector))
    await store.close()
    platform = Platform(name="Clowder", created_by="Clowder", volume=True)
    report = json.loads(render_json(usage, platform, About(), created=date(2026, 3, 1)))
    VALIDATOR.validate(report["report-header"] | {"report-datasets": report["report-datasets"]})
    found: dict[str, dict[str, list[int]]] = {}
    for dataset in report["report-datasets"]:
        for performance in dataset["performance"]:
            month = found.setdefault(performance["period"]["begin-date"][:7], {})
            for instance in performance["instance"]:
                numbers = month.setdefault(instance["access-method"], [0] * 5)
                numbers[NAMES.index(instance["metric-type"])] = instance["count"]
                if instance["metric-type"] == "total-dataset-requests":
                    numbers[4] = instance["volume"]
                assert sum(instance["country-counts"].values()) <= instance["count"]
    assert found == vector["expect"]
    attributes = {pair["name"]: pair["value"] for pair in report["report-header"]["report-attributes"]}
    assert attributes["time-zone"] == vector["tz"]


async def test_the_same_events_give_the_same_bytes_in_whatever_order_they_come(tmp_path: Path) -> None:
    chance = random.Random(3)
    events = [
        an_event(
            type=chance.choice(("traffic.resource_viewed", "traffic.resource_downloaded")),
            user=chance.choice(("u", "v", None)),
            time=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=7 * number),
            data={
                "resource_type": "dataset",
                "resource_id": chance.choice("ab"),
                "country": chance.choice(("US", "DE")),
            },
        )
        for number in range(200)
    ]
    made = set()
    for turn in range(2):
        store = await Store.open(tmp_path / str(turn))
        for start in range(0, len(events), 50):
            await store.append(events[start : start + 50])
        usage = await store.counter(Period("2026-01", "2026-01"), Rules())
        await store.close()
        made.add((
            render_json(usage, PLATFORM, ABOUT, created=date(2026, 2, 1)),
            render_tsv(usage, PLATFORM, ABOUT, created=date(2026, 2, 1)),
        ))  # fmt: skip
        chance.shuffle(events)
    assert len(made) == 1
