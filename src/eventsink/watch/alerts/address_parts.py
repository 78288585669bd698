"""What of others' words is no part of an address: the reasons of failures are kept and shown, the address is not."""

import base64
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote, unquote_plus

from eventsink.redact import hide_secrets, visible

__all__ = ["AddressParts"]

MARK = "…"
LONGEST = 300  # characters of a reason
READ = 2000  # characters of others' words that are looked at
# Of the names and values of Apprise's own parameters: words that are in every sentence, and no secrets.
_PLAIN = frozenset(
    {"to", "from", "mode", "name", "format", "user", "cc", "bcc", "smtp", "method", "verify", "overflow", "rto", "cto"}
    | {"insecure", "yes", "no", "text"}
)
_BETWEEN = re.compile(r"[/?&=:@#,;+\s]+")
_MASKED = re.compile(r"\w?\.\.\.\w?|\*{3,}")  # as Apprise shortens secrets: it leaves their first and last letter
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
_MAILBOX = re.compile(r"\S+@\S+")
_HIDDEN = re.compile(rf"{MARK}(?:[\s/:@.,=&?-]*{MARK})+")


class AddressParts:
    """Hides all parts of one address, but its scheme, in what others say.

    Args:
        address: of a channel.
    """

    def __init__(self, address: str) -> None:
        self._parts = _pattern(_forms(address.strip().partition("://")[2] or address.strip()))

    def __repr__(self) -> str:
        return "<AddressParts>"

    def hide(self, words: str) -> str:
        """Others' words on one line, short, with no part of the address and no secret."""
        text = " ".join(words[:READ].split())
        for pattern in (_ADDRESS, _MAILBOX, self._parts, _MASKED):
            text = pattern.sub(MARK, text)
        text = _HIDDEN.sub(MARK, visible(hide_secrets(text)))
        return text if len(text) <= LONGEST else text[:LONGEST] + MARK


def _forms(rest: str) -> Iterator[str]:
    """The address after its scheme as a whole, and in parts, each as it stands there and as it is meant."""
    decoded = {rest, unquote(rest), unquote_plus(rest)}
    pieces = {piece for text in decoded for piece in _BETWEEN.split(text)}
    for text in decoded:
        user = text.rpartition("@")[0]
        if ":" in user:  # as it is sent
            packed = base64.b64encode(user.encode()).decode()
            yield from (packed, packed.rstrip("="), packed.translate({43: "-", 47: "_"}))
    for piece in decoded | pieces | {unquote(piece) for piece in pieces}:
        yield piece
        yield quote(piece, safe="")


def _pattern(forms: Iterable[str]) -> re.Pattern[str]:
    """Any of some texts, the longest first; short ones only where they stand alone, for they are a part of any word."""
    found = sorted({form for form in forms if form and form.lower() not in _PLAIN}, key=len, reverse=True)
    each = [re.escape(form) if len(form) > 3 else rf"(?<!\w){re.escape(form)}(?!\w)" for form in found]
    return re.compile("|".join(each) or r"(?!)", re.IGNORECASE)
