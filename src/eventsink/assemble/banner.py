"""What a process says at its start: what runs where, and what to do next."""

import shutil
import sys
from pathlib import Path

from rich.console import Console

from eventsink.keys import KeyFile, NewKey
from eventsink.settings import Settings

__all__ = ["first_keys", "show"]


def first_keys(keys: KeyFile) -> list[NewKey]:
    """The keys to begin with, made when there are none at all."""
    if keys.list():
        return []
    return [keys.create(("admin",), name="first admin key"), keys.create(("ingest",), name="first ingest key")]


def show(  # noqa: PLR0913 - what there is to say
    settings: Settings, url: str, first: list[NewKey], visitor: NewKey | None, *, exchange: str, workers: list[str]
) -> None:
    """Say where everything is.

    Args:
        first: keys that were just made, to be shown this once.
        visitor: key in the link to the dashboard; None where there is no dashboard.
        workers: that run in this process.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.print("\n[bold]Clowder event sink[/bold]\n")
    for name, place in _where(settings, url, visitor, exchange, workers).items():
        console.print(f"  {name:<11} {place}", markup=False)
    console.print()
    for key in first:
        console.print(f"  {'/'.join(key.scopes) + ' key':<11} {key.key}", markup=False)
    command = _command()
    data = "" if settings.data == Settings().data else f" --data {settings.data}"
    if first:
        console.print(f"\nThe keys are shown this once. `{command} keys create{data}` makes others.", markup=False)
    console.print(f"Send an event, then see it with `{command} events{data}`:\n", markup=False)
    console.print(f"  {_curl(url, first)}\n", markup=False)
    console.file.flush()


def _where(settings: Settings, url: str, visitor: NewKey | None, exchange: str, workers: list[str]) -> dict[str, str]:
    pages = {"dashboard": f"{url}/#key={visitor.key}", "API": f"{url}/docs"} if visitor else {}
    return {
        "address": url,
        **(pages or {"API": f"{url}/openapi.json"}),
        "data": str(settings.directory.resolve()),
        "exchange": exchange,
        "workers": ", ".join(workers) or "in processes of their own",
    }


def _curl(url: str, first: list[NewKey]) -> str:
    secret = next((key.key for key in first if "ingest" in key.scopes), "$EVENTSINK_KEY")
    body = '{"type": "users.login", "user": "alice", "data": {"method": "userpass"}}'
    return f"""curl {url}/v1/events -H "X-API-Key: {secret}" -H 'Content-Type: application/json' -d '{body}'"""


def _command() -> str:
    """How this user calls the command: by its name if the shell finds it, else by its path."""
    if shutil.which("eventsink"):
        return "eventsink"
    path = Path(sys.argv[0])
    near = path.is_relative_to(Path.cwd()) if path.is_absolute() else True
    return str(path.relative_to(Path.cwd()) if near and path.is_absolute() else path)
