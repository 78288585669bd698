"""Runs all benchmarks, or those whose names begin with the given words."""

import sys
from pathlib import Path

from rich.console import Console

from benchmarks import (
    alerts,
    analytics,
    browser,
    counter,
    embedded,
    extractors,
    monitor,
    nginx,
    numbers,
    production,
    sdk,
    status_page,
    tracking,
)
from benchmarks.results import show, write

console = Console(stderr=True)
every = (
    embedded.BENCHMARKS
    + production.BENCHMARKS
    + extractors.BENCHMARKS
    + monitor.BENCHMARKS
    + nginx.BENCHMARKS
    + alerts.BENCHMARKS
    + status_page.BENCHMARKS
    + sdk.BENCHMARKS
    + tracking.BENCHMARKS
    + browser.BENCHMARKS
    + analytics.BENCHMARKS
    + counter.BENCHMARKS
    + numbers.BENCHMARKS
)
words = tuple(sys.argv[1:])
chosen = [benchmark for benchmark in every if benchmark.__name__.startswith(words)] if words else every
if not chosen:
    sys.exit(f"No benchmark begins with any of these words. There are: {', '.join(each.__name__ for each in every)}.")
results = []
for benchmark in chosen:
    with console.status(f"{benchmark.__name__}: {benchmark.__doc__}"):
        results += benchmark()
show(results)
write(results, Path(__file__).parent / "results.json")
