"""How the page says things: percentages, lengths, times, states, and texts of others made fit for it."""

import functools
import itertools
import math
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from html import escape
from types import MappingProxyType

from eventsink.redact import visible

__all__ = ["REASONS", "STATES", "day", "line", "lines", "listed", "moment", "percent", "span", "stamp"]

STATES: Mapping[str, str] = MappingProxyType(
    {"up": "up", "down": "down", "maintenance": "in maintenance", "unknown": "unknown"}
)
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "certificate": "its certificate is not valid",
        "content": "it answers something else",
        "limit": "a limit is passed",
        "loss": "packets are lost",
        "name": "its name is not found",
        "protocol": "it answers something else",
        "redirects": "it leads round in circles",
        "refused": "nothing answers",
        "reset": "it hangs up",
        "silent": "nothing is heard of it",
        "status": "it answers with an error",
        "timeout": "it does not answer in time",
        "tls": "it cannot be spoken to securely",
        "truncated": "its answer is cut off",
        "unreachable": "it cannot be reached",
    }
)
LONGEST = 120  # characters of a name on the page
MOST_LINES = 200

_LENGTHS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_TURNS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # what is written after


def percent(value: float | None) -> str:
    """A percentage, never rounded up to 100: what was down for a second in a year was down."""
    if value is None:
        return "–"  # noqa: RUF001 - it is meant
    if value >= 100:
        return "100 %"
    hundredths = min(math.floor(round(value * 100, 6)), 9999)
    return f"{hundredths / 100:.2f} %"


def span(seconds: float) -> str:
    """A length in its two largest units: 42 s, 12 min 5 s, 3 h 10 min, 2 d 4 h."""
    for (unit, length), (less, short) in itertools.pairwise(_LENGTHS):
        if seconds >= length:
            rest = int(seconds % length // short)
            return f"{int(seconds // length)} {unit}" + (f" {rest} {less}" if rest else "")
    return f"{math.ceil(seconds)} s"


@functools.lru_cache(maxsize=512)  # the days of one check are those of all others
def day(time: date | datetime) -> str:
    """29 November 2026."""
    return f"{time.day} {time:%B %Y}"


def moment(time: datetime, near: datetime | None = None) -> str:
    """29 November 2026, 13:05 UTC; on the day of another time the clock alone."""
    time = time.astimezone(UTC)
    if near is not None and near.astimezone(UTC).date() == time.date():
        return f"{time:%H:%M} UTC"
    return f"{day(time)}, {time:%H:%M} UTC"


def stamp(time: datetime) -> str:
    """For programs: 2026-11-29T13:05:00Z."""
    return f"{time.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def line(text: str, longest: int = LONGEST) -> str:
    """A text of others on one line, cut to a length, fit to stand in HTML and XML and in their attributes."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return escape(visible(short))


def lines(text: str) -> list[str]:
    """A text of others line by line, fit for HTML and XML. What joins letters stays, what turns them round does not."""
    found = ["".join(_shown(letter) for letter in one).rstrip() for one in text.strip().splitlines()[:MOST_LINES]]
    return [escape(one) for one in found]


def listed(names: Sequence[str]) -> str:
    """Texts that are fit already, as people list them: a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _shown(letter: str) -> str:
    kind = unicodedata.category(letter)
    if letter in _TURNS or kind in {"Cs", "Cn", "Co"}:
        return "�"
    return " " if kind == "Cc" else letter
