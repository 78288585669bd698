"""The badge of a check as SVG: its name, its state in a word, and its uptime of 30 days."""

import hashlib
import re
import unicodedata

from eventsink.look.status.contract import MARK
from eventsink.look.status.words import STATES, line, percent
from eventsink.store.uptime import CheckView

__all__ = ["badge", "file_name"]

COLOURS = {"up": "#1a7a4b", "down": "#b0281f", "maintenance": "#0d5f8f", "unknown": "#5b6672"}
LONGEST = 40  # characters of a name
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def file_name(check: str) -> str:
    """The name of a check as that of its badge, without an ending: safe in addresses and on every disk.

    What had to be changed for that has a hash behind it, so that no two checks share a badge.
    """
    safe = _UNSAFE.sub("_", check)[:80]
    if safe == check and safe[:1] not in {"", ".", "-"}:
        return safe
    return f"{safe.lstrip('.-') or 'check'}-{hashlib.sha256(check.encode('utf-8', 'replace')).hexdigest()[:8]}"


def badge(check: CheckView, *, known: bool = True) -> str:
    """The SVG.

    Args:
        known: False where it is not known how things are now.
    """
    state = check.state if known else "unknown"
    share = check.uptime.get("30d")
    word = STATES[state] + (f" · {percent(share)} in 30 d" if share is not None else "")
    short = check.name if len(check.name) <= LONGEST else check.name[: LONGEST - 1] + "…"
    left, right = _width(short) + 14, _width(word) + 14
    name = line(short)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" data-made-by="{MARK}" width="{left + right}" height="20" role="img"'
        f' aria-label="{name}: {word}"><title>{name}: {word}</title>'
        f'<rect width="{left + right}" height="20" rx="4" fill="{COLOURS[state]}"/>'
        f'<path d="M4 0H{left}V20H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z" fill="#3a434d"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">'
        f'<text x="7" y="14" textLength="{left - 14}" lengthAdjust="spacingAndGlyphs">{name}</text>'
        f'<text x="{left + 7}" y="14" textLength="{right - 14}" lengthAdjust="spacingAndGlyphs">{word}</text>'
        "</g></svg>\n"
    )


def _width(text: str) -> int:
    """About how wide a text is in that font, pixels; the letters are fitted into it."""
    return round(sum(12.0 if unicodedata.east_asian_width(letter) in "WF" else _letter(letter) for letter in text)) or 7


def _letter(letter: str) -> float:
    if letter in "iljtfr.,:;'|!()[] ·I":
        return 4.4
    return 10.0 if letter in "mwMW%@…" else 8.0 if letter.isupper() else 7.0
