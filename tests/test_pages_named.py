"""What code says of our pages can be looked up: each page is there, and none is cited by a number that it has not."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CITED = re.compile(r"([\w-]+\.md)((?: §?\d+(?:\.\d+)*)?)")


def cited() -> Iterator[tuple[str, str, str]]:
    """File, page and number of each mention of a page."""
    for folder in ("src", "tests"):
        for file in (*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.sql")):
            for page, number in CITED.findall(file.read_text("utf-8")):
                yield str(file.relative_to(ROOT)), page, number


def test_pages_that_code_names_can_be_looked_up() -> None:
    pages = {path.name for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))}
    found = list(cited())
    assert len(found) > 50
    assert [one for one in found if one[1] not in pages] == []
    assert [one for one in found if one[2]] == [], "sections have names"
