"""The example queries of the documentation answer as they stand."""

import json
import re
from pathlib import Path

import pytest

from eventsink.catalogue import CATALOGUE
from eventsink.store import Query, Store
from tests.store.events import an_event

EXAMPLES = re.findall(
    r"\*\*(.+?)\*\*\n\n```sql\n(.+?)```",
    (Path(__file__).parents[3] / "docs" / "store.md").read_text("utf-8"),
    re.DOTALL,
)


def test_there_are_some() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
async def test_an_example_finds_something(store: Store, name: str, text: str) -> None:
    await store.append([an_event(type=name, user="alice", data=entry.example) for name, entry in CATALOGUE.items()])
    answer = await store.query(Query(text=text))
    assert answer.rows
    assert all(value is not None for value in json.loads(bytes(answer.rows[0]))), answer
