"""What the doctor said of an installation, without what differs from run to run, beside what it should say.

`GOLDEN=write .venv/bin/python -m pytest tests/doctor` writes the files anew; look at the difference before it is
committed.
"""

import os
import re
from pathlib import Path

__all__ = ["compare", "steady"]

FOLDER = Path(__file__).parents[1] / "fixtures/doctor"
_BLANKS = re.compile(r" {2,}")
_VOLATILE = (
    (re.compile(r"eventsink \d[^\s,]*, Python [^\n\"]*?aiohttp [\d.]+"), "eventsink VERSION, Python VERSION, …"),
    (re.compile(r"\b(version|MongoDB|InfluxDB|it is) v?\d+(\.\w+)*\.\d[\w.~+-]*"), r"\1 VERSION"),
    (re.compile(r"this command \d[\w.]*"), "this command VERSION"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=localhost:)\d+|(?<=port )\d{4,}"), "PORT"),
    (re.compile(r"\b[\d.,]+ (B|[kMGT]B|bytes)\b"), "SIZE"),
    (re.compile(r"may use \d+[MG]B"), "may use SIZE"),
    (re.compile(r", room for [\d,]+ files"), ""),  # some file systems have no number of them
    (re.compile(r"room for [\d,]+ more files"), "room for N more files"),
    (re.compile(r"in \d+ threads?\b"), "in N threads"),
    (re.compile(r"\b[Pp]rocess \d+"), "process PID"),
    (re.compile(r"\bchown \d+"), "chown UID"),
    (re.compile(r"\bkey [0-9a-f]{8}\b"), "key ID"),
    (re.compile(r"\btest-[0-9a-f]{12}"), "VHOST"),
    (re.compile(r"\bin the last \d+\b"), "in the last N"),
    (re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2})?)?"), "DATE"),
    (re.compile(r"\b3,[56]\d\d seconds"), "3,600 seconds"),
    (re.compile(r"\b(9|1[0-3]) seconds"), "12 seconds"),
    (re.compile(r"delivered after [\d.]+ s"), "delivered after N s"),
    (re.compile(r"PRECONDITION_FAILED - [^.]*\."), "PRECONDITION_FAILED …."),
    # Whether it is old enough for a word of advice is a matter of what this machine has.
    (re.compile(r"^RabbitMQ  (look|ok)  version.*", re.MULTILINE), "RabbitMQ  …  version VERSION"),
    (re.compile(r'"found":"version [^"]*","remedy":"(It is old[^"]*)?"'), '"found":"version VERSION","remedy":"…"'),
)


def compare(name: str, printed: str, folder: Path, ending: str) -> None:
    """Compare with the golden file, or write it.

    Args:
        folder: of the installation, whose path differs each time.
        ending: of the file: txt or json.
    """
    told = steady(printed, folder)
    file = FOLDER / f"{name}.{ending}"
    if os.environ.get("GOLDEN") == "write":
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.write_text(told, "utf-8")
    assert told == file.read_text("utf-8"), f"{file.name}: if this is meant, write it anew with GOLDEN=write"


def steady(printed: str, folder: Path) -> str:
    """A text without paths, ports, numbers and versions that differ from run to run."""
    text = printed.replace(str(folder.resolve()), "FOLDER").replace(str(folder), "FOLDER")
    lines = [_BLANKS.sub("  ", line).strip() for line in text.splitlines()]
    text = "\n".join(line for line in lines if line.strip("─ ")) + "\n"
    for pattern, word in _VOLATILE:
        text = pattern.sub(word, text)
    return text
