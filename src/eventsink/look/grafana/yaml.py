"""Plain values as YAML in the block style, which people can read and change; each text between double quotes.

Only what a file of ours holds: dictionaries, lists, texts, numbers and flags. Text is written as JSON writes it, which
YAML reads.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["to_yaml"]

# What JSON writes as it is, and YAML reads as a line break, or refuses.
_UNSEEN = re.compile("[\\x7f-\\x9f\\u2028\\u2029\\ufeff\\ufffe\\uffff]")


def to_yaml(value: dict[str, Any], about: str) -> str:
    """A document with a comment above it."""
    return "".join(f"# {line}\n" for line in about.splitlines()) + "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _entry(f"{indent}{name}:", inner, indent + "  ")
    elif isinstance(value, list) and value:
        for inner in value:
            first, *rest = _lines(inner, indent + "  ")
            yield f"{indent}- {first.lstrip()}"
            yield from rest
    else:
        yield indent + _scalar(value)


def _entry(name: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield name
        yield from _lines(value, indent)
    else:
        yield f"{name} {_scalar(value)}"


def _scalar(value: Any) -> str:
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
