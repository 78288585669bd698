"""The sink that runs: does it answer, is it ready, is any worker in trouble, can it answer questions."""

import contextlib
import socket
from collections.abc import Iterator

from eventsink.cli.canary import examine_canary
from eventsink.cli.doctoring.files import holder
from eventsink.cli.doctoring.versions import other_processes
from eventsink.cli.finding import Finding
from eventsink.cli.status import concerns, status_of
from eventsink.client.sink import Sink
from eventsink.errors import EventSinkError
from eventsink.mistakes import is_address
from eventsink.settings import Settings

__all__ = ["running"]


def running(settings: Settings, sink: Sink, *, named: bool) -> Iterator[Finding]:
    """What a sink says of itself.

    Args:
        named: whether the sink was named, and need not be that of the settings.
    """
    try:
        yield from _running(settings, sink, named=named)
    except (LookupError, TypeError, ValueError, AttributeError):  # JSON, and none of ours
        remedy = f"See what answers there, or name another with {sink.named_by[0]}."
        yield Finding("status", False, f"what answers at {sink.where} is no event sink that this command knows", remedy)


def _running(settings: Settings, sink: Sink, *, named: bool) -> Iterator[Finding]:
    try:
        sink.get("/healthz")
        yield Finding("running sink", True, sink.where)
        sink.get("/readyz")
        yield Finding("ready for events", True, "yes")
    except EventSinkError as error:
        if not named and is_address(settings.monitor.url):
            yield Finding("running sink", True, "none is needed here: a monitor sends to monitor.url")
            return
        start = "`eventsink serve`" if settings.exchange.on_rabbitmq else "`eventsink up`"
        found = str(error).replace("`eventsink up`", start)
        yield Finding("running sink", False, found, f"Start one with {start}, or look at its log.")
        if not named:
            yield from _in_its_place(settings)
        return
    try:
        status = status_of(sink)
    except EventSinkError as error:
        remedy = "Give a key with the scope read: `eventsink keys create --scope read` makes one."
        yield Finding("status", False, str(error), remedy)
        return
    yield from other_processes(status)
    needs = concerns(status)
    for need in needs:
        yield Finding("status", False, need, "See `eventsink status`.")
    if not needs:
        yield Finding("status", True, "no worker is paused, late or has dead letters")
    if status.get("store"):
        yield _answers(sink)
    yield from examine_canary(sink, status)


def _answers(sink: Sink) -> Finding:
    """Whether questions can be answered: one that no event meets goes through every file of the store."""
    try:
        sink.get("/v1/events", type="eventsink.doctor", limit=1)
    except EventSinkError as error:
        return Finding("questions", False, str(error), "The remedy stands in the sentence; the log has more.")
    return Finding("questions", True, "the store answers, from all its files")


def _in_its_place(settings: Settings) -> Iterator[Finding]:
    """What would keep a sink from starting here."""
    if (process := holder(settings)) is not None:
        found = f"process {process} has {settings.directory}, and no sink answers there"
        remedy = "Wait if it is starting or ending; else end it, or give another --data."
        yield Finding("data directory in use", False, found, remedy)
    collect = settings.collect
    try:
        addresses = socket.getaddrinfo(collect.host, collect.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        remedy = "Give an address of this machine, or 127.0.0.1."
        yield Finding("collect.host", False, "there is no host of this name", remedy)
        return
    family, _, _, _, address = addresses[0]
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            found = f"a sink cannot listen on {collect.host}:{collect.port}: {error.strerror}"
            remedy = "End what uses it (`ss -ltnp` names it), or give another collect.host or collect.port."
            yield Finding("collect.port", False, found, remedy)
