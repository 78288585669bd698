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
results = []
for benchmark in (
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
):
    if sys.argv[1:] and not any(benchmark.__name__.startswith(word) for word in sys.argv[1:]):
        continue
    with console.status(f"{benchmark.__name__}: {benchmark.__doc__}"):
        results += benchmark()
show(results)
write(results, Path(__file__).parent / "results.json")
