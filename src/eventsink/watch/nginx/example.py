"""A line that does not fit the format, so that a person sees what it is like and nobody sees who it is about.

Where addresses and names stand in such a line is not known. So all letters and digits are hidden but for words that
every log has: what is left is the shape of the line, by which its format can be told.
"""

import re

from eventsink.redact import hide_secrets, visible

__all__ = ["shape"]

LONGEST = 160
_RUN = re.compile(r"[^\W_]+")
_WORDS = """
    GET HEAD POST PUT PATCH DELETE OPTIONS HTTP http https error warn notice info debug crit alert emerg Mozilla
    Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec remote addr user time local iso8601 msec request method uri status
    body bytes sent referer agent upstream response connection requests host server protocol forwarded for level message
    null true false
"""
_KNOWN = frozenset(_WORDS.split())


def shape(line: bytes) -> str:
    """A line with `x` for its letters and `9` for its digits; it is cut, and commands no terminal."""
    seen = visible(line[: 2 * LONGEST].decode("utf-8", "replace"))
    return hide_secrets(_RUN.sub(_hidden, seen)[:LONGEST]) + ("…" if len(seen) > LONGEST else "")


def _hidden(found: re.Match[str]) -> str:
    word = found[0]
    return word if word in _KNOWN else "".join("9" if letter.isdigit() else "x" for letter in word)
