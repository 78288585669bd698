"""The Python of docs/python.md and docs/clowder-2.md runs as it stands, and what its tables say is so."""

import dataclasses
import datetime as dt
import decimal
import json
import os
import re
import sys
import uuid
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pytest

from eventsink.client.identity_of import Kind
from eventsink.testing import RecordingSink
from tests import processes

DOCS = Path(__file__).parents[2] / "docs"


class _Two(NamedTuple):
    a: int
    b: int


@dataclasses.dataclass
class _File:
    path: PurePosixPath
    size: float


class _Float(float):
    """As `float64` of numpy is one."""


class _Odd(int):
    """It fails when it is looked at."""

    def __int__(self) -> int:
        raise ValueError

    def __index__(self) -> int:
        raise ValueError


class _Moment(dt.datetime):
    """As a timestamp of pandas is one."""


# What the pages take for granted: a program around them.
AROUND = """
import sys, types
from eventsink import SinkService
from fastapi import FastAPI
app = FastAPI()
sink = SinkService()
file_id = job_id = "64b"
file = dataset = user = types.SimpleNamespace(id=1, bytes=2, email="a@example.org")
upload = lambda sink: None
settings = types.SimpleNamespace(API_V2_STR="/api/v2")
sys.modules["celery"] = celery = types.ModuleType("celery")
sys.modules["celery.signals"] = celery.signals = types.ModuleType("celery.signals")
celery.signals.worker_process_shutdown = types.SimpleNamespace(connect=lambda function: function)
sys.modules["mysite"] = types.ModuleType("mysite")
sys.modules["mysite.settings"] = types.ModuleType("mysite.settings")
sys.modules["mysite.settings"].SECRET_KEY = "test"
"""


@pytest.mark.parametrize("page", ["python.md", "clowder-2.md"])
def test_what_is_on_the_page_runs(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    tests = "for name in [name for name in globals() if name.startswith('test_')]: globals()[name]()"
    program = tmp_path / "page.py"
    program.write_text("\n".join([AROUND, *blocks, tests]), "utf-8")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("EVENTSINK_")}
    variables |= {"XDG_STATE_HOME": str(tmp_path)}
    done = processes.run([sys.executable, program], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["python.md", "clowder-2.md"])
def test_what_the_page_points_to_is_there(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#?([^):]*)\)", (DOCS / page).read_text("utf-8")):
        path = DOCS / (target or page)
        assert path.exists(), target
        heads = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [head.lower().replace(" ", "-") for head in heads], anchor


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (float("nan"), None),
        (dt.datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),  # noqa: DTZ001 - it stays without a zone
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.timedelta(seconds=3602.5), "PT3602.5S"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (decimal.Decimal("1.10"), "1.10"),
        (PurePosixPath("/a"), "/a"),
        ({1}, [1]),
        (b"abc", "YWJj"),
        (_Two(1, 2), [1, 2]),
        (range(3), "range(0, 3)"),
        (_File(PurePosixPath("/a"), 1.5), {"path": "/a", "size": 1.5}),
        (_Float(1.5), 1.5),
        ([1, _Odd(7), 2], [1, "7", 2]),
        (_Moment(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02T00:00:00+00:00"),
        ({1: "a"}, {"1": "a"}),
    ],
)
def test_values_become_what_the_page_says(value: Any, written: Any) -> None:
    sink = RecordingSink()
    sink.capture("my.own", value=value)
    assert sink.events[0]["data"] == {"value": written}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("started", {}),
        ("my own.type", {}),
        ("my.own", {"password": "hush"}),
        ("storage.file_uploded", {}),
        ("storage.file_uploaded", {"byts": 1}),
        ("traffic.api_request", {}),
        ("my.own", {"user": "a\nb"}),
        ("my.own", {"time": "yesterday"}),
        ("my.own", {"time": -1}),
        ("my.own", {"number": 2**63}),
    ],
)
def test_a_recording_sink_raises_for_what_the_page_says(kind: str, given: dict[str, Any]) -> None:
    sink = RecordingSink()
    with pytest.raises(AssertionError):
        sink.capture(kind, **given)
    assert not sink.events
    RecordingSink(strict=False).capture(kind, **given)


def test_the_page_names_every_kind_of_user() -> None:
    page = (DOCS / "python.md").read_text("utf-8")
    for kind in Kind.__args__:  # type: ignore[attr-defined]
        assert f"| `{kind}` |" in page, kind
    assert json.dumps(RecordingSink().counts) == '{"waiting": 0}'
