"""Makes what browsers get of the tracker's source, and prints its size and the hash that pages name.

Pages carry a hash of the published file: once it is released it never changes, and what comes next is `t.2.js`.
"""

import argparse
import base64
import gzip
import hashlib
import sys
from pathlib import Path

import minify

FOLDER = Path(__file__).parents[1] / "src/eventsink/collect/tracker"
SOURCE = FOLDER / "tracker.js"
PUBLISHED = FOLDER / "t.1.js"


def main() -> int:
    """Write the file, or with --check say whether it is what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail when the file is out of date")
    made = minified(SOURCE.read_text("utf-8"))
    if parser.parse_args().check:
        if PUBLISHED.read_bytes() == made:
            return 0
        sys.stderr.write(f"{PUBLISHED.name} is not what {SOURCE.name} makes: run scripts/tracker.\n")
        return 1
    PUBLISHED.write_bytes(made)
    sys.stdout.write(f"{PUBLISHED.name}: {size(made)}\nintegrity: {integrity(made)}\n")
    return 0


def minified(source: str) -> bytes:
    """The same program in fewer bytes."""
    made: str = minify.string("application/javascript", source)
    return made.encode()


def size(content: bytes) -> str:
    """How many bytes travel."""
    return f"{len(content)} bytes, {len(gzip.compress(content, 9, mtime=0))} with gzip -9"


def integrity(content: bytes) -> str:
    """What a script tag says of the content, in its attribute of this name."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


if __name__ == "__main__":
    sys.exit(main())
