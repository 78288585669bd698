"""The file of alerts where it cannot be opened."""

from pathlib import Path

import pytest

from eventsink.errors import StoreUnavailable
from eventsink.watch.alerts.file import AlertFile
from eventsink.watch.alerts.outbox import SCHEMA


async def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="The file of alerts cannot be opened"):
        AlertFile(tmp_path / "nowhere" / "alerts.db", SCHEMA)
