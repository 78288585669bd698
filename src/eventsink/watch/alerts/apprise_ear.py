"""What Apprise and its libraries say while they send: it is the only reason they give, and it has addresses in it.

So nothing of it reaches the logs of the process. What is said on a thread that listens is kept for that thread.
"""

import contextlib
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from eventsink.causes import why_unreachable
from eventsink.watch.alerts.address_parts import AddressParts

__all__ = ["Ear", "Said", "reason"]

_OWN = "apprise"  # all of it logs under this name; nobody else here uses it
_SHARED = ("requests", "urllib3.connection", "urllib3.connectionpool", "urllib3.poolmanager", "urllib3.util.retry")
_SILENT = ("slixmpp", "paho", "gntp")  # they have threads of their own
MOST = 200  # things said that are kept
_EXCEPTION = re.compile(r"[Ee]xception")
_SMTP = re.compile(r"\(([45]\d\d), b(['\"])(.*?)\2\)")


class Said(NamedTuple):
    """One thing that was said."""

    level: int
    words: str


class Ear(logging.Filter):
    """Hears what is said, and lets pass what is of others. A filter: a logger asks it before any handler."""

    def __init__(self) -> None:
        super().__init__()
        self._heard: dict[int, list[Said]] = {}

    @classmethod
    def of_process(cls) -> "Ear":
        """The one that listens in this process; it begins to."""
        own = logging.getLogger(_OWN)
        found = next((each for each in own.filters if isinstance(each, cls)), None) or cls()
        for name in (_OWN, *_SHARED):
            logging.getLogger(name).addFilter(found)  # once, however often
        for name in _SILENT:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        own.setLevel(logging.DEBUG)  # why a connection failed is said as a detail
        return found

    @contextlib.contextmanager
    def listening(self) -> Iterator[Sequence[Said]]:
        """What is said on this thread while in the context."""
        heard: list[Said] = []
        self._heard[threading.get_ident()] = heard
        try:
            yield heard
        finally:
            self._heard.pop(threading.get_ident(), None)

    def filter(self, record: logging.LogRecord) -> bool:
        """Hear something, and say whether others may hear it, too."""
        heard = self._heard.get(threading.get_ident())
        if heard is not None and len(heard) < MOST:
            with contextlib.suppress(Exception):  # words that do not fit to their places
                heard.append(Said(record.levelno, record.getMessage()))
        return heard is None and record.name != _OWN


def reason(said: Sequence[Said], parts: AddressParts) -> str:
    """Why it did not work, in a sentence with nothing of the address."""
    loud = [parts.hide(each.words) for each in said if each.level >= logging.WARNING]
    warnings = list(dict.fromkeys(words.replace(".,", ",").rstrip(".,") for words in loud))
    causes = [_cause(each.words) for each in said if each.level < logging.WARNING and _EXCEPTION.search(each.words)]
    known = [parts.hide(cause) for cause in causes if cause]
    return ": ".join([*warnings[-2:], *known[-1:]]) or "Apprise gives no reason"


def _cause(words: str) -> str:
    answer = _SMTP.search(words)
    return f"the server answers {answer[1]} {answer[3]}" if answer else why_unreachable(Exception(words)) or ""
