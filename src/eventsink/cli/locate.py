"""Which sink a command talks to: the one that was named, else the one that runs on this data directory."""

import time
from functools import partial
from pathlib import Path

import msgspec

from eventsink.client.sink import Sink
from eventsink.settings import Settings
from eventsink.trust import NotTrusted, read_found

__all__ = ["Running", "connect", "running"]


class Running(msgspec.Struct, frozen=True):
    """What a running sink leaves in its data directory for the commands of its user."""

    url: str
    key: str
    pid: int = 0


def connect(settings: Settings, url: str | None = None, key: str | None = None) -> Sink:
    """A connection to the sink that was named, or to the one that runs on the data directory of the settings.

    Raises:
        EventSinkError: the URL or the key cannot be one, or another user may have written where a sink is.
    """
    local = _running_beside(settings.directory, url)
    address = url or (local.url if local else settings.collect.address)  # for the message that none is there
    if key is not None or (url and not _is_at(local, url)):
        return Sink(address, key)
    return Sink(address, local.key if local else None, renew=partial(_next_key, settings.directory, address))


def _running_beside(directory: Path, url: str | None) -> Running | None:
    """The sink that runs on a data directory; where a URL was named, one that is not trusted is as good as none."""
    try:
        return running(directory)
    except NotTrusted:
        if not url:
            raise
        return None


def _is_at(local: Running | None, url: str) -> bool:
    """Whether the sink of this machine is the one at a URL: its key is for no other."""
    return local is not None and local.url.rstrip("/") == url.rstrip("/")


def _next_key(directory: Path, url: str, old: str | None) -> str | None:
    """The key after a restart of the sink, which makes a new one and says so a moment after it answers."""
    for _ in range(20):
        local = running(directory)
        if local and _is_at(local, url) and local.key != old:
            return local.key
        time.sleep(0.05)
    return None


def running(directory: Path) -> Running | None:
    """What the sink of a data directory says about itself; None when none runs, or another user's.

    Raises:
        NotTrusted: nobody named the directory, and another user may have written this.
    """
    file = directory / "running.json"
    try:
        content = file.read_bytes() if directory.is_absolute() else read_found(file, naming=f"--data {directory}")
        return msgspec.json.decode(content, type=Running)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
