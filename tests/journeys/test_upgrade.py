"""The data directories of earlier versions open: what waited is delivered, and the accounts are those of before.

`scripts/make-upgrade-fixture` has made them, one for each release.
"""

import json
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.servers.process import eventually
from tests.sink_process import SinkProcess

HERE = Path(__file__).parent
VERSIONS = sorted((HERE.parent / "fixtures" / "upgrade").glob("eventsink-*.tar.gz"))
PICKY = HERE.parent / "cli" / "picky_worker.py"
COUNTS = ("accepted", "delivered", "waiting", "dead", "missing")


def unpacked(version: Path, folder: Path, name: str) -> dict[str, Any]:
    """The data of a version, and what was recorded of it."""
    with tarfile.open(version) as tar:
        safely: dict[str, Any] = (
            {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        )  # Debian 12 has no filters
        tar.extractall(folder, **safely)
    recorded: dict[str, Any] = json.loads((folder / "recorded.json").read_text())[name]
    return recorded


def counts(sink: SinkProcess) -> dict[str, dict[str, int]]:
    """The accounts, as they were recorded."""
    return {name: {count: account[count] for count in COUNTS} for name, account in sink.accounts().items()}


def check_the_rest(sink: SinkProcess, recorded: dict[str, Any]) -> None:
    """Dead letters, the key and numbers are there, and nothing was set aside."""
    _, letters = sink.request("GET", "/v1/dead", key=recorded["key"])
    assert [[letter["worker"], letter["reason"]] for letter in letters["dead"]] == recorded["dead"]
    assert max(Counter(sink.stored_ids()).values()) == 1
    assert not list(sink.data.rglob("*.damaged-*"))
    status, usage = sink.request("GET", "/v1/reports/usage?since=2026-10-01&until=2026-12-01")
    assert status == 200 and usage["rows"]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_what_waited_in_an_earlier_version_is_delivered(
    version: Path, make_sink: Callable[..., SinkProcess], tmp_path: Path
) -> None:
    recorded = unpacked(version, tmp_path, "up")
    delivered = tmp_path / "delivered"
    environment = {
        "EVENTSINK_WORKERS__PICKY__USE": str(PICKY),
        "EVENTSINK_WORKERS__LATE__USE": str(HERE / "late_worker.py"),
        "EVENTSINK_WORKERS__LATE__PATH": str(delivered),
    }
    sink = make_sink("up", environment=environment).start()
    waiting = recorded["accounts"]["late"].pop("waiting")
    assert waiting > 100
    eventually(lambda: not sink.accounts()["late"]["waiting"], "what waited is delivered")
    assert sorted(delivered.read_text().split()) == sorted(recorded["stored"])
    recorded["accounts"]["late"] |= {"delivered": waiting, "waiting": 0}
    assert counts(sink) == recorded["accounts"]
    assert sink.stored_ids() == recorded["stored"]
    _, summary = sink.request("GET", "/v1/summary?interval=month")
    assert summary["bytes_uploaded"] == recorded["bytes_uploaded"]
    check_the_rest(sink, recorded)
    assert sink.post({"type": "users.login"})[0] == 202
    eventually(lambda: len(sink.stored_ids()) == len(recorded["stored"]) + 1, "it goes on")


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_what_was_in_the_spool_of_an_earlier_version_is_forwarded(
    version: Path, make_sink: Callable[..., SinkProcess], tmp_path: Path, broker: str
) -> None:
    recorded = unpacked(version, tmp_path, "serve")
    environment = {"EVENTSINK_EXCHANGE__URL": broker, "EVENTSINK_EXTRACTORS__URL": broker}
    sink = make_sink("serve", command="serve", environment=environment).start()
    new = len(recorded["spooled"])
    expected = recorded["accounts"]["store"]
    expected |= {"accepted": expected["accepted"] + new, "delivered": expected["delivered"] + new}
    eventually(lambda: counts(sink)["store"] == expected, "the spool is forwarded, and counted once")
    assert sorted(sink.stored_ids()) == sorted(recorded["stored"] + recorded["spooled"])
    check_the_rest(sink, recorded)
    _, jobs = sink.request("GET", "/v1/extractors/jobs")
    assert [job["id"] for job in jobs["jobs"]] == recorded["jobs"]
