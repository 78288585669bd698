"""Whether an event arrives: `eventsink doctor` posts one, and waits until each worker that asks for it has it."""

import contextlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from rich.console import Console

from eventsink.catalogue import matches
from eventsink.cli.finding import Finding
from eventsink.cli.screen import count, errors, plain
from eventsink.client.sink import Refusal, Sink
from eventsink.errors import EventSinkError
from eventsink.event import new_ids
from eventsink.exchange.canary import CANARY
from eventsink.worker_state import is_missing, pause_of

__all__ = ["examine_canary"]

PATIENCE = 20.0  # seconds
STUCK = 3.0  # seconds, where all that it did not come to say themselves that they take nothing, or nobody hears of them
LOOK_EVERY = 0.25  # seconds, as often as workers elsewhere tell it


def examine_canary(sink: Sink, status: Mapping[str, Any], patience: float = PATIENCE) -> Iterator[Finding]:
    """Post an event, and say of each worker that asks for it how long it took.

    Args:
        status: the answer of `/v1/status`.
        patience: seconds to wait for it at most.
    """
    asked = [name for name, account in status["workers"].items() if _asks(account)]
    canary = new_ids(1, datetime.now(UTC))[0]
    try:
        sink.post("/v1/events", [{"type": CANARY, "id": canary, "source": "doctor", "data": {"by": "doctor"}}])
    except EventSinkError as error:
        yield _not_posted(error)
        return
    before = {(name, last["id"]) for name in asked if (last := status["workers"][name].get("canary"))}
    delays, waited, last = _wait(sink, canary, asked, patience, before)
    workers = last.get("workers", {})
    if asked and not delays and last.get("exchange") == "away":  # then nobody hears of workers elsewhere, either
        remedy = "It waits in the spool: the exchange is away, or still gets what came before. See `eventsink status`."
        yield Finding("canary", False, f"not delivered within {waited:.0f} s", remedy)
        return
    for name in asked:
        yield _finding(name, workers.get(name) or status["workers"][name], delays.get(name), waited)


def _asks(account: Mapping[str, Any]) -> bool:
    """Whether a worker is given canaries. One that is in no settings gets them, too, and nobody takes them."""
    return bool(account.get("configured", True)) and matches(CANARY, account.get("types", ()))


def _are_stuck(names: Iterable[str], status: Mapping[str, Any]) -> bool:
    """Whether workers take nothing now, by their own word. One that no process runs says none: it may be starting."""
    if status.get("exchange") == "away":  # then nobody hears of them
        return True
    workers = status.get("workers", {})
    return all(pause_of(workers.get(name, {}).get("state", "")) for name in names)


def _not_posted(error: EventSinkError) -> Finding:
    if isinstance(error, Refusal) and error.status in {401, 403}:
        how = "with a key that may send, too: `eventsink keys create --scope ingest --scope read` makes one"
        return Finding("canary", True, f"not tried; doctor sends an event and sees it arrive {how}")
    return Finding("canary", False, str(error), "The remedy stands in the sentence; the log of the sink has more.")


def _wait(
    sink: Sink, canary: str, asked: Sequence[str], patience: float, before: Collection[tuple[str, str]]
) -> tuple[dict[str, float], float, dict[str, Any]]:
    """How long the canary took to each worker that has it, in seconds; how long it was waited for; the last status.

    Args:
        before: the last of each worker when ours was posted: an id that its sender chose may look later than ours.
    """
    begun, elapsed = time.monotonic(), 0.0
    delays: dict[str, float] = {}
    status: dict[str, Any] = {}
    with _Progress(errors(), len(asked)) as progress:
        while len(delays) < len(asked):
            with contextlib.suppress(EventSinkError):  # for a moment; what has not arrived in the end is said
                status = sink.get("/v1/status")
            workers, elapsed = status.get("workers", {}), time.monotonic() - begun
            for name in asked:
                last = workers.get(name, {}).get("canary")
                # One that was sent after ours may have come so soon that ours was not seen; ids are in order of time.
                if name not in delays and last and last["id"] >= canary and (name, last["id"]) not in before:
                    delays[name] = min(last["delay_seconds"], elapsed)  # clocks may differ
            progress.show(len(delays))
            stuck = _are_stuck([name for name in asked if name not in delays], status)
            if elapsed > (min(STUCK, patience) if stuck else patience):
                break
            time.sleep(LOOK_EVERY if len(delays) < len(asked) else 0)
    return delays, elapsed, status


def _finding(name: str, account: Mapping[str, Any], delay: float | None, waited: float) -> Finding:
    check = f"canary to {plain(name)}"
    if delay is not None:
        return Finding(check, True, f"delivered after {delay:.2f} s")
    state = plain(account.get("state", ""))
    if is_missing(state):
        remedy = f"No process runs it: start `eventsink worker {name}`, or forget it if it is needed no more."
    elif pause := pause_of(state):
        remedy = f"It is {pause} The event arrives when that is mended."
    elif account.get("waiting"):
        remedy = (
            f"{count(account['waiting'])} events waited before it: see with `eventsink status` whether they get fewer."
        )
    else:
        remedy = "See `eventsink status`, `eventsink dead list` and the log of that worker."
    return Finding(check, False, f"not delivered within {waited:.0f} s", remedy)


class _Progress:
    """A line at a terminal that says who is waited for."""

    def __init__(self, screen: Console, workers: int) -> None:
        self._status = screen.status("") if screen.is_terminal else None
        self._workers = workers

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
            self.show(0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def show(self, arrived: int) -> None:
        """So many workers have it."""
        if self._status:
            self._status.update(f"Waiting for a canary: {arrived} of {self._workers} workers have it.")
