"""What a process says at its start: what runs where, and what to do next.

Keys are shown to a person: at a terminal, or in the file to which somebody has sent the output. A pipe or a socket
leads to the log of a container or a machine, which others read and which is kept: there is no key in it.
"""

import os
import shlex
import shutil
import stat
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog
from rich.console import Console

from eventsink.errors import EventSinkError
from eventsink.keys import KeyFile, NewKey
from eventsink.redact import visible
from eventsink.settings import Settings

__all__ = ["Place", "show"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Place:
    """Where the parts of this process are.

    Args:
        exchange: for a person.
        workers: that run in this process.
        visitor: key in the link to the dashboard; None where there is no dashboard.
    """

    url: str
    exchange: str
    workers: Sequence[str]
    visitor: NewKey | None


def show(settings: Settings, place: Place, keys: KeyFile) -> None:
    """Say where everything is; to a person also the first keys, which are made for that when there are none."""
    private = _is_private()
    with ExitStack() as stack:
        first: Sequence[NewKey] = ()
        try:
            if private:
                first = stack.enter_context(keys.first())
        except EventSinkError as error:  # the file is busy: no reason not to run
            _log.warning("keys.none_made", reason=str(error))
        _print(settings, place, first, private=private)


def _is_private() -> bool:
    return sys.stdout.isatty() or stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)


def _print(settings: Settings, place: Place, first: Sequence[NewKey], *, private: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print("\n[bold]Clowder event sink[/bold]\n")
    for name, what in _where(settings, place, private=private).items():
        console.print(f"  {name:<11} {visible(what)}", markup=False)
    console.print()
    command = _command()
    data = "" if settings.data == Settings().data else f" --data {shlex.quote(settings.data)}"
    for key in first:
        console.print(f"  {'/'.join(key.scopes) + ' key':<11} {key.key}", markup=False)
    if first:
        make = f"{command} keys create --scope SCOPE{data}"
        console.print(f"\nThe keys are shown this once. `{make}` makes others.", markup=False)
    else:
        for scope in ("admin", "ingest"):
            console.print(f"  {scope + ' key':<11} {command} keys create --scope {scope}{data}", markup=False)
        console.print("\nThese commands make keys.", markup=False)
    console.print(f"Send an event, then see it with `{command} events{data}`:\n", markup=False)
    console.print(f"  {_curl(place.url, first)}\n", markup=False)
    console.file.flush()


def _where(settings: Settings, place: Place, *, private: bool) -> dict[str, str]:
    pages = {}
    if place.visitor:
        link = f"/#key={place.visitor.key}" if private else "/"
        pages = {"dashboard": f"{place.url}{link}", "API": f"{place.url}/docs"}
    if place.visitor and settings.checks:
        told = "nobody is told: see [alerts] in docs/alerts.md"
        pages |= {"status page": f"{place.url}/status"}
        pages |= {} if settings.alerts.notify or settings.alerts.routes else {"alerts": told}
    return {
        "address": place.url,
        **(pages or {"API": f"{place.url}/openapi.json"}),
        "data": str(settings.directory.resolve()),
        "exchange": place.exchange,
        "workers": ", ".join(place.workers) or "in processes of their own",
    }


def _curl(url: str, first: Sequence[NewKey]) -> str:
    secret = next((key.key for key in first if "ingest" in key.scopes), "$EVENTSINK_KEY")
    body = '{"type": "users.login", "user": "alice", "data": {"method": "userpass"}}'
    return f"""curl {url}/v1/events -H "X-API-Key: {secret}" -H 'Content-Type: application/json' -d '{body}'"""


def _command() -> str:
    """How this user calls the command: by its name if the shell finds it, else by its path."""
    if shutil.which("eventsink"):
        return "eventsink"
    is_module = Path(sys.argv[0]).name == "__main__.py"  # python -m eventsink, of which no shell can run the file
    path = Path(sys.executable if is_module else sys.argv[0])
    near = path.is_absolute() and path.is_relative_to(Path.cwd())
    called = shlex.quote(str(path.relative_to(Path.cwd()) if near else path))
    return f"{called} -m eventsink" if is_module else called
