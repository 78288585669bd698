"""`eventsink snippet`: the tag that the pages of a site load, with a key that may stand in them."""

from typing import Annotated

import typer

from eventsink.browsers import pages
from eventsink.cli.keys import as_origin, key_file
from eventsink.cli.locate import running
from eventsink.cli.options import Form, Format, configured, new_app
from eventsink.cli.screen import note, print_json
from eventsink.collect.browser_reading import FIELDS
from eventsink.collect.snippet import tracker_tag, vendor_tags
from eventsink.errors import EventSinkError
from eventsink.redact import hide_in_address
from eventsink.settings import Settings

app = new_app()


@app.command()
@configured
def snippet(
    settings: Settings,
    site: Annotated[str, typer.Argument(help="Address of the site, as https://clowder.example.org.", metavar="SITE")],
    at: Annotated[
        str | None,
        typer.Option(
            help="Where its pages find this sink: an address, or a path that a proxy passes on, as /insights."
            "  [default: where it listens]",
            metavar="URL",
        ),
    ] = None,
    write_key: Annotated[
        str | None, typer.Option(help="A key with the scope browser, of a sink elsewhere.", metavar="KEY")
    ] = None,
    me: Annotated[
        str | None, typer.Option(help="Path that tells the page who its user is, of Clowder 1 /api/me.", metavar="PATH")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(help="Id of the user, or what a template puts in its place, as $eventsink_user.", metavar="TEXT"),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Path under which the site is, as /clowder.", metavar="PATH")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Report these alone, as page_view. Can be repeated.", metavar="TYPE")
    ] = None,
    hash: Annotated[  # noqa: A002 - the name of the option
        bool, typer.Option("--hash", help="The part of an address after # is a page of its own.")
    ] = False,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Print the tag to put into the pages of a site, before </head>.

    The key in it is made when it is first asked for; it may do nothing but report from pages of that site.
    """
    origin = as_origin(site)
    known = {name.removeprefix("traffic.") for name in FIELDS}
    for name in only or ():
        if name not in known and "." not in name:
            raise EventSinkError(f"Trackers report no {name!r}: there are {', '.join(sorted(known))}.")
    base = at or _address(settings)
    if not base.startswith("/") and not pages.clean(base):
        raise EventSinkError(
            f"{hide_in_address(base)!r} is neither an address nor a path: give https://… or /insights."
        )
    key = write_key or _key(settings, origin)
    options: dict[str, str | bool] = {
        "me": me or "",
        "user": user or "",
        "prefix": prefix or "",
        "only": " ".join(only or ()),
        "hash": hash,
    }
    tags = [tracker_tag(base, key, options), *vendor_tags(settings.browser)]
    if format is Form.json:
        print_json({"key": key, "origin": origin, "html": "\n".join(tags)})
        return
    for tag in tags:
        typer.echo(tag)
    note(f"Put this before </head> in every page of {origin}. docs/browser.md says how to do it from outside.", "dim")


def _key(settings: Settings, origin: str) -> str:
    """The key of a site, made if there is none."""
    file = key_file(settings)
    return file.public(origin) or file.create(["browser"], name=f"pages of {origin}", origins=[origin]).key


def _address(settings: Settings) -> str:
    local = running(settings.directory)
    return local.url if local else f"http://{settings.collect.host}:{settings.collect.port}"
