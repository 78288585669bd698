"""`eventsink monitor`: run the checks."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from eventsink import assemble
from eventsink.assemble.monitoring import online, place, planned
from eventsink.cli.locate import Running, running
from eventsink.cli.options import Form, Format, configured, new_app
from eventsink.cli.screen import new_table, output, plain, print_json, say
from eventsink.errors import SettingsError
from eventsink.settings import Settings
from eventsink.trust import NotTrusted
from eventsink.watch.loading import Planned
from eventsink.watch.monitor import run_once
from eventsink.watch.result import Place, Result

STYLES = {"up": "green", "down": "red", "unknown": "yellow"}
MOST_NUMBERS = 6  # in the table; JSON has all

app = new_app()


@app.command()
@configured
def monitor(
    settings: Settings,
    names: Annotated[list[str] | None, typer.Argument(help="Checks, with --once.  [default: all]")] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Run each check once, print what it finds, post nothing.")
    ] = False,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Run the checks of the settings when they are due, and post what they find to the sink, until Ctrl-C.

    While the sink is away, results wait on disk. With --once: exit code 1 when something is down.
    """
    if not once:
        if names:
            raise typer.BadParameter("Names go with --once: the monitor runs all checks of its settings.")
        assemble.monitor(settings)
        return
    results = asyncio.run(run_once(_chosen(settings, names or []), online(settings)))
    if format is Form.json:
        for result in results:
            print_json(as_json(result, place(settings)))
    else:
        print_results(results)
    if any(result.up is False for result in results):
        raise typer.Exit(1)


def _chosen(settings: Settings, names: list[str]) -> list[Planned]:
    local = None if settings.monitor.url else _beside(settings)
    checks = {one.name: one for one in planned(settings, *((local.url, local.key) if local else ()), keeps=False)}
    for name in names:
        if name not in checks:
            raise SettingsError(f"There is no section [checks.{name}]; there is {', '.join(checks) or 'none'}.")
    if not checks:
        raise SettingsError("There is no check: `eventsink init-checks https://clowder.example.org` writes some.")
    return [checks[name] for name in names or checks]


def _beside(settings: Settings) -> Running | None:
    """The sink that runs on the data directory, whose numbers checks may ask for."""
    try:
        return running(settings.directory)
    except NotTrusted:
        return None


def as_json(result: Result, where: Place) -> dict[str, Any]:
    """One result for a program: the numbers beside what they are of."""
    head = {"check": result.check, "kind": result.kind, "target": result.target, "up": result.up}
    tail = {"region": where.region, "time": result.time, "elapsed_ms": round(result.elapsed_ms, 3)}
    numbers = {name: value for name, value in result.numbers.items() if value is not None and name not in head}
    return {**head, "reason": result.reason, "message": result.message, **tail, **numbers}


def print_results(results: list[Result]) -> None:
    """A table for a person."""
    table = new_table("Check", "Kind", "State", "Took", "Found", right=("Took",))
    for result in results:
        state = Text(result.state, style=STYLES[result.state])
        found = result.message or _numbers(result.numbers)
        table.add_row(plain(result.check), plain(result.kind), state, _milliseconds(result.elapsed_ms), plain(found))
    output().print(table)
    bad = [state for state in ("down", "unknown") if any(result.state == state for result in results)]
    counts = ", ".join(f"{sum(result.state == state for result in results)} {state}" for state in ("up", *bad))
    say(f"{len(results)} check{'' if len(results) == 1 else 's'}: {counts}.")


def _numbers(numbers: Mapping[str, Any]) -> str:
    shown = [f"{name} {_short(value)}" for name, value in numbers.items() if _is_number(value)]
    return ", ".join(shown[:MOST_NUMBERS])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _milliseconds(value: float) -> str:
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"
