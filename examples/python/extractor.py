"""An extractor that tells how long it ran, and whether it failed: `python extractor.py FILE...`."""

import sys
from pathlib import Path

from eventsink import SinkService

sink = SinkService()  # EVENTSINK_URL and EVENTSINK_KEY say where to; without them it does nothing


@sink.extraction("example.wordcount", resource_type="file")
def count_words(path: Path) -> int:
    """Each call is a run: `working`, then `done` or `failed`."""
    return len(path.read_text().split())


if __name__ == "__main__":
    for name in sys.argv[1:]:
        try:
            print(name, count_words(Path(name)))
        except OSError as error:
            print(name, error.strerror)
