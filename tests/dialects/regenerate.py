"""Writes the golden files anew: `make dev && .venv/bin/python -m tests.dialects.regenerate`, then read the diff.

A sample is a message as other programs send it (tests/fixtures/samples); its golden file, of the same name, is what we
read from it (tests/fixtures/golden). What differs with the day is left out: `received`, and `time` where the message
brings none. A sample that holds an array has an array of events.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eventsink import dialects
from eventsink.dialects.admit import Admission, Stamps
from eventsink.event import encode

FIXTURES = Path(__file__).parent.parent / "fixtures"
SAMPLES = FIXTURES / "samples"
GOLDEN = FIXTURES / "golden"


def names(directory: Path) -> list[str]:
    """The JSON files below a directory, by their path within it."""
    return sorted(file.relative_to(directory).as_posix() for file in directory.rglob("*.json"))


def load(path: Path) -> Any:
    """The JSON of a file."""
    return json.loads(path.read_text("utf-8"))


def golden_of(sample: Any) -> Any:
    """What a golden file says of a sample."""
    if isinstance(sample, list):
        return [golden_of(item) for item in sample]
    draft = dialects.read(sample)
    event, notices = Admission(strict=True).admit(draft, Stamps(datetime.now(UTC), "clowder"))
    assert not notices, f"a message of a known dialect gives nothing to remark: {notices}"
    attributes = json.loads(encode(event))
    del attributes["received"]
    if draft.time is None:
        del attributes["time"]
    return attributes


def main() -> None:
    """Write the golden file of every sample, and remove those that have none."""
    for name in set(names(GOLDEN)) - set(names(SAMPLES)):
        (GOLDEN / name).unlink()
    for name in names(SAMPLES):
        file = GOLDEN / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(golden_of(load(SAMPLES / name)), indent=2, ensure_ascii=False)
        file.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
