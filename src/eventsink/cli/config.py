"""`eventsink config`: the settings as they are, secrets hidden."""

from collections.abc import Iterator
from typing import Any

import typer

from eventsink.assemble.checking import run_here, wrong
from eventsink.cli.options import Form, Format, configured, new_app
from eventsink.cli.screen import as_json, note, print_json, say
from eventsink.redact import hide_secrets, visible
from eventsink.settings import Settings, redacted

app = new_app("Show or check the settings.")


@app.command()
@configured
def show(settings: Settings, format: Format = Form.table) -> None:  # noqa: A002
    """Print all settings, from the file, the environment and the defaults. Secrets are hidden."""
    if format is Form.json:
        print_json(redacted(settings))
        return
    for line in _toml(redacted(settings)):
        say(line)


@app.command()
@configured
def check(settings: Settings) -> None:
    """Check all settings, those of workers and checks included. Says what is wrong, and starts nothing."""
    if found := [*wrong(settings)]:
        for sentence in found:
            note(visible(hide_secrets(sentence)), "red")
        raise typer.Exit(1)
    checks = run_here(settings).checks
    names = ", ".join(settings.workers) or "none but the store"
    say(f"The settings are well. Destinations: {names}. Checks: {', '.join(checks) or 'none'}.")
    elsewhere = settings.checks.keys() - checks.keys()
    if elsewhere:
        say(f"Run elsewhere, for they have no kind: {', '.join(sorted(elsewhere))}; `up` and `monitor` need one.")


def _toml(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Plain values as TOML, one key a line."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _toml(value, f"{prefix}{_key(name)}.")
        elif value is not None:
            yield f"{prefix}{_key(name)} = {as_json(value)}"


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else as_json(name)
