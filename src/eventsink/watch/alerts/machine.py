"""The states of an alert, and what leads from one to the next. Nothing here knows the time or the world.

    ok ──suspect──▶ pending ──bad, and for so long──▶ firing ──not suspect──▶ recovering ──not bad──▶ ok
                    pending ──not suspect──▶ ok      firing ◀──suspect── recovering

Both ways have a threshold: it takes some failures in a row until a thing is bad, and some successes until it is not.
"""

from typing import Literal, NamedTuple

import msgspec

__all__ = ["Phase", "Signal", "State", "step"]

Phase = Literal["ok", "pending", "firing", "recovering"]


class Signal(NamedTuple):
    """What is known at a moment.

    Args:
        suspect: whether the last that was seen of it was not well.
        bad: whether it has been so often enough, and not well again often enough since.
    """

    suspect: bool
    bad: bool


class State(msgspec.Struct, frozen=True):
    """Where an alert is.

    Args:
        phase: see above.
        since: seconds since 1970, when that began.
        begun: when it was first suspected; it is kept until all is well.
    """

    phase: Phase = "ok"
    since: float = 0.0
    begun: float = 0.0


def step(state: State, signal: Signal | None, now: float, hold: float = 0.0) -> State:
    """The state after a look.

    Args:
        signal: what is known; None: nothing is, and what was stays.
        now: seconds since 1970.
        hold: seconds in which it must be suspected before it fires.
    """
    if signal is None:
        return state
    following = _next(state, signal, now, hold)
    if following is None:
        return state
    begun = now if following == "pending" else state.begun
    return step(State(following, now, begun), signal, now, hold)


def _next(state: State, signal: Signal, now: float, hold: float) -> Phase | None:
    """The phase that follows; None where none does. There is no way around a circle within one look."""
    match state.phase:
        case "ok" if signal.suspect or signal.bad:
            return "pending"
        case "pending" | "recovering" if not (signal.suspect or signal.bad):
            return "ok"
        case "pending" if signal.suspect and signal.bad and now - state.begun >= hold:
            return "firing"
        case "firing" if not signal.suspect:
            return "recovering"
        case "recovering" if signal.suspect:
            return "firing"
    return None
