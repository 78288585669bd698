"""The tables of docs/amplitude.md and docs/google-analytics.md, made of the declaration.

`python -m tests.deliver.analytics.tables` writes them into the pages.
"""

import re
from pathlib import Path
from typing import Literal

from eventsink.deliver.analytics.mapping import BY_DEFAULT, MAPPING, Property

DOCS = Path(__file__).parents[3] / "docs"
PAGES: dict[Literal["amplitude", "google"], str] = {"amplitude": "amplitude.md", "google": "google-analytics.md"}
BETWEEN = re.compile(r"(<!-- mapping -->\n).*?(<!-- /mapping -->)", re.DOTALL)


def table(destination: Literal["amplitude", "google"]) -> str:
    """A line a type, with each field and what it becomes."""
    theirs = "event there" if destination == "google" else "part of a visit"
    lines = [f"| type | {theirs} | properties: field of ours → name there (kind) |", "| --- | --- | --- |"]
    for kind, shown in MAPPING.items():
        second = f"`{shown.google}`" if destination == "google" else "no" if shown.of_server else "yes"
        fixed = [f'`{name}` is "{value}"' for name, value in shown.fixed.items()] if destination == "google" else []
        found = [_line(each, destination) for each in shown.properties]
        properties = ", ".join([*fixed, *filter(None, found)])
        lines.append(f"| `{kind}`{'' if kind in BY_DEFAULT else ' (not by default)'} | {second} | {properties} |")
    return "\n".join(lines) + "\n"


def _line(each: Property, destination: Literal["amplitude", "google"]) -> str:
    name = each.amplitude if destination == "amplitude" else each.google
    if not name:
        return ""
    return f"`{each.field}` ({each.kind})" if name == each.field else f"`{each.field}` → `{name}` ({each.kind})"


if __name__ == "__main__":
    for destination, page in PAGES.items():
        text = (DOCS / page).read_text("utf-8")
        begin, end = "<!-- mapping -->\n", "<!-- /mapping -->"
        before, _, rest = text.partition(begin)
        (DOCS / page).write_text(f"{before}{begin}{table(destination)}{end}{rest.partition(end)[2]}", "utf-8")
