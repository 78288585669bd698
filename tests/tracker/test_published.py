"""What is served is what the source makes, and it is small."""

import gzip

from scripts.minify_tracker import PUBLISHED, SOURCE, minified, size

LARGEST = 2_900


def test_the_published_file_is_made_of_the_source(record_property):
    assert PUBLISHED.read_bytes() == minified(SOURCE.read_text("utf-8")), "run scripts/tracker"


def test_the_published_file_is_small(capsys):
    content = PUBLISHED.read_bytes()
    with capsys.disabled():
        print(f"\n{PUBLISHED.name}: {size(content)}")  # noqa: T201
    assert content.isascii()
    assert len(gzip.compress(content, 9)) <= LARGEST
