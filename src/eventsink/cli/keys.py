"""`eventsink keys`: who may do what. Works on the data directory, whether a sink runs on it or not."""

from typing import Annotated

import msgspec
import typer

from eventsink.browsers import pages
from eventsink.cli.options import Form, Format, configured, new_app
from eventsink.cli.screen import new_table, note, output, plain, print_json, say
from eventsink.cli.times import clock
from eventsink.errors import EventSinkError
from eventsink.keys import SCOPES, Key, KeyFile
from eventsink.redact import hide_in_address
from eventsink.settings import Settings
from eventsink.trust import check_found

app = new_app("Make, list and revoke API keys of a data directory, whether a sink runs on it or not.")


@app.command()
@configured
def create(
    settings: Settings,
    scope: Annotated[
        list[str], typer.Option(help=f"What it may do: {', '.join(SCOPES)}; admin may all. Can be repeated.")
    ],
    name: Annotated[str, typer.Option(help="What it is for.", metavar="TEXT")] = "",
    days: Annotated[
        float | None, typer.Option(min=0, max=36_500, help="Days until it expires.  [default: never]", metavar="DAYS")
    ] = None,
    rate: Annotated[float, typer.Option(min=0, help="Events per second that it may send, 0 as the settings say.")] = 0,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="With the scope browser: a site whose pages may use it. Can be repeated.", metavar="URL"),
    ] = None,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Make a key. A running sink knows it within a second."""
    scopes = [part.strip() for text in scope for part in text.split(",")]
    origins = [as_origin(text) for text in origin or ()]
    made = key_file(settings).create(scopes, name=name, days=days, rate=rate, origins=origins)
    if format is Form.json:
        print_json(made)
    else:
        typer.echo(made.key)
        kept = (
            "It is public: `eventsink snippet` shows it again." if origins else "Keep it well: it is shown this once."
        )
        note(f"Key {made.id} may {', '.join(made.scopes)}. {kept}", style="dim")


@app.command("list")
@configured
def list_(settings: Settings, format: Format = Form.table) -> None:  # noqa: A002
    """List the keys, without their secrets."""
    found = key_file(settings).list()
    if format is Form.json:
        for key in found:
            print_json(key)
    elif found:
        _print_table(found)
    else:
        note(f"There are no keys in {settings.keys_path}.")


@app.command()
@configured
def revoke(
    settings: Settings, key: Annotated[str, typer.Argument(help="Its id, as `keys list` shows it.", metavar="ID")]
) -> None:
    """End a key. A running sink refuses it within a second."""
    if not key_file(settings).revoke(key):
        raise EventSinkError(f"There is no key {key!r} in {settings.keys_path}: see `eventsink keys list`.")
    say(f"Key {key} is revoked.")


def as_origin(text: str) -> str:
    """What browsers call a site, of an address of it.

    Raises:
        EventSinkError: it is none.
    """
    found = pages.origin(text)
    if not found:
        raise EventSinkError(f"{hide_in_address(text)!r} is no site: give one as https://clowder.example.org.")
    return found


def key_file(settings: Settings) -> KeyFile:
    """The keys of the data directory.

    Raises:
        EventSinkError: another user may have made that directory.
    """
    check_found(settings.directory, naming=f"--data {settings.directory}")
    return KeyFile(settings.keys_path)


def _print_table(found: list[Key]) -> None:
    table = new_table("Id", "Name", "Scopes", "Rate", "Created (UTC)", "Expires", "Last used", right=("Rate",))
    for key in found:
        rate = f"{key.rate:g}" if key.rate else "-"
        times = [_day(key.created), _day(key.expires) or "never", _day(key.last_used) or "-"]
        scopes = ", ".join(key.scopes) + "".join(f"\n{plain(origin)}" for origin in key.origins)
        table.add_row(key.id, plain(key.name) or "-", scopes, rate, *times)
    output().print(table)


def _day(time: object) -> str:
    return clock(str(msgspec.to_builtins(time)))[:16] if time else ""
