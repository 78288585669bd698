"""Which events may be sent at all. The others are passed over, each with a reason that is counted."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eventsink.deliver.analytics.harmless import is_harmless
from eventsink.deliver.analytics.mapping import MAPPING
from eventsink.deliver.analytics.opt_out import OptOut
from eventsink.event import Event

__all__ = ["Choice"]

OPTED_OUT = "somebody who opted out"
NO_CONSENT = "without consent"
ROBOT = "a robot"
NAME = "a type whose name could hold anything"
_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,39}(?:\.[a-z0-9_-]{1,40}){1,3}")
_NO = frozenset({"denied", "deny", "no", "none", "false", "0", "refused", "withdrawn", "opted_out", "optout"})
_SIGNALS = ("gpc", "dnt", "sec_gpc", "do_not_track")


class Choice:
    """Chooses them.

    Args:
        opt_out: people of whom nothing is sent. Asked for each batch: somebody may decide so after an event came in.
        robots: whether what robots do is sent.
    """

    def __init__(self, opt_out: OptOut, *, robots: bool) -> None:
        self._opt_out = opt_out
        self._robots = robots

    def sent(self, events: Sequence[Event], skipped: list[tuple[Event, str]]) -> list[Event]:
        """Those that may be sent; the others are added to those that are passed over, with the reason.

        Raises:
            TryLater: nobody knows who has opted out.
        """
        people = self._opt_out.people()
        sent = []
        for event in events:
            reason = self._why_not(event, people)
            if reason:
                skipped.append((event, reason))
            else:
                sent.append(event)
        return sent

    def _why_not(self, event: Event, people: frozenset[str]) -> str:
        if event.user is not None and event.user in people:
            return OPTED_OUT
        if _denied(event.data) or _denied(event.extensions):
            return NO_CONSENT
        if not self._robots and (event.data.get("robot") is True or event.data.get("device") == "robot"):
            return ROBOT
        if event.type not in MAPPING and not (_TYPE.fullmatch(event.type) and is_harmless(event.type)):
            return NAME
        return ""


def _denied(values: Mapping[str, Any]) -> bool:
    """Whether somebody has said no, in one of the ways in which web sites note that."""
    consent = values.get("consent")
    if isinstance(consent, Mapping):
        said = [value for name, value in consent.items() if "analytics" in str(name).lower()]
    else:
        said = [consent]
    return any(_is_no(value) for value in said) or any(_is_yes(values.get(name)) for name in _SIGNALS)


def _is_no(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() in _NO)


def _is_yes(value: object) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.strip().lower() in {"1", "true", "yes"})
