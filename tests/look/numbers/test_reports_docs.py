"""Every example of docs/reports.md gives what stands there, and its tables name all reports and periods."""

import re
import shlex
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from eventsink.event import Event
from eventsink.look.numbers.report_period import NAMES
from eventsink.look.numbers.reports import REPORTS
from tests.look.numbers.asking import CLOWDER, Asked, opened

TEXT = (Path(__file__).parents[3] / "docs" / "reports.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```console\n\$ eventsink report (.*?)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    """The events of the page."""
    (block,) = re.findall(r"^```json\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    received = datetime(2026, 11, 2, tzinfo=UTC)
    made_up = {"specversion": "1.0", "source": CLOWDER, "received": received.isoformat()}
    events = [msgspec.convert(made_up | msgspec.json.decode(line), Event) for line in block.splitlines()]
    one = await opened(tmp_path / "store", events)
    yield one
    await one.store.close()


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
async def test_an_example_gives_what_stands_there(asked: Asked, command: str, output: str) -> None:
    name, *words = shlex.split(command)
    given = {option.removeprefix("--"): value for option, value in zip(words[::2], words[1::2], strict=True)}
    assert (await asked.body(name, **given)).decode().splitlines() == output.splitlines()


def test_all_reports_and_periods_are_named() -> None:
    assert len(EXAMPLES) >= 8
    assert [name for name in REPORTS if f"`{name}`" not in TEXT] == []
    assert [name for name in NAMES if f"`{name}`" not in TEXT] == []
    for report in REPORTS.values():
        row = next(line for line in TEXT.splitlines() if line.startswith("|") and f"`{report.name}`" in line)
        assert f"`{report.period}`" in row, report.name
