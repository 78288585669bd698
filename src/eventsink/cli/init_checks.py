"""`eventsink init-checks`: a set of checks for a Clowder, written into the settings and tried at once."""

import asyncio
import contextlib
import os
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from eventsink.assemble.monitoring import online, planned
from eventsink.cli.monitor import print_results
from eventsink.cli.options import new_app
from eventsink.cli.screen import plain, say
from eventsink.errors import EventSinkError, SettingsError
from eventsink.settings import load
from eventsink.watch.monitor import run_once

app = new_app()


@app.command()
def init_checks(
    url: Annotated[str, typer.Argument(help="Address of the Clowder, as https://clowder.example.org.", metavar="URL")],
    rabbitmq: Annotated[
        str | None, typer.Option(help="Its RabbitMQ, as amqp://user:password@host/vhost.", metavar="URL")
    ] = None,
    queue: Annotated[
        list[str] | None, typer.Option(help="Queues of extractors to watch. Can be repeated.", metavar="NAME")
    ] = None,
    config: Annotated[
        Path, typer.Option(help="Settings file; it is made, or the checks are written at its end.", metavar="FILE")
    ] = Path("eventsink.toml"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the section, write nothing.")] = False,
) -> None:
    """Write checks for a Clowder into the settings, and run each of them once.

    Ping, homepage, health, certificate; with --rabbitmq, the queues of extractors. `eventsink up` and
    `eventsink monitor` run them from then on. Exit code 1 when something is down.
    """
    if bool(rabbitmq) != bool(queue):
        raise typer.BadParameter("Give --rabbitmq and at least one --queue, or neither.")
    text = _section(url, rabbitmq, queue or [])
    if dry_run:
        for line in text.strip().split("\n"):
            say(line)
        return
    _append(config, text)
    say(f"{plain(str(config))} has these checks now. Trying each of them once:")
    settings = load(config)
    ours = set(tomllib.loads(text)["checks"])
    checks = [one for one in planned(settings, keeps=False) if one.name in ours]
    results = asyncio.run(run_once(checks, online(settings)))
    print_results(results)
    if any(result.up is False for result in results):
        raise typer.Exit(1)


def _section(url: str, rabbitmq: str | None, queues: list[str]) -> str:
    """The checks as TOML, each with a word on what it is for."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in {"http", "https"} or not host:
        raise SettingsError(f"{plain(url)!r} is no address of a Clowder: give one as https://clowder.example.org.")
    base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    text = _COMMON.format(host=_quoted(host), base=_quoted(base), home=_quoted(f"{base}/"))
    if parts.scheme == "https":
        text += _TLS.format(host=_quoted(host), port=port or 443)
    if rabbitmq is None:
        return text + _NO_QUEUE
    for name in queues:
        text += _QUEUE.format(key=_quoted(f"queue-{name}"), url=_quoted(rabbitmq), queue=_quoted(name))
    return text


_COMMON = """
# --- checks of a Clowder: `eventsink monitor --once` runs each of them once -------------------------------------------

# Where this monitor stands; results carry it. To tell "it is down" from "we have no network", name host:port of some
# places that are nearly always there and have nothing to do with Clowder.
# [monitor]
# region = "urbana"
# references = ["www.illinois.edu:443", "example.org:443"]

# Does the host answer, and how fast? Round trips in milliseconds, and packets lost.
[checks.ping]
kind = "ping"
host = {host}
every = 60

# The homepage, fetched whole: time of each phase, bytes, and the rate.
[checks.homepage]
kind = "download"
url = {home}
every = 60
timeout = 20

# What Clowder says of itself: alive, its version, how much it holds, and whether it has its RabbitMQ.
[checks.clowder]
kind = "clowder"
url = {base}
every = 60
"""
_TLS = """
# The certificate: trusted, for this host, and good for two weeks more at least.
[checks.certificate]
kind = "tls"
host = {host}
port = {port}
certificate_days = 14
every = 3600
"""
_QUEUE = """
# How many messages wait in a queue of RabbitMQ. `most` makes it an alarm.
[checks.{key}]
kind = "rabbitmq"
url = {url}
queue = {queue}
# most = 1000
every = 60
"""
_NO_QUEUE = """
# How many jobs wait for an extractor; needs its RabbitMQ.
# [checks.queue-ncsa-image-preview]
# kind = "rabbitmq"
# url = "amqp://user:password@host/vhost"
# queue = "ncsa.image.preview"
# every = 60
"""


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\' or ord(c) == 127 else c for c in text)
    return f'"{escaped}"'


def _append(config: Path, text: str) -> None:
    """Write the checks at the end of the settings, whole or not at all.

    Raises:
        EventSinkError: it cannot be written, or has checks of these names.
    """
    try:
        before = config.read_text("utf-8") if config.exists() else ""
        known: dict[str, Any] = tomllib.loads(before).get("checks", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EventSinkError(f"{plain(str(config))} cannot be read: {error}.") from None
    if both := sorted(known.keys() & tomllib.loads(text)["checks"].keys()):
        raise EventSinkError(f"{plain(str(config))} has checks.{both[0]} already: take it out, or write by hand.")
    place = Path(os.path.realpath(config))  # a link to it stays one
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        former = place.stat() if place.exists() else None
        opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # passwords may be in it
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            if former:
                _give_to_its_owner(opened, former)
            file.write(before.rstrip("\n") + ("\n" if before else "") + text.lstrip("\n" if not before else ""))
        draft.replace(place)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise EventSinkError(f"{plain(str(config))} cannot be written: {error.strerror}.") from None


def _give_to_its_owner(descriptor: int, former: os.stat_result) -> None:
    """Give a file owner and mode of the one whose place it takes: who runs the sink must be able to read it still."""
    with contextlib.suppress(PermissionError):  # it was another user's, which root alone can make it again
        os.fchown(descriptor, former.st_uid, former.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(former.st_mode))
