"""Which events may be sent at all. The others are passed over, each with a reason that is counted."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eventsink.deliver.analytics.harmless import is_harmless
from eventsink.deliver.analytics.mapping import MAPPING
from eventsink.deliver.analytics.opt_out import same
from eventsink.event import Event

__all__ = ["Choice"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPTED_OUT = "somebody who opted out"
NO_CONSENT = "without consent"
ROBOT = "a robot"
NAME = "a type whose name could hold anything"
_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,39}(?:\.[a-z0-9_-]{1,40}){1,3}")
_CONSENT = frozenset({"consent", "analyticsstorage", "analyticsconsent", "consentanalytics", "userconsent"})
_YES = _words("yes y true 1 on granted grant given allowed allow accepted accept agreed optedin optin")
_NO = _words("""
    no n none never false 0 off denied deny refused refuse rejected reject declined decline disallowed disallow
    withdrawn withheld revoked optedout optout
    """)
_SIGNALS = frozenset({"gpc", "secgpc", "globalprivacycontrol", "dnt", "donottrack"})
_UNSET = frozenset({"", "0", "false", "no", "off", "null", "none", "unset", "unspecified"})


class Choice:
    """Chooses them.

    Args:
        robots: whether what robots do is sent.
    """

    def __init__(self, *, robots: bool) -> None:
        self._robots = robots

    def sent(self, events: Sequence[Event], people: frozenset[str], skipped: list[tuple[Event, str]]) -> list[Event]:
        """Those that may be sent; the others are added to those that are passed over, with the reason.

        Args:
            people: who opted out, each as `same` has it. Asked for each batch: somebody may decide so after an event
                came in.
        """
        sent = []
        for event in events:
            reason = self._why_not(event, people)
            if reason:
                skipped.append((event, reason))
            else:
                sent.append(event)
        return sent

    def _why_not(self, event: Event, people: frozenset[str]) -> str:
        if people and event.user is not None and same(event.user) in people:
            return OPTED_OUT
        if _denied(event.data) or _denied(event.extensions):
            return NO_CONSENT
        if not self._robots and (event.data.get("robot") is True or event.data.get("device") == "robot"):
            return ROBOT
        if event.type not in MAPPING and not (_TYPE.fullmatch(event.type) and is_harmless(event.type)):
            return NAME
        return ""


def _denied(values: Mapping[str, Any]) -> bool:
    """Whether somebody has said no, or has been asked and has not clearly said yes."""
    for name, value in values.items():
        spelled = _spelled(name)
        if spelled in _CONSENT and not _consents(value):
            return True
        if spelled in _SIGNALS and not _is_no_signal(value):
            return True
    return False


@functools.lru_cache(maxsize=4096)
def _spelled(name: str) -> str:
    """The name of a field as all write it: extension attributes have neither `_` nor capitals."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _consents(value: Any) -> bool:
    """Whether a clear yes is in it, and no clear no."""
    said = [_meaning(each) for each in _leaves(value)]
    return True in said and False not in said


def _leaves(value: Any) -> Iterator[Any]:
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, Mapping):
            left += each.values()
        elif isinstance(each, list):
            left += each
        else:
            yield each


def _meaning(value: Any) -> bool | None:
    """Yes or no; None of what is not clear."""
    if isinstance(value, bool | int | float):
        return bool(value) if value in (0, 1) else None
    word = _spelled(value) if isinstance(value, str) else ""
    return True if word in _YES else False if word in _NO else None


def _is_no_signal(value: Any) -> bool:
    return value is None or value in (0, False) or (isinstance(value, str) and value.strip().lower() in _UNSET)
