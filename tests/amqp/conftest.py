"""What every test of this room watches for."""

import gc
import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_unheard(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No error ends where nobody hears it: asyncio says so in its log."""
    yield
    gc.collect()
    said = [record.getMessage() for when in ("setup", "call") for record in caplog.get_records(when) if _bad(record)]
    assert said == []


def _bad(record: logging.LogRecord) -> bool:
    return record.name == "asyncio" and record.levelno >= logging.WARNING and "Executing" not in record.getMessage()
