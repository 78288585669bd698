"""Options that many commands share: where the sink is, which settings, which output."""

import functools
import inspect
import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from eventsink.cli.locate import connect
from eventsink.cli.screen import note
from eventsink.cli.times import moment
from eventsink.settings import Settings, load

__all__ = [
    "Form",
    "Format",
    "Host",
    "Key",
    "Port",
    "Since",
    "Until",
    "Url",
    "configured",
    "listening",
    "new_app",
    "talks",
]


class Form(StrEnum):
    """How a command prints what it found."""

    table = "table"
    json = "json"


Format = Annotated[Form, typer.Option("--format", help="A table for people, or JSON for programs.")]
Since = Annotated[
    str | None,
    typer.Option(help="From this time on: 2h, 7d, today, or as 2026-11-23T10:00 (UTC).", parser=moment, metavar="TIME"),
]
Until = Annotated[str | None, typer.Option(help="Before this time.", parser=moment, metavar="TIME")]

_Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file.  [default: eventsink.toml, if there]", metavar="FILE")
]
_Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        "--data-dir",
        envvar="EVENTSINK_DATA",
        help="Data directory of a sink on this machine.  [default: var]",
        metavar="DIR",
    ),
]
Url = Annotated[str | None, typer.Option("--url", envvar="EVENTSINK_URL", help="Address of the sink.", metavar="URL")]
Key = Annotated[str | None, typer.Option("--key", envvar="EVENTSINK_KEY", help="API key.", metavar="KEY")]


Host = Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Port to listen on, 0 for a free one.  [default: 8750]")
]


def listening(settings: Settings, host: str | None, port: int | None) -> Settings:
    """The settings with the address to listen on, where one is given."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return msgspec.structs.replace(settings, collect=msgspec.structs.replace(settings.collect, **given))


def new_app(help: str = "") -> typer.Typer:  # noqa: A002 - Typer's word
    """A Typer of the kind that every command file has one of."""
    return typer.Typer(
        help=help,
        no_args_is_help=bool(help),
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
    )


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--data` and `--config`; it gets the settings as its first argument."""

    @functools.wraps(command)
    def run(*, data_directory: str | None, config: Path | None, **given: Any) -> None:
        command(_load(config, data_directory), **given)

    return _with_options(run, command, {"data_directory": _Data, "config": _Config})


def talks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a running sink; it gets the `Sink` as its first argument."""

    @functools.wraps(command)
    def run(*, url: str | None, key: str | None, data_directory: str | None, config: Path | None, **given: Any) -> None:
        if "json" in given and _is_json(data_directory):
            note("--data is the data directory: give the data of an event with --json. It is read once more.", "yellow")
            given["json"], data_directory = given["json"] or data_directory, os.environ.get("EVENTSINK_DATA")
        with connect(_load(config, data_directory), url, key) as sink:
            command(sink, **given)

    return _with_options(run, command, {"url": Url, "key": Key, "data_directory": _Data, "config": _Config})


def _load(config: Path | None, data_directory: str | None) -> Settings:
    """The settings. A data directory with its whole path was named; one without is what the current folder has.

    See `eventsink.trust`.
    """
    return load(config, data=str(Path(data_directory).absolute()) if data_directory else data_directory)


def _is_json(data_directory: str | None) -> bool:
    """Whether this is the data of an event, which `send` took with --data in its first version."""
    return (data_directory or "").lstrip()[:1] == "{"


def _with_options(run: Callable[..., None], command: Callable[..., None], more: dict[str, Any]) -> Callable[..., None]:
    """Show Typer the parameters of `command` but the first, and `more` after them."""
    own = list(inspect.signature(command).parameters.values())[1:]
    added = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=a) for n, a in more.items()]
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + added
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
