"""`eventsink snippet`: the tag that the pages of a site load, with a key that may stand in them."""

import re
from typing import Annotated

import typer

from eventsink.browsers import pages
from eventsink.cli.keys import as_origin, key_file
from eventsink.cli.locate import running
from eventsink.cli.options import Form, Format, configured, new_app
from eventsink.cli.screen import note, print_json
from eventsink.collect.browser_words import CUSTOM, FIELDS
from eventsink.collect.snippet import tracker_tag, vendor_tags
from eventsink.errors import EventSinkError
from eventsink.keys import PUBLIC, KeyFile, id_of
from eventsink.redact import hide_in_address
from eventsink.settings import Settings

LOOPBACK = re.compile(r"//(127\.|localhost|\[::1\])")

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
    base = at or _address(settings)
    _check_base(base)
    for name, path in (("--me", me), ("--prefix", prefix)):
        if path and (not path.startswith("/") or path.startswith("//")):
            raise EventSinkError(
                f"{name} {path[:60]!r} is no path of the site: give it with a slash before, as /api/me."
            )
    reported = [_short(name) for name in only or ()]
    key = _checked(write_key, settings) if write_key else _key(settings, origin)
    options: dict[str, str | bool] = {
        "me": me or "",
        "user": user or "",
        "prefix": prefix or "",
        "only": " ".join(reported),
        "hash": hash,
    }
    tags = [tracker_tag(base, key, options), *vendor_tags(settings.browser)]
    if format is Form.json:
        print_json({"key": key, "origin": origin, "html": "\n".join(tags)})
        return
    for tag in tags:
        typer.echo(tag)
    note(f"Put this before </head> in every page of {origin}. docs/browser.md says how to do it from outside.", "dim")


def _check_base(base: str) -> None:
    """Refuse what pages cannot find a sink at."""
    is_path = base.startswith("/") and not base.startswith("//")
    fits = not set(base) & set("?#@ \\") and (is_path or pages.clean(base))
    if not fits:
        raise EventSinkError(
            f"{hide_in_address(base)!r} is neither an address nor a path: give https://… or /insights."
        )
    if not is_path and LOOPBACK.search(base):
        note("Browsers on other machines do not reach that address: name another one with --at.", "yellow")


def _short(name: str) -> str:
    """A type as trackers know it: those of the catalogue by their second half."""
    known = {kind.removeprefix("traffic.") for kind in FIELDS}
    short = name.removeprefix("traffic.")
    if short not in known and not name.startswith(CUSTOM):
        raise EventSinkError(f"Trackers report no {name!r}: there are {', '.join(sorted(known))}, browser.….")
    return short


def _checked(text: str, settings: Settings) -> str:
    """A key that may stand in pages, as far as that is known here."""
    key_id = id_of(text)
    if key_id is None:
        raise EventSinkError("That is no write key. Give one that `eventsink snippet` has printed where the sink is.")
    known = {key.id: key for key in KeyFile(settings.keys_path).list()} if settings.keys_path.exists() else {}
    if key_id in known and not known[key_id].may(PUBLIC):
        raise EventSinkError(f"Key {key_id} must not stand in a page, where everybody sees it: leave that option out.")
    return text


def _key(settings: Settings, origin: str) -> str:
    """The key of a site, made if there is none."""
    file = key_file(settings)
    return file.public(origin) or file.create(["browser"], name=f"pages of {origin}", origins=[origin]).key


def _address(settings: Settings) -> str:
    local = running(settings.directory)
    return local.url if local else settings.collect.address
