"""Every finding that the golden files have is in the table of docs/operations/doctor.md."""

import json
import re
from pathlib import Path

from tests.doctor.golden import FOLDER

PAGE = (Path(__file__).parents[2] / "docs/operations/doctor.md").read_text("utf-8")
_SAME = (
    (re.compile(r"^worker .*"), "worker NAME"),
    (re.compile(r"^(queue|binding) events\..*"), r"\1 events.NAME"),
    (re.compile(r"^certificate of .*"), "certificate of HOST"),
    (re.compile(r"^keys (with the scope .*|that end)"), "keys with the scope …"),
    (re.compile(r"^disk space.*"), "disk space"),
    (re.compile(r"^canary to .*"), "canary to NAME"),
    (re.compile(r"^(collect|browser|alerts|exchange|workers)\..*"), "collect.host"),
)


def test_every_finding_is_on_the_page() -> None:
    files = [*FOLDER.glob("*.json")]
    found = {json.loads(line)["check"] for file in files for line in file.read_text("utf-8").splitlines()}
    assert len(files) > 30 and len(found) > 40
    for check in found:
        name = check
        for pattern, same in _SAME:
            name = pattern.sub(same, name)
        assert f"`{name}`" in PAGE, check


def test_there_is_a_table_for_every_golden_file() -> None:
    names = {file.stem for file in FOLDER.glob("*.json")}
    only_tables = {"disk-full", "no-room-for-files", "read-only"}
    assert {file.stem for file in FOLDER.glob("*.txt")} == names | only_tables
