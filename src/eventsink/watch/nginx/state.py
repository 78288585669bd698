"""How far a log is counted: a small file, which is replaced as a whole. Of the lines themselves nothing is in it."""

import os
from pathlib import Path

import msgspec

from eventsink.causes import why
from eventsink.errors import EventSinkError
from eventsink.files import sync_names
from eventsink.watch.nginx.place import Place

__all__ = ["State", "Step", "load", "save"]


class Step(msgspec.Struct, frozen=True):
    """What was read, and which intervals were closed after it.

    Args:
        first: where the lines of the intervals begin that were open after it; `clock` is the time of the line before.
        read: where reading ended.
        closed: intervals that begin before this time were closed, seconds since 1970.
        silent: one of these had no lines and was told of all the same; 0 if none was.
    """

    first: Place
    clock: float
    read: Place
    closed: int
    silent: int = 0


class State(msgspec.Struct, frozen=True):
    """How far a log is counted.

    Args:
        every: length of the intervals, seconds.
        begin: earlier lines are not counted at all, seconds since 1970.
        kept: what was told and is kept by whoever was told.
        told: what came after that, and may have to be told again: the same way.
        written: when this was, seconds since 1970.
    """

    every: int
    begin: float
    kept: Step
    told: tuple[Step, ...] = ()
    written: float = 0.0


def load(path: Path) -> State | None:
    """What was saved; None if nothing was.

    Raises:
        EventSinkError: it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EventSinkError(f"{path} cannot be read: {why(error)}.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise EventSinkError(f"{path} is damaged: remove it, and counting begins at the end of the log.") from None


def save(path: Path, state: State) -> None:
    """Replace what was saved; after this it outlives a power cut.

    Raises:
        EventSinkError: it cannot be written.
    """
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as file:
            file.write(msgspec.json.encode(state))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_names(path.parent)
    except OSError as error:
        raise EventSinkError(f"{path} cannot be written: {why(error)}. Nothing more is counted until it can.") from None
