"""One run of a check, as the monitor makes it."""

from typing import Any

import msgspec

from eventsink.catalogue import CATALOGUE, validate
from eventsink.watch.check import Check, Down, Measurement
from eventsink.watch.loading import load

__all__ = ["down", "make", "up"]


def make(kind: str, *, timeout: float = 20.0, **options: Any) -> Check:
    """A check from its section; it has plenty of time, but where a test is about one that has not."""
    return load("tried", {"kind": kind, "timeout": timeout, **options}).check


async def up(kind: str, **options: Any) -> Measurement:
    """Run a check that must find all well."""
    check = make(kind, **options)
    found = await check.measure()
    assert isinstance(found, Measurement)
    fits(check, found.numbers, found.message)
    return found


async def down(kind: str, **options: Any) -> Down:
    """Run a check that must find something not well."""
    check = make(kind, **options)
    try:
        found = await check.measure()
    except Down as error:
        fits(check, error.numbers, error.message, error.reason)
        return error
    raise AssertionError(f"It found all well: {found}")


def fits(check: Check, numbers: Any, message: str, reason: str = "") -> None:
    """What a check says can be an event, and reads as a sentence for a person."""
    entry = CATALOGUE[check.event]
    data = {"target": check.target, "up": not reason, **numbers} | ({"reason": reason} if reason else {})
    unknown = validate(entry, msgspec.json.decode(msgspec.json.encode({**data, "message": message})))
    assert all(name.rpartition("_")[2] in ("ms", "s", "bytes", "percent", "days") for name in unknown), unknown
    assert message.endswith(".") or not message
    assert not reason or message.startswith(f"{check.target}: ")
    assert "  " not in message and not message.endswith("..")
