"""The commands of `eventsink`.

In: a command line. Out: what a person or a script asked for. One file a command group, imported when it runs.
"""

import importlib
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from eventsink import __version__
from eventsink.errors import EventSinkError
from eventsink.redact import hide_secrets, visible

__all__ = ["COMMANDS", "CommandGroup", "app", "main"]

# The name of a command, the module of this package that holds its `app`, and its line in the help.
COMMANDS = {
    "up": ("up", "Run the whole event sink in this process."),
    "serve": ("serve", "Run API, store and pages, with the workers in processes of their own."),
    "api": ("api", "Run the HTTP API alone."),
    "worker": ("worker", "Deliver to destinations, in a process of its own."),
    "monitor": ("monitor", "Run the checks, and post what they find."),
    "init-checks": ("init_checks", "Write checks for a Clowder into the settings, and try them."),
    "send": ("send", "Send events from files, standard input or the command line."),
    "tail": ("tail", "Show events as they are stored, until Ctrl-C."),
    "events": ("events", "Show stored events, the newest last."),
    "sql": ("sql", "Ask the store in SQL; nothing can be changed."),
    "export": ("export", "Write stored events into files, one a month."),
    "backup": ("backup", "Write all data into one file, beside a sink that runs."),
    "restore": ("restore", "Make a data directory of a backup."),
    "types": ("event_types", "Show the catalogue of event types, or the fields of one."),
    "asyncapi": ("asyncapi", "Print what programs publish into RabbitMQ, as AsyncAPI."),
    "status": ("status", "Show the accounts of each worker, and what needs attention."),
    "nginx": ("nginx", "Show what an access log of NGINX says, or make events of it."),
    "report": ("report", "Show a report, or write it to files: usage, storage, extractors …"),
    "uptime": ("uptime", "Show how long checks were up, and the incidents."),
    "alerts": ("alerts", "See what is not well and who was told; send a test; silence."),
    "incident": ("incident", "Tell users of an incident, on the status page."),
    "status-page": ("status_page", "Write the status page as files, to be hosted elsewhere."),
    "dead": ("dead", "Look at events that could not be delivered; mend them."),
    "workers": ("workers", "List the workers that have queues; forget one that nobody needs."),
    "replay": ("replay", "Deliver stored events to a worker again."),
    "extractors": ("extractors", "See extractors and their jobs; submit and cancel jobs."),
    "keys": ("keys", "Make, list and revoke API keys."),
    "snippet": ("snippet", "Print the tag that the pages of a site load."),
    "grafana": ("grafana", "Write dashboards and alert rules for Grafana."),
    "config": ("config", "Show or check the settings."),
    "doctor": ("doctor", "Check that everything is well configured and reachable."),
    "try": ("trial", "Try out a worker or a check."),
}


class CommandGroup(TyperGroup):
    """All commands by name and one line each. A command is imported when it is chosen: `--help` stays fast."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (_, line) in COMMANDS.items():
            self.add_command(TyperCommand(name, help=line, rich_markup_mode=None))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments name, loaded."""
        name, _, rest = super().resolve_command(ctx, args)
        command = _load(name) if name else None
        if ctx.obj:
            ctx.obj()
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; an expected error becomes one line for a person."""
        try:
            return super().invoke(ctx)
        except EventSinkError as error:
            typer.secho(visible(hide_secrets(str(error))), fg="red", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None  # as shells have it


def _load(name: str) -> Any:
    command = get_command(importlib.import_module(f"{__name__}.{COMMANDS[name][0]}").app)
    command.name = name
    return command


app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help needs a third of the time, and reads the same in a terminal and in a file
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="A sink on this machine is found by its data directory; name another one with --url and --key.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eventsink {__version__}")
        raise typer.Exit


@app.callback()
def _eventsink(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """The Clowder event sink: what users do, and whether the system is well."""


def main(loaded: Callable[[], None] | None = None) -> None:
    """Run the command line of this process.

    Args:
        loaded: called when the command that was asked for is imported, before it runs.
    """
    app(prog_name="eventsink", obj=loaded)
