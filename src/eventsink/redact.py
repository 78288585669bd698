"""Keys, tokens and passwords in texts that others wrote, hidden before the texts are kept, logged or sent on."""

import re

__all__ = ["hide_secrets"]

_SECRETS = re.compile(
    r"(?i)((?:key|token|secret|password|authorization)[\"']?\s*[=:]\s*[\"']?(?:(?:basic|bearer|token)\s+)?)[^\s\"'&,;}]+"
)
_CREDENTIALS = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def hide_secrets(text: str) -> str:
    """The text without the values of keys, tokens and passwords."""
    return _CREDENTIALS.sub(r"\1…@", _SECRETS.sub(r"\1…", text))
