"""What may be wrong with the sink itself, each an alert of its own that needs no settings."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from eventsink.exchange.contract import Account
from eventsink.settings import Alerts
from eventsink.watch.alerts.alert import Facts
from eventsink.watch.alerts.notice import Severity
from eventsink.worker_state import pause_of

__all__ = ["Condition", "Look", "conditions"]

SOON = 30.0  # seconds for which what mends itself may last


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The sink as it was seen at one moment.

    Args:
        accounts: of the workers that are in the settings.
        states: what each is doing.
        spooled: events in all spools that are known.
        away: whether the exchange takes nothing now.
        unready: why a POST would be refused; empty where it would not be.
        free_percent: of the disk of the data directory.
        uptime: why uptime is not up to date; empty where it is.
        behind: seconds that the store is behind: what is not heard may only not have come.
    """

    accounts: Mapping[str, Account] = {}
    states: Mapping[str, str] = {}
    spooled: int = 0
    away: bool = False
    unready: str = ""
    free_percent: float = 100.0
    free_bytes: int = 0
    uptime: str = ""
    behind: float = 0.0


class Condition(NamedTuple):
    """One thing that may be wrong.

    Args:
        alert: its name.
        holds: whether it is.
        lasts: seconds in which it must be, before it fires.
        facts: what is to be said of it; when it began is known to who looks.
    """

    alert: str
    holds: bool
    lasts: float
    facts: Facts


def conditions(look: Look, alerts: Alerts) -> list[Condition]:
    """All of them."""
    free = f"{look.free_bytes / 1e9:,.1f}"
    found = [
        _condition(
            "sink/refuses",
            holds=bool(look.unready),
            lasts=SOON,
            title="Events are refused",
            message=look.unready,
            severity="critical",
        ),
        _condition(
            "sink/spool",
            holds=look.spooled > 0,
            lasts=alerts.spool,
            title="The spool does not empty",
            message=f"{look.spooled:,} events wait in a spool: the exchange is away, or a queue takes nothing.",
        ),
        _condition(
            "sink/disk",
            holds=look.free_percent < alerts.free_percent,
            lasts=0.0,
            title="The disk is nearly full",
            message=f"{look.free_percent:.1f} % of the disk of the data directory are free, {free} GB.",
        ),
        _condition(
            "sink/uptime", holds=bool(look.uptime), lasts=SOON, title="Uptime is not computed", message=look.uptime
        ),
    ]
    for name, account in look.accounts.items():
        found += _of_worker(name, account, look.states.get(name, ""), alerts)
    return found


def _of_worker(name: str, account: Account, state: str, alerts: Alerts) -> Iterator[Condition]:
    dead = account.dead - account.dropped
    yield _condition(
        f"sink/dead/{name}",
        holds=dead > 0,
        lasts=0.0,
        title=f"Dead letters of {name}",
        message=f"{name} could not deliver {dead:,}: `eventsink dead list --worker {name}` shows them.",
    )
    gone = f"{account.missing:,} events that were accepted are" if account.missing else "Accepted events may be"
    yield _condition(
        f"sink/missing/{name}",
        holds=account.missing_since is not None,
        lasts=SOON,
        title=f"Events missing of {name}",
        message=f"{gone} nowhere: `eventsink status` says what to do.",
        severity="critical",
    )
    pause = pause_of(state)
    yield _condition(
        f"sink/paused/{name}",
        holds=bool(pause),
        lasts=alerts.paused,
        title=f"{name} delivers nothing",
        message=f"{name} is {pause}",
    )
    minutes = account.lag_seconds / 60
    yield _condition(
        f"sink/lag/{name}",
        holds=account.waiting > 0 and account.lag_seconds > alerts.lag and not pause,
        lasts=0.0,
        title=f"{name} is behind",
        message=f"{account.waiting:,} events wait for {name}, the oldest for {minutes:,.0f} minutes.",
    )


def _condition(  # noqa: PLR0913 - a row of a table
    alert: str, *, holds: bool, lasts: float, title: str, message: str, severity: Severity = "warning"
) -> Condition:
    return Condition(alert, holds, lasts, Facts(title=title, severity=severity, message=message if holds else ""))
