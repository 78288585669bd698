"""A check tried out: run once, with what it found, for those who write one."""

import asyncio
from typing import Any

import typer

from eventsink.assemble.monitoring import online, place
from eventsink.cli.monitor import as_json as result_as_json
from eventsink.cli.monitor import print_results
from eventsink.cli.screen import note, print_json
from eventsink.settings import Settings
from eventsink.watch.check import Site
from eventsink.watch.loading import load
from eventsink.watch.monitor import run_once

__all__ = ["try_check"]


def try_check(settings: Settings, name: str, kind: str, options: dict[str, Any], *, as_json: bool) -> None:
    """Run a check once and print what it found; a bug with its traceback.

    Args:
        name: of its section in the settings, if it has one.
        kind: its name or path.
        options: over those of the settings.

    Raises:
        Exit: with 1, when it is down or has failed.
        EventSinkError: it cannot be made; a sentence says why.
    """
    section = {"kind": kind, **settings.checks.get(name, {}), **options}
    planned = load(name, section, Site(sink=settings.monitor.url, key=settings.monitor.key))
    results = asyncio.run(run_once([planned], online(settings)))
    if as_json:
        for result in results:
            print_json(result_as_json(result, place(settings)))
    else:
        for result in results:
            if result.traceback:
                note(result.traceback.rstrip())
        print_results(results)
    if any(not result.up for result in results):
        raise typer.Exit(1)
