"""API keys: those of the data directory, and the one that this command was given."""

import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from eventsink.cli.finding import Finding
from eventsink.client.sink import Refusal, Sink
from eventsink.errors import EventSinkError
from eventsink.keys import Key, KeyFile, id_of, matches
from eventsink.mistakes import is_address
from eventsink.settings import Settings

__all__ = ["given_key", "keys", "monitored"]

NEEDED = ("ingest", "admin")
SOON = 14  # days
TRIES = 20  # a second in all
WITHIN = 5.0  # seconds that the sink of a monitor has to answer


def keys(settings: Settings) -> Iterator[Finding]:
    """Whether somebody may send events, and somebody may administer; nothing of a file that is not there or damaged."""
    known = _known(settings)
    if known is None:
        return
    now = datetime.now(UTC)
    good = [key for _, key in known.values() if key.expires is None or key.expires > now]
    for scope in NEEDED:
        able = [key for key in good if key.may(scope)]
        remedy = (
            "" if able else f"`eventsink keys create --scope {scope}` makes one; the next start makes the first two."
        )
        found = f"{len(able)} of {len(known)} may" if able else "no key that is still good has it"
        yield Finding(f"keys with the scope {scope}", bool(able), found, remedy)
    for key in good:
        if key.expires is not None and (key.expires - now).days < SOON:
            name = f"{key.id} ({key.name})" if key.name else key.id
            found = f"key {name} ends on {key.expires:%Y-%m-%d}"
            yield Finding("keys that end", True, found, "Make another with `eventsink keys create` before that.")


def given_key(settings: Settings, sink: Sink, key: str) -> Finding:
    """What a key may do: as the data directory knows it, else as the sink answers to it."""
    if id_of(key) is None:
        remedy = "Copy it again: it begins with clw_, and has neither blanks nor quotes."
        return Finding("given key", False, "it has not the form of a key", remedy)
    known = (_known(settings) or {}).get(id_of(key) or "")
    if known and matches(key, known):
        return _of_file(known[1])
    return _as_answered(sink)


def monitored(settings: Settings) -> Iterator[Finding]:
    """The sink to which a monitor sends, and its key there; nothing where the settings name none."""
    monitor = settings.monitor
    if not is_address(monitor.url):
        return
    with Sink(monitor.url, monitor.key or None, timeout=WITHIN, named_by=("monitor.url", "monitor.key")) as sink:
        try:
            sink.get("/healthz")
        except EventSinkError as error:
            yield Finding("monitor.url", False, str(error), "See monitor.url; results wait on disk meanwhile.")
            return
        yield Finding("monitor.url", True, f"the sink at {sink.where} answers")
        if monitor.key:
            yield msgspec.structs.replace(_as_answered(sink), check="monitor.key")


def _as_answered(sink: Sink) -> Finding:
    """What the sink thinks of the key that it is given."""
    try:
        sink.get("/v1/status")
    except Refusal as error:
        if error.status == 401:
            remedy = "It was revoked, has ended, or is of another sink: `eventsink keys create` there makes one."
            return Finding("given key", False, f"the sink at {sink.where} does not know it", remedy)
        if error.status == 403:
            return Finding("given key", True, "the sink knows it; it has not the scope read")
        return Finding("given key", False, str(error), "See the log of the sink.")
    except EventSinkError:  # said of the sink itself
        return Finding("given key", True, "it has the form of a key; no sink answers that could know it")
    return Finding("given key", True, "the sink knows it, with the scope read")


def _of_file(key: Key) -> Finding:
    if key.expires is not None and key.expires <= datetime.now(UTC):
        remedy = "`eventsink keys create` makes another."
        return Finding("given key", False, f"key {key.id} has ended on {key.expires:%Y-%m-%d}", remedy)
    return Finding("given key", True, f"key {key.id} is good, with {', '.join(key.scopes)}")


def _known(settings: Settings) -> dict[str, tuple[bytes, Key]] | None:
    for _ in range(TRIES):
        try:
            return KeyFile(settings.keys_path).look({}).keys
        except sqlite3.OperationalError:  # somebody is writing to it, who is done in a moment
            time.sleep(0.05)
        except (OSError, sqlite3.Error, ValueError):  # said of the file itself
            return None
    return None
